/** Timers: an indexed 4-ary heap, ordered by due time and, among equals, by when they were set. */
import { AsyncResource } from 'node:async_hooks';
import { StateError } from '../native/errors.js';
import type { Handle } from './callbacks.js';
import type { Report } from './errors.js';
import { checkReturned } from './promises.js';

/** A callback that runs once at a due time, never before. */
export interface TimerHandle extends Handle {
  /** Due time on the reactor's clock, milliseconds. */
  readonly when: number;
  /**
   * Runs `delay` milliseconds from now instead; one that has run, runs again.
   *
   * @throws StateError `ERR_INVALID_STATE`: it was cancelled; `ERR_CLOSED`: its reactor is.
   * TypeError, RangeError: as `callLater`.
   */
  reschedule(delay: number): void;
}

/** What a timer needs of its reactor. */
export interface TimerOwner {
  /** Moves a timer to `delay` milliseconds from now. */
  moveTimer(timer: Timer, delay: number): void;
  removeTimer(timer: Timer): void;
}

/** Where a timer is when it is not in the heap. */
const NOWHERE = -1;
const DUE = -2;
const CHILDREN = 4;
const INITIAL_CAPACITY = 64;

/** A timer; its callback runs in the asynchronous context in which it was set. */
export class Timer extends AsyncResource implements TimerHandle {
  /** Its place in the heap, or one of the above. */
  place = NOWHERE;
  /** Tells equal due times apart. */
  sequence = 0;
  when: number;
  cancelled = false;
  readonly #owner: TimerOwner;
  #callback: (() => void) | null;

  constructor(owner: TimerOwner, when: number, callback: () => void) {
    super('iomux.Timer');
    this.#owner = owner;
    this.when = when;
    this.#callback = callback;
  }

  cancel(): void {
    if (this.place === NOWHERE) return;
    this.#owner.removeTimer(this);
    this.cancelled = true;
    this.#callback = null;
  }

  reschedule(delay: number): void {
    if (this.cancelled) throw new StateError('ERR_INVALID_STATE', 'the timer was cancelled: set a new one');
    this.#owner.moveTimer(this, delay);
  }

  run(): void {
    if (this.#callback === null) return;
    const returned: unknown = this.runInAsyncScope(this.#callback);
    if (returned !== undefined) checkReturned(returned);
  }
}

export class Timers {
  // The heap: due times in an array of their own, so that finding the least of four children reads one cache line.
  #times = new Float64Array(INITIAL_CAPACITY);
  readonly #timers: Timer[] = [];
  #sequence = 0;
  readonly #due: Timer[] = [];

  get size(): number {
    return this.#timers.length;
  }

  /** The earliest due time; Infinity where there is no timer. */
  get next(): number {
    return this.#timers.length === 0 ? Number.POSITIVE_INFINITY : (this.#times[0] as number);
  }

  /** Sets a timer that is not in the heap, behind those of the same due time. */
  add(timer: Timer): void {
    const place = this.#timers.length;
    if (place === this.#times.length) this.#grow();
    timer.sequence = this.#sequence++;
    this.#timers.push(timer);
    this.#rise(timer, place);
  }

  remove(timer: Timer): void {
    const { place } = timer;
    timer.place = NOWHERE;
    if (place < 0) return;
    const last = this.#timers.pop() as Timer;
    if (last === timer) return;
    // The last takes the place. It may belong above or below it.
    this.#rise(last, this.#sink(last, place));
  }

  /**
   * Runs what is due at `now`. A timer that is set meanwhile waits for the next time, however early it is; one that is
   * cancelled or moved meanwhile does not run.
   *
   * @returns how many ran.
   */
  run(now: number, report: Report): number {
    const due = this.#due;
    while (this.next <= now) {
      const timer = this.#timers[0] as Timer;
      this.remove(timer);
      timer.place = DUE;
      due.push(timer);
    }
    let ran = 0;
    for (const timer of due) {
      if (timer.place !== DUE) continue;
      timer.place = NOWHERE;
      ran++;
      try {
        timer.run();
      } catch (error) {
        report(error, { message: 'the callback of a timer threw', source: 'timer' });
      }
    }
    due.length = 0;
    return ran;
  }

  clear(): void {
    for (const timer of this.#timers) timer.place = NOWHERE;
    this.#timers.length = 0;
  }

  /** Places a timer at `place` or above, where its time belongs. */
  #rise(timer: Timer, place: number): void {
    const times = this.#times;
    const timers = this.#timers;
    const { when } = timer;
    while (place > 0) {
      const parent = (place - 1) >> 2;
      const time = times[parent] as number;
      if (when > time) break;
      const above = timers[parent] as Timer;
      if (when === time && timer.sequence > above.sequence) break;
      this.#put(above, time, place);
      place = parent;
    }
    this.#put(timer, when, place);
  }

  /** Makes a hole at `place` wander down to where `timer` may stand. */
  #sink(timer: Timer, place: number): number {
    const times = this.#times;
    const timers = this.#timers;
    const { when } = timer;
    const size = timers.length;
    for (;;) {
      const first = CHILDREN * place + 1;
      if (first >= size) return place;
      const end = Math.min(first + CHILDREN, size);
      let least = first;
      let leastTime = times[first] as number;
      for (let child = first + 1; child < end; child++) {
        const time = times[child] as number;
        if (
          time < leastTime ||
          (time === leastTime && (timers[child] as Timer).sequence < (timers[least] as Timer).sequence)
        ) {
          least = child;
          leastTime = time;
        }
      }
      const below = timers[least] as Timer;
      if (when < leastTime || (when === leastTime && timer.sequence < below.sequence)) return place;
      this.#put(below, leastTime, place);
      place = least;
    }
  }

  #put(timer: Timer, time: number, place: number): void {
    this.#timers[place] = timer;
    this.#times[place] = time;
    timer.place = place;
  }

  #grow(): void {
    const times = new Float64Array(2 * this.#times.length);
    times.set(this.#times);
    this.#times = times;
  }
}
