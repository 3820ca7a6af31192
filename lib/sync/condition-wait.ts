/** One wait for a condition: gives up the lock, is notified, and has the lock again before it ends in whatever way. */
import { Callback } from '../reactor/callbacks.js';
import { checkReason } from '../reactor/future.js';
import type { Lock, LockWaiter } from './lock.js';
import type { Holding } from './release.js';
import { Wait } from './wait.js';
import type { Waiters } from './waiters.js';

/** What a wait needs of its condition. */
export interface ConditionOwner {
  readonly lock: Lock;
  readonly waiters: Waiters<ConditionWait>;
  /** Notifies another one, as this one was notified but is cancelled. */
  notifyNext(): void;
}

export class ConditionWait extends Wait<true> implements LockWaiter {
  /** The same before and after: whoever acquired the lock releases it by what he got then. */
  readonly holding: Holding;
  readonly #owner: ConditionOwner;
  readonly #predicate: (() => boolean) | null;
  #phase: 'waiting' | 'acquiring' | 'evaluating' = 'waiting';
  #cancelled: { readonly reason: string | undefined } | null = null;
  #evaluation: Callback<[]> | null = null;

  /**
   * @param predicate - what must hold when the wait ends; none: it ends when it was notified.
   * @throws StateError `ERR_INVALID_STATE`: the lock is not held.
   */
  constructor(owner: ConditionOwner, predicate: (() => boolean) | null) {
    super(undefined, () => owner.notifyNext());
    this.#owner = owner;
    this.#predicate = predicate;
    this.holding = owner.lock.pass();
    this.#wait();
  }

  /** It is notified, and taken out of the line: now it waits for the lock. */
  acquire(): void {
    this.#phase = 'acquiring';
    this.enter(this.#owner.lock);
  }

  receive(): void {
    if (this.#cancelled !== null) {
      super.cancel(this.#cancelled.reason);
    } else if (this.#evaluation === null) {
      this.hand(true);
    } else {
      this.#phase = 'evaluating';
      this.reactor.futures.enqueue(this.#evaluation);
    }
  }

  /** Ends the wait, when it has the lock again. */
  override cancel(reason?: string): boolean {
    checkReason(reason);
    if (this.done()) return false;
    if (this.#cancelled !== null) return true;
    if (this.#phase !== 'waiting') this.#owner.notifyNext();
    if (this.#phase === 'evaluating') return super.cancel(reason);
    this.#cancelled = { reason };
    if (this.#phase === 'waiting') {
      this.leave();
      this.acquire();
    }
    return true;
  }

  override abandon(): void {
    // One that waits for the lock was notified; one that is cancelled has passed that on already.
    if (this.#phase === 'acquiring' && this.#cancelled === null) this.#owner.notifyNext();
    super.abandon();
  }

  #wait(): void {
    this.#phase = 'waiting';
    // Made here, so that the predicate runs in the asynchronous context of whoever waits.
    if (this.#predicate !== null) this.#evaluation = new Callback(() => this.#evaluate(), []);
    this.enter(this.#owner.waiters);
  }

  /** In an iteration of its own, as the predicate is the user's: it must not run inside of another one's `release()`. */
  #evaluate(): void {
    if (this.done()) return;
    try {
      if (this.#predicate?.()) {
        this.hand(true);
        return;
      }
      this.#owner.lock.pass();
      this.#wait();
    } catch (error) {
      this.fail(error);
    }
  }
}
