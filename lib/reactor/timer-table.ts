/** The timers that are set, by slot: a slot for each setting, in the order of the settings. */
import type { DueHeap } from './due-heap.js';

/** Where a timer is when it is not in the table. */
export const NOWHERE = -1;

/** What the table knows of a timer. */
export interface Slotted {
  /** Its slot in the table, or less than zero. */
  slot: number;
  /** Due time, milliseconds. */
  readonly when: number;
}

const INITIAL_CAPACITY = 64;
/** Slots that an empty table keeps: what a crowd took is given back, but no memory is allocated for each of a few. */
const KEPT_CAPACITY = 4_096;

/**
 * A slot is used once; that of a timer that has gone stays empty until all of them are numbered anew. So slots tell which
 * of two was set first, and a slot that was noted elsewhere never means another timer. What goes through the table goes
 * through memory in order, and nearly so through the timers.
 */
export class TimerTable<T extends Slotted> {
  readonly #timers: (T | null)[] = [];
  // Due times also here, so that searching them reads no timer.
  #times = new Float64Array(INITIAL_CAPACITY);
  #end = 0;
  #size = 0;

  /** Timers. */
  get size(): number {
    return this.#size;
  }

  /** Slots that were used. */
  get end(): number {
    return this.#end;
  }

  /** Whether there is no slot left. */
  get full(): boolean {
    return this.#end === this.#times.length;
  }

  /** The timer of a slot, if it has not gone. */
  at(slot: number): T | null {
    return this.#timers[slot] ?? null;
  }

  time(slot: number): number {
    return this.#times[slot] as number;
  }

  /** Gives a timer the next slot, of which there must be one. */
  add(timer: T): void {
    const slot = this.#end++;
    timer.slot = slot;
    this.#times[slot] = timer.when;
    this.#timers[slot] = timer;
    this.#size++;
  }

  /** Empties a slot. The timer still says that it has it. */
  remove(slot: number): void {
    this.#timers[slot] = null;
    this.#size--;
  }

  /** Makes room in a full table: by new numbers where half of the slots are empty. @returns as `compact`. */
  makeRoom(mark: number): number {
    if (this.#size <= this.#end / 2) return this.compact(mark);
    this.#resize(2 * this.#times.length);
    return mark;
  }

  /** Numbers the slots anew, without the empty ones. @returns how many of the timers have been before the slot `mark`. */
  compact(mark: number): number {
    const timers = this.#timers;
    const times = this.#times;
    let next = 0;
    let before = 0;
    for (let slot = 0; slot < this.#end; slot++) {
      if (slot === mark) before = next;
      const timer = timers[slot] as T | null;
      if (timer === null) continue;
      timer.slot = next;
      timers[next] = timer;
      times[next] = times[slot] as number;
      next++;
    }
    if (mark >= this.#end) before = next;
    timers.fill(null, next, this.#end);
    this.#end = next;
    if (next < times.length / 4 && times.length > KEPT_CAPACITY) this.#resize(times.length / 2);
    return before;
  }

  /** Appends to a heap what is due at `last` or before and stands before the slot `end`. */
  collect(heap: DueHeap, end: number, last: number): void {
    const timers = this.#timers;
    const times = this.#times;
    for (let slot = 0; slot < end; slot++) {
      const time = times[slot] as number;
      if (time <= last && timers[slot] !== null) heap.append(time, slot);
    }
  }

  /** Drops all. */
  clear(): void {
    for (let slot = 0; slot < this.#end; slot++) {
      const timer = this.#timers[slot] as T | null;
      if (timer !== null) timer.slot = NOWHERE;
      this.#timers[slot] = null;
    }
    this.reset();
  }

  /** Where no timer is left, begins anew with the first slot. */
  reset(): void {
    this.#end = 0;
    this.#size = 0;
    if (this.#times.length <= KEPT_CAPACITY) return;
    this.#timers.length = 0;
    this.#times = new Float64Array(INITIAL_CAPACITY);
  }

  #resize(capacity: number): void {
    const times = new Float64Array(capacity);
    times.set(this.#times.subarray(0, this.#end));
    this.#times = times;
    if (this.#timers.length > capacity) this.#timers.length = capacity;
  }
}
