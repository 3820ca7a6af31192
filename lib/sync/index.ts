/** Primitives by which tasks wait for each other. */
export { Barrier } from './barrier.js';
export { Condition } from './condition.js';
export { BrokenBarrierError, QueueError, type QueueErrorCode } from './errors.js';
export { Event } from './event.js';
export { LifoQueue } from './lifo-queue.js';
export { Lock } from './lock.js';
export type { Compare } from './priority-heap.js';
export { PriorityQueue } from './priority-queue.js';
export { Queue } from './queue.js';
export type { Release } from './release.js';
export { BoundedSemaphore, Semaphore } from './semaphore.js';
export type { SignalOptions } from './wait.js';
