/** A lock for what must not be entered twice. */
import { StateError } from '../native/errors.js';
import type { Future } from '../reactor/future.js';
import { Holding, type Release, releaseAgain, runHolding } from './release.js';
import { type SignalOptions, Wait } from './wait.js';
import { type Waiter, Waiters } from './waiters.js';

/** Somebody who waits for a lock. */
export interface LockWaiter extends Waiter {
  /** What it holds the lock by. */
  readonly holding: Holding;
  /** It has the lock. */
  receive(): void;
}

class Acquisition extends Wait<Release> implements LockWaiter {
  readonly holding: Holding;

  constructor(options: SignalOptions | undefined, holding: Holding) {
    super(options, releaseAgain);
    this.holding = holding;
  }

  receive(): void {
    this.hand(this.holding);
  }
}

/**
 * Held by one at a time. Whoever releases it hands it to the one who waits longest, so nobody who comes later is before
 * another. It is not reentrant, and belongs to nobody: any code may release it.
 *
 * Those who wait may belong to different reactors of the thread; each is woken by its own.
 *
 * @example
 * ```ts
 * using release = await lock.acquire();
 * // In a generator task: using release = yield* value(lock.acquire());
 * ```
 */
export class Lock {
  readonly #waiters = new Waiters<LockWaiter>();
  #holder: Holding | null = null;

  readonly #giveBack = (holding: Holding): void => {
    if (holding === this.#holder) this.release();
  };

  get locked(): boolean {
    return this.#holder !== null;
  }

  /**
   * Waits for the lock. Whoever is cancelled meanwhile is passed over, also where the lock was handed to it already.
   *
   * @returns what releases it, which does nothing once the lock was released otherwise. Its exception: the reason of
   * `options.signal`.
   * @throws TypeError: bad options.
   */
  acquire(options?: SignalOptions): Future<Release> {
    const acquisition = new Acquisition(options, new Holding(this.#giveBack));
    if (!acquisition.done()) acquisition.enter(this);
    return acquisition;
  }

  /**
   * Releases the lock, whoever holds it.
   *
   * @throws StateError `ERR_INVALID_STATE`: nobody does.
   */
  release(): void {
    this.pass();
  }

  /**
   * Holds the lock while `work` runs, and until its promise settles.
   *
   * @returns the result of `work`.
   * @throws (rejects) as `work`; TypeError: it is no function, or a generator function. StateError `ERR_IN_MICROTASK`, at
   * once: in a blocking run in which no promise moves.
   */
  run<T>(work: () => T | PromiseLike<T>): Promise<T> {
    return runHolding(() => this.acquire(), work);
  }

  /** @internal Gives it the lock, now or when its turn comes. @returns what takes it out of the line. */
  add(waiter: LockWaiter): () => void {
    if (this.#holder !== null) return this.#waiters.add(waiter);
    this.#holder = waiter.holding;
    waiter.receive();
    return () => {};
  }

  /** @internal Passes the lock on. @returns what it was held by. @throws as {@link Lock.release}. */
  pass(): Holding {
    const holding = this.#holder;
    if (holding === null) throw new StateError('ERR_INVALID_STATE', 'the lock is not held: acquire it first');
    const next = this.#waiters.shift();
    this.#holder = next?.holding ?? null;
    next?.receive();
    return holding;
  }
}
