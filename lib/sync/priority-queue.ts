/** A queue that gives what is smallest. */
import { checkFunction } from '../arguments.js';
import { invalidType } from '../native/errors.js';
import type { Future } from '../reactor/future.js';
import { type Compare, PriorityHeap } from './priority-heap.js';
import { Queue } from './queue.js';

/**
 * A {@link Queue} that gives the smallest item first; of equal ones that which was put first.
 *
 * @example
 * ```ts
 * const jobs = new PriorityQueue<Job>(0, (a, b) => a.priority - b.priority);
 * ```
 */
export class PriorityQueue<T> extends Queue<T> {
  readonly #natural: boolean;

  /**
   * @param compare - as of `Array.prototype.sort`; left out, items are compared by `<`, and must be numbers, bigints,
   * strings or dates. What it throws, the `put()` or `get()` that needed it throws, or its future is rejected with.
   * @throws as {@link Queue}; TypeError: it is no function.
   */
  constructor(maxSize?: number, compare?: Compare<T>) {
    if (compare !== undefined) checkFunction(compare, 'compare');
    super(maxSize, new PriorityHeap<T>(compare ?? ascending));
    this.#natural = compare === undefined;
  }

  /** @throws TypeError: the item cannot be compared. */
  override put(item: T): Future<void> {
    this.#check(item);
    return super.put(item);
  }

  /** @throws as {@link Queue.putNowait}. TypeError: the item cannot be compared. */
  override putNowait(item: T): void {
    this.#check(item);
    super.putNowait(item);
  }

  #check(item: T): void {
    if (!this.#natural || isOrdered(item)) return;
    throw invalidType('item', 'a number, bigint, string or Date where the queue has no compare', item);
  }
}

function ascending<T>(a: T, b: T): number {
  if (a < b) return -1;
  return a > b ? 1 : 0;
}

/** Arrays and objects can be compared by `<` as well, but as texts, which nobody means. */
function isOrdered(item: unknown): boolean {
  if (typeof item === 'number') return !Number.isNaN(item);
  if (item instanceof Date) return !Number.isNaN(item.getTime());
  return typeof item === 'bigint' || typeof item === 'string';
}
