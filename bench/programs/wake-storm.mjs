/**
 * Threads that wake one selector as often as they can.
 *
 *   node bench/programs/wake-storm.mjs [--workers 4] [--wakes 100000]
 *
 * Each worker counts up, and wakes the owner of the selector after each step. At the end of every burst it waits until
 * the owner has seen its count: had the last wake of a burst been lost, both would wait for each other, and the owner's
 * wait would end by its limit. Prints one line of JSON: `wakes`, the `waits` of the owner, the `writes` that the whole
 * process made meanwhile (where the system counts them), and `milliseconds`.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { createSelector } from '../../dist/lib/index.js';

const { values } = parseArgs({
  options: { workers: { type: 'string', default: '4' }, wakes: { type: 'string', default: '100000' } },
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

/** Writes of this process, by all its threads. */
function writes() {
  if (process.platform !== 'linux') return Number.NaN;
  return Number(/^syscw: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}

const selector = createSelector();
const nothing = () => {};
const program = new URL('waking-worker.mjs', import.meta.url);
for (let index = 0; index < workers; index++) {
  new Worker(program, { workerData: { waker: selector.waker.handle, index, wakes, gate, ...memory } });
}
// The workers start while this thread's own loop goes on; then it belongs to the selector.
while (Atomics.load(gate, 0) < workers) await new Promise((resolve) => setTimeout(resolve, 1));

const writesBefore = writes();
const waitsBefore = selector.stats.waits;
const start = performance.now();
Atomics.store(gate, 1, 1);
Atomics.notify(gate, 1);
for (let done = 0; done < workers; ) {
  const waiting = performance.now();
  selector.dispatch(LIMIT, nothing);
  if (performance.now() - waiting >= LIMIT) throw new Error(`a wake was lost: nobody woke for ${LIMIT} ms`);
  done = 0;
  for (let index = 0; index < workers; index++) {
    const count = Atomics.load(memory.woken, index);
    if (count === wakes) done++;
    if (count === Atomics.load(memory.seen, index)) continue;
    Atomics.store(memory.seen, index, count);
    Atomics.notify(memory.seen, index);
  }
}
const milliseconds = performance.now() - start;
const waits = selector.stats.waits - waitsBefore;
const written = writes() - writesBefore;
console.log(JSON.stringify({ wakes: workers * wakes, waits, writes: written, milliseconds }));
