/** A flag that can be waited for. */
import type { Future } from '../reactor/future.js';
import { type SignalOptions, Wait } from './wait.js';
import { Waiters } from './waiters.js';

/**
 * Unset at first. Those who wait may belong to different reactors of the thread; each is woken by its own.
 *
 * @example
 * ```ts
 * const ready = new Event();
 * reactor.callLater(100, () => ready.set());
 * await ready.wait();
 * ```
 */
export class Event {
  readonly #waiters = new Waiters<Wait<true>>();
  #set = false;

  get isSet(): boolean {
    return this.#set;
  }

  /** Wakes all who wait, in the order in which they came, even if it is cleared before they run. */
  set(): void {
    this.#set = true;
    for (let waiter = this.#waiters.shift(); waiter !== null; waiter = this.#waiters.shift()) {
      waiter.hand(true);
    }
  }

  clear(): void {
    this.#set = false;
  }

  /**
   * Waits until it is set; where it is, for nothing.
   *
   * @returns its exception: the reason of `options.signal`.
   * @throws TypeError: bad options.
   */
  wait(options?: SignalOptions): Future<true> {
    const wait = new Wait<true>(options);
    if (wait.done()) return wait;
    if (this.#set) wait.hand(true);
    else wait.enter(this.#waiters);
    return wait;
  }
}
