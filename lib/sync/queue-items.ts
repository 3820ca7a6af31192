/** The order of a queue's items: first in first out, or last in first out. */

/** An item, and when it came: that is its place among others, also where it comes back. */
export interface Entry<T> {
  readonly item: T;
  readonly sequence: number;
}

/** The items of a queue, in its order. */
export interface QueueItems<T> {
  readonly size: number;
  /** Adds the entry that came last. */
  add(entry: Entry<T>): void;
  /** Takes out the next one. There must be one. */
  take(): Entry<T>;
  /** Adds one that was taken, in the place that it had. */
  putBack(entry: Entry<T>): void;
}

/** Places that became empty in front are dropped when they are so many, and at least half of all. */
const FRONT = 64;

export class FirstInFirstOut<T> implements QueueItems<T> {
  readonly #entries: (Entry<T> | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#entries.length - this.#head;
  }

  add(entry: Entry<T>): void {
    this.#entries.push(entry);
  }

  take(): Entry<T> {
    const entries = this.#entries;
    const entry = entries[this.#head] as Entry<T>;
    entries[this.#head++] = undefined;
    if (this.#head >= FRONT && this.#head * 2 >= entries.length) {
      entries.splice(0, this.#head);
      this.#head = 0;
    }
    return entry;
  }

  putBack(entry: Entry<T>): void {
    const entries = this.#entries;
    let index = this.#head;
    while ((entries[index]?.sequence ?? Number.POSITIVE_INFINITY) < entry.sequence) index++;
    entries.splice(index, 0, entry);
  }
}

export class LastInFirstOut<T> implements QueueItems<T> {
  readonly #entries: Entry<T>[] = [];

  get size(): number {
    return this.#entries.length;
  }

  add(entry: Entry<T>): void {
    this.#entries.push(entry);
  }

  take(): Entry<T> {
    return this.#entries.pop() as Entry<T>;
  }

  putBack(entry: Entry<T>): void {
    const entries = this.#entries;
    let index = entries.length;
    while ((entries[index - 1]?.sequence ?? 0) > entry.sequence) index--;
    entries.splice(index, 0, entry);
  }
}
