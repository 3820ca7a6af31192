/** A point that is passed when everybody is there. */
import { checkInteger } from '../arguments.js';
import type { Future } from '../reactor/future.js';
import { BrokenBarrierError } from './errors.js';
import { Wait } from './wait.js';
import { Waiters } from './waiters.js';

/**
 * Lets its parties go on when as many as it has wait for it, and then waits for as many again.
 *
 * Those who wait may belong to different reactors of the thread; each is woken by its own.
 *
 * @example
 * ```ts
 * const index = await barrier.wait();
 * if (index === 0) console.log('everybody is here');
 * ```
 */
export class Barrier {
  readonly #parties: number;
  readonly #waiters = new Waiters<Wait<number>>();
  #broken = false;

  /**
   * @param parties - how many have to wait for it.
   * @throws TypeError, RangeError: no whole number of at least 1.
   */
  constructor(parties: number) {
    checkInteger(parties, 'parties', 1, Number.MAX_SAFE_INTEGER);
    this.#parties = parties;
  }

  /** Whether it was aborted, and not reset since. */
  get broken(): boolean {
    return this.#broken;
  }

  /**
   * Waits for the others. Whoever is cancelled meanwhile, or whose reactor is closed, has not come: another one is
   * waited for.
   *
   * @returns a number from 0, who came first, to the number of parties less one. Its exception: BrokenBarrierError
   * `ERR_BROKEN_BARRIER`.
   */
  wait(): Future<number> {
    const wait = new Wait<number>();
    if (this.#broken) {
      wait.fail(new BrokenBarrierError('the barrier was aborted: reset() makes it whole'));
      return wait;
    }
    if (this.#waiters.size >= this.#parties - 1) this.#waiters.dropAbandoned();
    if (this.#waiters.size < this.#parties - 1) {
      wait.enter(this.#waiters);
      return wait;
    }
    for (let index = 0, next = this.#waiters.shift(); next !== null; next = this.#waiters.shift()) {
      next.hand(index++);
    }
    wait.hand(this.#parties - 1);
    return wait;
  }

  /** Makes it as new. Those who wait get a BrokenBarrierError. */
  reset(): void {
    this.#broken = false;
    this.#failAll('the barrier was reset');
  }

  /** Breaks it: those who wait, and those who come, get a BrokenBarrierError. */
  abort(): void {
    this.#broken = true;
    this.#failAll('the barrier was aborted');
  }

  #failAll(message: string): void {
    for (let waiter = this.#waiters.shift(); waiter !== null; waiter = this.#waiters.shift()) {
      waiter.fail(new BrokenBarrierError(message));
    }
  }
}
