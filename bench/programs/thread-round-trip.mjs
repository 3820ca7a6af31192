/**
 * How long it takes to wake another thread and be woken by it.
 *
 *   node bench/programs/thread-round-trip.mjs --by Waker|MessagePort|Atomics.wait [--times 10000]
 *
 * Prints one line of JSON: `p50`, `p99` and `min` of the round trips, microseconds.
 */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { createSelector, Waker } from '../../dist/lib/index.js';
import { quantile } from '../support/statistics.mjs';

const { values } = parseArgs({
  options: { by: { type: 'string', default: 'Waker' }, times: { type: 'string', default: '10000' } },
});
const times = Number(values.times);
// Until V8 has compiled both sides.
const WARM_UP = Math.ceil(times / 10);

const selector = createSelector();
/** Two words: the ping and the pong. */
const words = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
const workerData = { by: values.by, waker: selector.waker.handle, words };
const worker = new Worker(new URL('answering-worker.mjs', import.meta.url), { workerData });
const [handle] = await once(worker, 'message');

/** @type {number[]} */
const samples = [];
/** @param {number} start */
function record(start) {
  samples.push(1000 * (performance.now() - start));
}

switch (values.by) {
  case 'Waker': {
    const peer = Waker.from(handle);
    while (samples.length < WARM_UP + times) {
      const start = performance.now();
      peer.wake();
      selector.select();
      record(start);
    }
    break;
  }
  case 'Atomics.wait': {
    for (let turn = 1; samples.length < WARM_UP + times; turn++) {
      const start = performance.now();
      Atomics.store(words, 0, turn);
      Atomics.notify(words, 0);
      while (Atomics.load(words, 1) < turn) Atomics.wait(words, 1, turn - 1);
      record(start);
    }
    break;
  }
  case 'MessagePort': {
    await new Promise((resolve) => {
      let start = 0;
      const next = () => {
        start = performance.now();
        worker.postMessage(0);
      };
      worker.on('message', () => {
        record(start);
        if (samples.length < WARM_UP + times) next();
        else resolve(undefined);
      });
      next();
    });
    break;
  }
  default:
    throw new Error(`--by must be Waker, MessagePort or Atomics.wait, not '${values.by}'`);
}
await worker.terminate();
const measured = samples.slice(WARM_UP);
const [p50, p99] = [quantile(measured, 0.5), quantile(measured, 0.99)];
console.log(JSON.stringify({ p50, p99, min: Math.min(...measured) }));
