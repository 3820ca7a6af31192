/** What is known of descriptors, by their numbers: an array, because it is asked at each event, and smaller than a Map. */
export class DescriptorTable<T> implements Iterable<T> {
  readonly #entries: (T | undefined)[] = [];

  get(fd: number): T | undefined {
    return this.#entries[fd];
  }

  set(fd: number, entry: T): void {
    // Filled up without holes: V8 would turn a sparse array into a hash table.
    while (this.#entries.length <= fd) this.#entries.push(undefined);
    this.#entries[fd] = entry;
  }

  /** @returns whether there was one. */
  delete(fd: number): boolean {
    if (this.#entries[fd] === undefined) return false;
    this.#entries[fd] = undefined;
    return true;
  }

  clear(): void {
    this.#entries.length = 0;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const entry of this.#entries) if (entry !== undefined) yield entry;
  }
}
