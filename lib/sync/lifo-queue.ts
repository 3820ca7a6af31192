/** A queue that gives what was put last. */
import { Queue } from './queue.js';
import { LastInFirstOut } from './queue-items.js';

/** A {@link Queue} of the order last in, first out. */
export class LifoQueue<T> extends Queue<T> {
  /** @throws as {@link Queue}. */
  constructor(maxSize?: number) {
    super(maxSize, new LastInFirstOut<T>());
  }
}
