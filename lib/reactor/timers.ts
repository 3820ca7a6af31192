/** Timers: run in the order of their due times and, among equals, of when they were set. */
import { DueHeap } from './due-heap.js';
import type { Report } from './errors.js';
import { DUE, type Timer } from './timer.js';
import { NOWHERE, TimerTable } from './timer-table.js';

/** So many timers are a heap and nothing else. */
const FEW = 4_096;
/** Of more, the part that the heap takes at once: one of so many. */
const PARTS = 8;
const SAMPLES = 64;
/** Steps of this part of the table meet no rhythm in which timers were set. */
const GOLDEN = 0.618_033_988_749_895;
/** Timers that are read together before the first of them runs. */
const BATCH = 16;

/**
 * The timers of a reactor. All are in a table; the earliest of them, up to a horizon, also in a heap that fits the caches
 * of the processor. When it is used up, one pass over the table finds those up to the next horizon.
 */
export class Timers {
  readonly #table = new TimerTable<Timer>();
  // May hold slots that are empty by now.
  readonly #near = new DueHeap();
  // Of the slots before this one the heap has all that are due up to the horizon. The others are looked at when somebody asks
  // for the next timer: many are cancelled before, and in a run of due ones they have to wait.
  #seen = 0;
  #horizon = Number.POSITIVE_INFINITY;
  // With more than so many in the heap, the horizon is drawn anew.
  #limit = FEW;
  readonly #slots = new Uint32Array(BATCH);
  readonly #batch: (Timer | null)[] = new Array(BATCH).fill(null);

  get size(): number {
    return this.#table.size;
  }

  /** The earliest due time; Infinity where there is no timer. */
  get next(): number {
    if (this.#table.size === 0) return Number.POSITIVE_INFINITY;
    this.#look();
    return this.#earliest();
  }

  /** Sets a timer that is not set, behind those of the same due time. */
  add(timer: Timer): void {
    const table = this.#table;
    if (table.full) {
      const { end } = table;
      this.#seen = table.makeRoom(this.#seen);
      if (table.end !== end) this.#forgetNear();
    }
    table.add(timer);
  }

  remove(timer: Timer): void {
    const { slot } = timer;
    timer.slot = NOWHERE;
    if (slot < 0) return;
    this.#take(slot);
  }

  /**
   * Runs what is due at `now`. A timer that is set meanwhile waits for the next time, however early it is; one that is
   * cancelled or moved meanwhile does not run.
   *
   * @returns how many ran.
   */
  run(now: number, report: Report): number {
    this.#look();
    let ran = 0;
    for (let count = this.#takeDue(now); count > 0; count = this.#takeDue(now)) {
      for (let index = 0; index < count; index++) {
        const timer = this.#batch[index] as Timer | null;
        this.#batch[index] = null;
        if (timer === null || timer.slot !== DUE) continue;
        timer.slot = NOWHERE;
        ran++;
        try {
          timer.run();
        } catch (error) {
          report(error, { message: 'the callback of a timer threw', source: 'timer' });
        }
      }
    }
    return ran;
  }

  clear(): void {
    this.#table.clear();
    this.#reset();
  }

  /** Takes the next of the due ones out of the table, into the batch. @returns how many, with those that have gone. */
  #takeDue(now: number): number {
    const near = this.#near;
    const slots = this.#slots;
    while (near.size === 0 && this.#horizon < now) this.#advance();
    let count = 0;
    while (count < BATCH && near.size > 0 && near.time <= now) slots[count++] = near.pop();
    // Timers are far apart in memory. Touched one right after the other, the processor waits for all of them at once.
    for (let index = 0; index < count; index++) {
      const slot = slots[index] as number;
      const timer = this.#table.at(slot);
      this.#batch[index] = timer;
      if (timer === null) continue;
      timer.slot = DUE;
      this.#take(slot);
    }
    return count;
  }

  #take(slot: number): void {
    this.#table.remove(slot);
    if (this.#table.size > 0) return;
    this.#table.reset();
    this.#reset();
  }

  #reset(): void {
    this.#near.clear();
    this.#seen = 0;
    this.#horizon = Number.POSITIVE_INFINITY;
    this.#limit = FEW;
  }

  #forgetNear(): void {
    this.#near.clear();
    this.#horizon = Number.NEGATIVE_INFINITY;
  }

  /** Looks at what was set since. */
  #look(): void {
    const table = this.#table;
    const near = this.#near;
    const { end } = table;
    if (near.size + end - this.#seen > this.#limit) this.#forgetNear();
    for (let slot = this.#seen; slot < end; slot++) {
      const time = table.time(slot);
      if (time <= this.#horizon && table.at(slot) !== null) near.push(time, slot);
    }
    this.#seen = end;
  }

  /** The earliest due time of those looked at, which is then the top of the heap. */
  #earliest(): number {
    const near = this.#near;
    for (;;) {
      while (near.size > 0) {
        if (this.#table.at(near.slot) !== null) return near.time;
        near.pop();
      }
      if (this.#horizon === Number.POSITIVE_INFINITY) return this.#horizon;
      this.#advance();
    }
  }

  /** The heap is used up: draws the next horizon, and takes what is due up to it. */
  #advance(): void {
    const table = this.#table;
    const near = this.#near;
    if (table.size < table.end / 4) this.#seen = table.compact(this.#seen);
    this.#horizon = this.#nextHorizon();
    table.collect(near, this.#seen, this.#horizon);
    near.order();
    this.#limit = Math.max(FEW, 2 * near.size);
  }

  /** A due time up to which about a part of the timers are due, by a sample of them; at least one is. */
  #nextHorizon(): number {
    const { size } = this.#table;
    if (size <= FEW) return Number.POSITIVE_INFINITY;
    const times: number[] = [];
    for (let index = 0; index < SAMPLES; index++) {
      const slot = Math.floor(((index * GOLDEN) % 1) * this.#seen);
      if (this.#table.at(slot) !== null) times.push(this.#table.time(slot));
    }
    if (times.length === 0) return Number.POSITIVE_INFINITY;
    times.sort((a, b) => a - b);
    const part = Math.max(FEW / size, 1 / PARTS);
    return times[Math.floor(part * times.length)] as number;
  }
}
