/** A 4-ary heap of due times and slots: of numbers alone, so that nothing it moves is an object in the heap of V8. */

const CHILDREN = 4;
const INITIAL_CAPACITY = 64;
/** What a crowd took is given back when all is dropped; but no memory is allocated for each of a few. */
const KEPT_CAPACITY = 4_096;

/** Ordered by due time, and among equals by slot. */
export class DueHeap {
  // Times in an array of their own, so that finding the least of four children reads one cache line.
  #times = new Float64Array(INITIAL_CAPACITY);
  #slots = new Uint32Array(INITIAL_CAPACITY);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The earliest due time. Only where there is one. */
  get time(): number {
    return this.#times[0] as number;
  }

  /** The slot of the earliest. Only where there is one. */
  get slot(): number {
    return this.#slots[0] as number;
  }

  /** Adds one where it belongs. */
  push(time: number, slot: number): void {
    this.append(time, slot);
    this.#rise(this.#size - 1, time, slot);
  }

  /** Adds one at the end, whatever its time: until `order()` this is no heap. */
  append(time: number, slot: number): void {
    const place = this.#size++;
    if (place === this.#times.length) this.#grow();
    this.#times[place] = time;
    this.#slots[place] = slot;
  }

  /** Orders what was appended. */
  order(): void {
    for (let place = (this.#size - 2) >> 2; place >= 0; place--) {
      this.#sink(place, this.#times[place] as number, this.#slots[place] as number);
    }
  }

  /** Takes the earliest out, of which there must be one. @returns its slot. */
  pop(): number {
    const slot = this.#slots[0] as number;
    const last = --this.#size;
    if (last > 0) this.#sink(0, this.#times[last] as number, this.#slots[last] as number);
    return slot;
  }

  /** Drops all. */
  clear(): void {
    this.#size = 0;
    if (this.#times.length > KEPT_CAPACITY) this.#resize(INITIAL_CAPACITY);
  }

  #rise(from: number, time: number, slot: number): void {
    const times = this.#times;
    const slots = this.#slots;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 2;
      const above = times[parent] as number;
      if (above < time || (above === time && (slots[parent] as number) < slot)) break;
      times[place] = above;
      slots[place] = slots[parent] as number;
      place = parent;
    }
    times[place] = time;
    slots[place] = slot;
  }

  #sink(from: number, time: number, slot: number): void {
    const times = this.#times;
    const slots = this.#slots;
    const size = this.#size;
    let place = from;
    for (;;) {
      const first = CHILDREN * place + 1;
      if (first >= size) break;
      const end = Math.min(first + CHILDREN, size);
      let least = first;
      let leastTime = times[first] as number;
      for (let child = first + 1; child < end; child++) {
        const childTime = times[child] as number;
        if (
          childTime < leastTime ||
          (childTime === leastTime && (slots[child] as number) < (slots[least] as number))
        ) {
          least = child;
          leastTime = childTime;
        }
      }
      if (time < leastTime || (time === leastTime && slot < (slots[least] as number))) break;
      times[place] = leastTime;
      slots[place] = slots[least] as number;
      place = least;
    }
    times[place] = time;
    slots[place] = slot;
  }

  #grow(): void {
    this.#resize(2 * this.#times.length);
  }

  #resize(capacity: number): void {
    const times = new Float64Array(capacity);
    const slots = new Uint32Array(capacity);
    if (this.#size > 0) {
      times.set(this.#times);
      slots.set(this.#slots);
    }
    this.#times = times;
    this.#slots = slots;
  }
}
