/** Items from those who make them to those who use them. */
import { checkInteger } from '../arguments.js';
import { StateError } from '../native/errors.js';
import type { Future } from '../reactor/future.js';
import { QueueError } from './errors.js';
import { type Entry, FirstInFirstOut, type QueueItems } from './queue-items.js';
import { QueueIterator } from './queue-iterator.js';
import { Wait } from './wait.js';
import { Waiters } from './waiters.js';

class Get<T> extends Wait<T> {
  #entry: Entry<T> | null = null;

  constructor(putBack: (entry: Entry<T>) => void) {
    super(undefined, () => {
      if (this.#entry !== null) putBack(this.#entry);
    });
  }

  receive(entry: Entry<T>): void {
    this.#entry = entry;
    this.hand(entry.item);
  }
}

class Put<T> extends Wait<void> {
  constructor(readonly item: T) {
    super();
  }
}

/**
 * First in, first out. An item goes to the one who waits longest for one; a free place, to the item that waits longest for
 * one. Nobody who comes later is before another.
 *
 * A `get()` that is cancelled takes nothing: an item that was handed to it already has its old place again. A `put()` is
 * done when its item is in the queue: cancelled before, it puts nothing.
 *
 * Those who wait may belong to different reactors of the thread; each is woken by its own.
 *
 * @example
 * ```ts
 * const lines = new Queue<string>(100);
 * for await (const line of lines) console.log(line); // until lines.close()
 * ```
 */
export class Queue<T> implements AsyncIterable<T> {
  readonly #maxSize: number;
  readonly #items: QueueItems<T>;
  readonly #getting = new Waiters<Get<T>>();
  readonly #putting = new Waiters<Put<T>>();
  readonly #joining = new Waiters<Wait<void>>();
  #sequence = 0;
  #unfinished = 0;
  #closed = false;

  // In place of a closure for each get().
  readonly #putBack = (entry: Entry<T>): void => {
    const get = this.#getting.shift();
    if (get === null) this.#items.putBack(entry);
    else get.receive(entry);
  };

  /**
   * @param maxSize - how many items it holds; 0: any number.
   * @throws TypeError, RangeError: no whole number of at least 0.
   */
  constructor(maxSize?: number);
  /** @internal */
  constructor(maxSize: number | undefined, items: QueueItems<T>);
  constructor(maxSize = 0, items: QueueItems<T> = new FirstInFirstOut<T>()) {
    checkInteger(maxSize, 'maxSize', 0, Number.MAX_SAFE_INTEGER);
    this.#maxSize = maxSize;
    this.#items = items;
  }

  /** How many items are in it. Those that came back after a cancelled `get()` may make it more than it should hold. */
  get size(): number {
    return this.#items.size;
  }

  /** Whether a `put()` would have to wait. */
  get full(): boolean {
    return this.#maxSize > 0 && this.size >= this.#maxSize;
  }

  get empty(): boolean {
    return this.size === 0;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Puts an item, when there is a place for it.
   *
   * @returns its exception: QueueError `ERR_QUEUE_CLOSED`.
   */
  put(item: T): Future<void> {
    const put = new Put(item);
    if (this.#closed) {
      put.fail(refusesItems());
    } else if (this.full) {
      put.enter(this.#putting);
    } else {
      this.#accept(item);
      put.hand();
    }
    return put;
  }

  /**
   * Takes the next item, when there is one.
   *
   * @returns its exception: QueueError `ERR_QUEUE_CLOSED`, after the last item that was put before.
   */
  get(): Future<T> {
    const get = new Get<T>(this.#putBack);
    if (!this.empty) get.receive(this.#take());
    else if (this.#closed) get.fail(hasNoMore());
    else get.enter(this.#getting);
    return get;
  }

  /** Puts an item at once. @throws QueueError `ERR_QUEUE_FULL`, `ERR_QUEUE_CLOSED`. */
  putNowait(item: T): void {
    if (this.#closed) throw refusesItems();
    if (this.full) throw new QueueError('ERR_QUEUE_FULL', `the queue is full: it holds ${this.size} items`);
    this.#accept(item);
  }

  /** Takes the next item at once. @throws QueueError `ERR_QUEUE_EMPTY`, `ERR_QUEUE_CLOSED`. */
  getNowait(): T {
    if (!this.empty) return this.#take().item;
    throw this.#closed ? hasNoMore() : new QueueError('ERR_QUEUE_EMPTY', 'the queue is empty');
  }

  /**
   * Says that an item, which was got before, is done with.
   *
   * @throws StateError `ERR_INVALID_STATE`: all that were put are done with already.
   */
  taskDone(): void {
    if (this.#unfinished === 0) {
      throw new StateError('ERR_INVALID_STATE', 'taskDone() was called more often than items were put');
    }
    this.#unfinished--;
    if (this.#unfinished > 0) return;
    for (let next = this.#joining.shift(); next !== null; next = this.#joining.shift()) next.hand();
  }

  /** Waits until each item that was put is done with, by {@link Queue.taskDone}. */
  join(): Future<void> {
    const wait = new Wait<void>();
    if (this.#unfinished === 0) wait.hand();
    else wait.enter(this.#joining);
    return wait;
  }

  /**
   * Takes no item any more. What was put before is still to be got; after the last one `get()` fails, and iteration ends.
   * A `put()` that waits fails. Again: nothing.
   */
  close(): void {
    this.#closed = true;
    for (let next = this.#putting.shift(); next !== null; next = this.#putting.shift()) {
      next.fail(refusesItems());
    }
    for (let next = this.#getting.shift(); next !== null; next = this.#getting.shift()) {
      next.fail(hasNoMore());
    }
  }

  /** Takes items until the queue is closed and the last one is taken. Ended early, it leaves the others in the queue. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return new QueueIterator(this);
  }

  /** To the one who waits longest for one; where nobody does, into the queue. */
  #accept(item: T): void {
    const entry = { item, sequence: this.#sequence };
    const get = this.#getting.shift();
    if (get === null) this.#items.add(entry);
    else get.receive(entry);
    this.#sequence++;
    this.#unfinished++;
  }

  #take(): Entry<T> {
    const entry = this.#items.take();
    while (!this.full) {
      const put = this.#putting.shift();
      if (put === null) break;
      this.#admit(put);
    }
    return entry;
  }

  #admit(put: Put<T>): void {
    try {
      this.#accept(put.item);
      put.hand();
    } catch (error) {
      // Its comparison threw: that is of no concern to the one who takes another item.
      put.fail(error);
    }
  }
}

function refusesItems(): QueueError {
  return new QueueError('ERR_QUEUE_CLOSED', 'the queue is closed: it takes no items any more');
}

function hasNoMore(): QueueError {
  return new QueueError('ERR_QUEUE_CLOSED', 'the queue is closed, and there are no items any more');
}
