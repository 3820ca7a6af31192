/**
 * Messages from a thread that posts as fast as it can: to a reactor, or to a MessagePort.
 *
 *   node bench/programs/posts.mjs --by hosted|blocking|MessagePort [--count 100000]
 *
 * Prints one line of JSON: `messagesPerSecond` from the first to the last, and `cpuMicroseconds` of the whole process
 * for each. Every message is looked at: they arrive in order, and none twice.
 */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { Reactor } from '../../dist/lib/index.js';

const { values } = parseArgs({
  options: { by: { type: 'string', default: 'hosted' }, count: { type: 'string', default: '100000' } },
});
const count = Number(values.count);
// Until V8 has compiled both sides.
const WARM_UP = Math.ceil(count / 5);

/** 1 once the worker may begin, and 1 once it is past the warm-up. */
const gate = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
let received = 0;
let start = 0;
let cpuBefore = process.cpuUsage();

/**
 * @param {{ index: number }} message
 * @returns {boolean} whether it was the last.
 */
function receive({ index }) {
  if (index !== received) throw new Error(`message ${index} came in place of message ${received}`);
  received++;
  if (received === WARM_UP) {
    cpuBefore = process.cpuUsage();
    start = performance.now();
    Atomics.store(gate, 1, 1);
    Atomics.notify(gate, 1);
  }
  if (received < WARM_UP + count) return false;
  const messagesPerSecond = (1000 * count) / (performance.now() - start);
  const { user, system } = process.cpuUsage(cpuBefore);
  console.log(
    JSON.stringify({ messages: count, messagesPerSecond, cpuMicroseconds: (user + system) / count }),
  );
  return true;
}

/** @param {unknown} remote - where to post; `null`: to this thread's port. */
function startWorker(remote) {
  const workerData = { remote, gate, warmUp: WARM_UP, count };
  return new Worker(new URL('posting-worker.mjs', import.meta.url), { workerData });
}

if (values.by === 'MessagePort') {
  const worker = startWorker(null);
  worker.on('message', (message) => {
    if (receive(message)) worker.terminate();
  });
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
} else {
  const reactor = new Reactor();
  const worker = startWorker(reactor.remote.handle);
  reactor.onMessage = (message) => {
    if (receive(/** @type {{ index: number }} */ (message))) reactor.stop();
  };
  // A thread starts with the help of this one's loop, which stands still once the reactor blocks.
  await once(worker, 'online');
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  if (values.by === 'hosted') await reactor.run();
  else reactor.runForever();
  reactor.close();
  await worker.terminate();
}
