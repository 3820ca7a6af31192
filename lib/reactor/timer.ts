/** One timer: a callback, when it is due, and where it is until then. */
import { AsyncResource } from 'node:async_hooks';
import { StateError } from '../native/errors.js';
import type { Handle } from './callbacks.js';
import { checkReturned } from './promises.js';
import { NOWHERE } from './timer-table.js';

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

/** The slot of a timer that is about to run. */
export const DUE = -2;

// A double and its halves. As a field of its own V8 makes a double an object; a million timers are a million fewer without.
const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);

/** A timer; its callback runs in the asynchronous context in which it was set. */
export class Timer extends AsyncResource implements TimerHandle {
  /** Its slot in the table, or one of the above. */
  slot = NOWHERE;
  // The due time, in halves.
  #low = 0;
  #high = 0;
  readonly #owner: TimerOwner;
  #callback: (() => void) | null;

  constructor(owner: TimerOwner, when: number, callback: () => void) {
    super('iomux.Timer');
    this.#owner = owner;
    this.when = when;
    this.#callback = callback;
  }

  get when(): number {
    halves[0] = this.#low;
    halves[1] = this.#high;
    return double[0] as number;
  }

  set when(when: number) {
    double[0] = when;
    this.#low = halves[0] as number;
    this.#high = halves[1] as number;
  }

  get cancelled(): boolean {
    return this.#callback === null;
  }

  cancel(): void {
    if (this.slot === NOWHERE) return;
    this.#owner.removeTimer(this);
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
