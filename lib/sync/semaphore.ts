/** A number of permits, to bound how many do something at the same time. */
import { checkInteger } from '../arguments.js';
import { StateError } from '../native/errors.js';
import type { Future } from '../reactor/future.js';
import { Holding, type Release, releaseAgain, runHolding } from './release.js';
import { type SignalOptions, Wait } from './wait.js';
import { Waiters } from './waiters.js';

/**
 * Whoever releases a permit hands it to the one who waits longest, so nobody who comes later is before another. More may
 * be released than was acquired; a {@link BoundedSemaphore} refuses that.
 *
 * Those who wait may belong to different reactors of the thread; each is woken by its own.
 *
 * @example
 * ```ts
 * const downloads = new Semaphore(8);
 * await downloads.run(() => download(url));
 * ```
 */
export class Semaphore {
  readonly #waiters = new Waiters<Wait<Release>>();
  #value: number;

  /**
   * @param value - how many permits there are at first.
   * @throws TypeError, RangeError: no whole number of at least 0.
   */
  constructor(value = 1) {
    checkInteger(value, 'value', 0, Number.MAX_SAFE_INTEGER);
    this.#value = value;
  }

  /** Whether an acquirer would have to wait. */
  get locked(): boolean {
    return this.#value === 0;
  }

  /** How many permits are free. */
  get value(): number {
    return this.#value;
  }

  /**
   * Waits for a permit. Whoever is cancelled meanwhile is passed over, also where a permit was handed to it already.
   *
   * @returns what releases it, once. Its exception: the reason of `options.signal`.
   * @throws TypeError: bad options.
   */
  acquire(options?: SignalOptions): Future<Release> {
    const wait = new Wait<Release>(options, releaseAgain);
    if (wait.done()) return wait;
    if (this.#value === 0) {
      wait.enter(this.#waiters);
      return wait;
    }
    this.#value--;
    wait.hand(this.#permit());
    return wait;
  }

  /** Gives back a permit, or adds one. */
  release(): void {
    const next = this.#waiters.shift();
    if (next === null) this.#value++;
    else next.hand(this.#permit());
  }

  /**
   * Holds a permit while `work` runs, and until its promise settles.
   *
   * @returns the result of `work`.
   * @throws (rejects) as `work`; TypeError: it is no function, or a generator function. StateError `ERR_IN_MICROTASK`, at
   * once: in a blocking run in which no promise moves.
   */
  run<T>(work: () => T | PromiseLike<T>): Promise<T> {
    return runHolding(() => this.acquire(), work);
  }

  #permit(): Release {
    let held = true;
    return new Holding(() => {
      if (!held) return;
      held = false;
      this.release();
    });
  }
}

/** A semaphore that never has more permits than at first: what is released too often is a mistake that it shows. */
export class BoundedSemaphore extends Semaphore {
  readonly #bound: number;

  /** @throws as {@link Semaphore}. */
  constructor(value = 1) {
    super(value);
    this.#bound = value;
  }

  /** Gives back a permit. @throws StateError `ERR_INVALID_STATE`: all are free. */
  override release(): void {
    if (this.value >= this.#bound) {
      throw new StateError('ERR_INVALID_STATE', `released too often: all ${this.#bound} permits are free`);
    }
    super.release();
  }
}
