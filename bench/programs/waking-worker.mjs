/** A worker of wake-storm.mjs: bursts of wakes, and after each a wait until the owner has seen what it was woken for. */
import { workerData } from 'node:worker_threads';
import { Waker } from '../../dist/lib/index.js';

/** Bursts of 1 to this many: alone, a wake finds the owner waiting; among others, awake or about to wait. */
const LONGEST_BURST = 16;
const PATIENCE = 20_000;

const { waker: handle, index, wakes, gate, woken, seen } = workerData;
const waker = Waker.from(handle);
Atomics.add(gate, 0, 1);
Atomics.wait(gate, 1, 0);

let burst = index;
for (let count = 0; count < wakes; ) {
  burst = (burst % LONGEST_BURST) + 1;
  for (let left = burst; left > 0 && count < wakes; left--) {
    Atomics.store(woken, index, ++count);
    if (!waker.wake()) throw new Error('the owner is closed');
  }
  for (let known = Atomics.load(seen, index); known < count; known = Atomics.load(seen, index)) {
    if (Atomics.wait(seen, index, known, PATIENCE) === 'timed-out') throw new Error('a wake was lost');
  }
}
