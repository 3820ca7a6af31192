/** The items of a queue by `for await`, until it is closed. */
import type { Future } from '../reactor/future.js';
import { QueueError } from './errors.js';

/** What it iterates over. */
interface Source<T> {
  get(): Future<T>;
}

export class QueueIterator<T> implements AsyncIterableIterator<T> {
  readonly #queue: Source<T>;
  readonly #waiting = new Set<Future<T>>();
  #ended = false;

  constructor(queue: Source<T>) {
    this.#queue = queue;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#ended) return { value: undefined, done: true };
    const get = this.#queue.get();
    this.#waiting.add(get);
    try {
      return { value: await get, done: false };
    } catch (error) {
      if (!this.#ended && !isClosed(error)) throw error;
      this.#ended = true;
      return { value: undefined, done: true };
    } finally {
      this.#waiting.delete(get);
    }
  }

  /** Also ends what `next()` waits for, so that it takes no item that nobody would see. */
  async return(): Promise<IteratorResult<T, undefined>> {
    this.#ended = true;
    for (const get of this.#waiting) get.cancel();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function isClosed(error: unknown): boolean {
  return error instanceof QueueError && error.code === 'ERR_QUEUE_CLOSED';
}
