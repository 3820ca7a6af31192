/**
 * Threads that wake one selector as often as they can.
 *
 *   node bench/programs/wake-storm.mjs [--workers 4] [--wakes 100000] [--counted]
 *
 * Each worker counts up, and wakes the owner of the selector after each step. At the end of every burst it waits until
 * the owner has seen its count: had the last wake of a burst been lost, both would wait for each other, and the owner's
 * wait would end by its limit. With `--counted` the workers ring a socket in place of the selector's own bell, so that
 * no ring goes uncounted, and nothing else that the process writes is counted. Prints one line of JSON: `wakes`, the
 * `waits` of the owner, `milliseconds`, and where they are counted the `rings` (system calls of those who wake) and how
 * many there were `ringsBeyondWaits`.
 */
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { createSelector, EVENT_READ, Socket } from '../../dist/lib/index.js';

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '4' },
    wakes: { type: 'string', default: '100000' },
    counted: { type: 'boolean', default: false },
  },
});
const workers = Number(values.workers);
const wakes = Number(values.wakes);
/** Longer than any machine lets a thread wait for its turn, milliseconds. */
const LIMIT = 10_000;

/** Shared, a word for each worker: how often it has woken the owner, and how often the owner knows of. */
const memory = { woken: new Int32Array(shared(workers)), seen: new Int32Array(shared(workers)) };
/** Workers that are ready, and 1 once they may begin. */
const gate = new Int32Array(shared(2));

/** @param {number} words */
function shared(words) {
  return new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT);
}

const selector = createSelector();
// A kqueue is rung by an event of its own.
const counted = values.counted && selector.backend !== 'kqueue';
const [bell, rope] = Socket.pair();
/** As an eventfd wants it, a ring writes one number. */
const RING = BigUint64Array.BYTES_PER_ELEMENT;
const received = Buffer.alloc(4096);
let rings = 0;
const count = () => {
  rings += Math.max(bell.recv(received), 0) / RING;
};
selector.register(bell, EVENT_READ, count);

const { fd, state } = selector.waker.handle;
const waker = { fd: counted ? rope.fileno() : fd, state };
const program = new URL('waking-worker.mjs', import.meta.url);
for (let index = 0; index < workers; index++) {
  new Worker(program, { workerData: { waker, index, wakes, gate, ...memory } });
}
// The workers start while this thread's own loop goes on; then it belongs to the selector.
while (Atomics.load(gate, 0) < workers) await new Promise((resolve) => setTimeout(resolve, 1));

const waitsBefore = selector.stats.waits;
const start = performance.now();
Atomics.store(gate, 1, 1);
Atomics.notify(gate, 1);
for (let done = 0; done < workers; ) {
  const waiting = performance.now();
  selector.dispatch(LIMIT, count);
  if (performance.now() - waiting >= LIMIT) throw new Error(`a wake was lost: nobody woke for ${LIMIT} ms`);
  done = 0;
  for (let index = 0; index < workers; index++) {
    const woken = Atomics.load(memory.woken, index);
    if (woken === wakes) done++;
    if (woken === Atomics.load(memory.seen, index)) continue;
    Atomics.store(memory.seen, index, woken);
    Atomics.notify(memory.seen, index);
  }
}
const milliseconds = performance.now() - start;
const waits = selector.stats.waits - waitsBefore;
count();
const ringing = counted ? { rings, ringsBeyondWaits: rings - waits } : {};
console.log(JSON.stringify({ wakes: workers * wakes, waits, milliseconds, ...ringing }));
