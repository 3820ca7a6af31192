/** Waiting for a change of what a lock guards. */
import { types } from 'node:util';
import { checkFunction, checkInteger } from '../arguments.js';
import { invalidType, invalidValue, StateError } from '../native/errors.js';
import type { Future } from '../reactor/future.js';
import { ConditionWait } from './condition-wait.js';
import { Lock } from './lock.js';
import type { Release } from './release.js';
import { Wait } from './wait.js';
import { Waiters } from './waiters.js';

/**
 * Whoever holds the lock waits until another one, who holds it then, notifies of a change. Several conditions may share
 * a lock. Those who wait may belong to different reactors of the thread; each is woken by its own.
 *
 * @example
 * ```ts
 * using release = await condition.acquire();
 * await condition.waitFor(() => stock.length > 0);
 * const taken = stock.pop();
 * ```
 */
export class Condition {
  readonly #lock: Lock;
  readonly #waiters = new Waiters<ConditionWait>();

  /**
   * @param lock - one of its own where it is left out.
   * @throws TypeError: no Lock.
   */
  constructor(lock: Lock = new Lock()) {
    if (!(lock instanceof Lock)) throw invalidType('lock', 'a Lock', lock);
    this.#lock = lock;
  }

  /** Waits for the lock, as {@link Lock.acquire}. */
  acquire(): Future<Release> {
    return this.#lock.acquire();
  }

  /** Releases the lock. @throws as {@link Lock.release}. */
  release(): void {
    this.#lock.release();
  }

  /**
   * Releases the lock, waits to be notified, and for the lock again: in whatever way it ends, by a cancellation too, the
   * lock is held then, by what it was held by before. A notification that went to one who was cancelled goes on to the
   * next.
   *
   * @throws StateError `ERR_INVALID_STATE`: the lock is not held.
   */
  wait(): Future<true> {
    return this.#wait(null);
  }

  /**
   * Waits until `predicate`, which is asked now and whenever this was notified, returns true. Where it does at once, the
   * lock is not needed.
   *
   * @returns its exception: what `predicate` throws later.
   * @throws what `predicate` throws now; as {@link Condition.wait}. TypeError: it is no function; `ERR_INVALID_ARG_VALUE`:
   * it returns a promise.
   */
  waitFor(predicate: () => boolean): Future<true> {
    checkFunction(predicate, 'predicate');
    const holds = () => answerOf(predicate);
    if (!holds()) return this.#wait(holds);
    const wait = new Wait<true>();
    wait.hand(true);
    return wait;
  }

  /**
   * Wakes those who wait longest. They go on when they have the lock.
   *
   * @param count - how many at most.
   * @throws TypeError, RangeError: the count is no whole number of at least 0. StateError `ERR_INVALID_STATE`: the lock is
   * not held.
   */
  notify(count = 1): void {
    checkInteger(count, 'count', 0, Number.MAX_SAFE_INTEGER);
    this.#checkHeld();
    this.#notify(count);
  }

  /** Wakes all who wait. @throws StateError `ERR_INVALID_STATE`: the lock is not held. */
  notifyAll(): void {
    this.#checkHeld();
    this.#notify(this.#waiters.size);
  }

  #checkHeld(): void {
    if (this.#lock.locked) return;
    throw new StateError('ERR_INVALID_STATE', 'the lock of the condition is not held: acquire it first');
  }

  #wait(predicate: (() => boolean) | null): Future<true> {
    this.#checkHeld();
    const owner = { lock: this.#lock, waiters: this.#waiters, notifyNext: () => this.#notify(1) };
    return new ConditionWait(owner, predicate);
  }

  #notify(count: number): void {
    for (let left = count; left > 0; left--) {
      const waiter = this.#waiters.shift();
      if (waiter === null) return;
      waiter.acquire();
    }
  }
}

/** @throws TypeError: it is a promise, or a generator, which would be taken for true. */
function answerOf(predicate: () => boolean): boolean {
  const answer = predicate();
  const { then } = Object(answer) as Partial<PromiseLike<unknown>>;
  if (typeof then !== 'function' && !types.isGeneratorObject(answer)) return answer;
  throw invalidValue('what predicate returns', 'true or false, at once', answer);
}
