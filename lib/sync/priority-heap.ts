/** A binary heap: the smallest item is next, of equal ones that which came first. */
import type { Entry, QueueItems } from './queue-items.js';

/** As of `Array.prototype.sort`. */
export type Compare<T> = (a: T, b: T) => number;

/** Compares before it moves anything, so that a comparison that throws leaves it as it was. */
export class PriorityHeap<T> implements QueueItems<T> {
  readonly #compare: Compare<T>;
  readonly #entries: Entry<T>[] = [];
  // Those that came back. They are compared when somebody takes one, who then gets what a comparison throws: whoever puts
  // one back is being cancelled, and must be able to.
  readonly #returned: Entry<T>[] = [];

  constructor(compare: Compare<T>) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#entries.length + this.#returned.length;
  }

  add(entry: Entry<T>): void {
    const size = this.#entries.length;
    const path = [size];
    for (let index = size; index > 0; path.push(index)) {
      index = (index - 1) >> 1;
      if (!this.#isBefore(entry, this.#at(index))) break;
    }
    this.#moveAlong(path, entry);
  }

  take(): Entry<T> {
    this.#addReturned();
    const first = this.#at(0);
    const size = this.#entries.length - 1;
    const last = this.#at(size);
    const path = [0];
    for (let index = 0; ; path.push(index)) {
      const left = 2 * index + 1;
      if (left >= size) break;
      const right = left + 1;
      index = right < size && this.#isBefore(this.#at(right), this.#at(left)) ? right : left;
      if (!this.#isBefore(this.#at(index), last)) break;
    }
    this.#moveAlong(path, last);
    this.#entries.length = size;
    return first;
  }

  putBack(entry: Entry<T>): void {
    this.#returned.push(entry);
  }

  #addReturned(): void {
    for (let entry = this.#returned.at(-1); entry !== undefined; entry = this.#returned.at(-1)) {
      this.add(entry);
      this.#returned.pop();
    }
  }

  /** Moves each entry of the path to the place before it, and `entry` to the last place. */
  #moveAlong(path: readonly number[], entry: Entry<T>): void {
    let hole = -1;
    for (const index of path) {
      if (hole >= 0) this.#entries[hole] = this.#at(index);
      hole = index;
    }
    this.#entries[hole] = entry;
  }

  #at(index: number): Entry<T> {
    return this.#entries[index] as Entry<T>;
  }

  #isBefore(a: Entry<T>, b: Entry<T>): boolean {
    const order = this.#compare(a.item, b.item);
    return order < 0 || (order === 0 && a.sequence < b.sequence);
  }
}
