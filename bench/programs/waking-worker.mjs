/**
 * A worker of wake-storm.mjs: bursts of wakes, and after each a wait until the owner has seen what it was woken for.
 * Whether a wake finds the owner waiting, and rings, is up to the scheduler; but the first worker begins with one that
 * does, so that no storm is without a ring.
 */
import { workerData } from 'node:worker_threads';
import { Waker } from '../../dist/lib/index.js';

/** Bursts of 1 to this many: alone, a wake finds the owner waiting; among others, awake or about to wait. */
const LONGEST_BURST = 16;
const PATIENCE = 20_000;
/** What the first word of a waker says while its owner waits (src-native/waker.h). */
const WAITING = 1;

const { waker: handle, index, wakes, gate, woken, seen } = workerData;
const waker = Waker.from(handle);
Atomics.add(gate, 0, 1);
Atomics.wait(gate, 1, 0);
if (index === 0) {
  const state = new Int32Array(handle.state);
  // In vain until the others sleep, if they were quicker: then the owner waits for this one alone.
  while (Atomics.load(state, 0) !== WAITING) Atomics.wait(gate, 1, 1, 1);
}

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
