/** What is known of descriptors, by their numbers: an array, because it is asked at each event, and smaller than a Map. */
export class DescriptorTable<T> implements Iterable<T> {
  readonly #entries: (T | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(fd: number): T | undefined {
    return this.#entries[fd];
  }

  set(fd: number, entry: T): void {
    // Filled up without holes: V8 would turn a sparse array into a hash table.
    while (this.#entries.length <= fd) this.#entries.push(undefined);
    if (this.#entries[fd] === undefined) this.#size++;
    this.#entries[fd] = entry;
  }

  /** @returns whether there was one. */
  delete(fd: number): boolean {
    if (this.#entries[fd] === undefined) return false;
    this.#entries[fd] = undefined;
    this.#size--;
    return true;
  }

  clear(): void {
    this.#entries.length = 0;
    this.#size = 0;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const entry of this.#entries) if (entry !== undefined) yield entry;
  }
}
