/** A future that may take so long, and is cancelled when it takes longer. */
import { invalidType, outOfRange } from '../native/errors.js';
import { CancelledError, type Future } from '../reactor/future.js';
import type { TimerHandle } from '../reactor/timer.js';
import { failureOf } from './awaitables.js';
import { CancelRequest, cancelledWith, otherThanCancelled } from './cancel-request.js';
import { TimeoutError } from './errors.js';

/**
 * Ends as `inner` does, after it has ended. At the deadline, or when somebody asks, `inner` is cancelled: it ends with a
 * TimeoutError then, unless something else came of it, or as cancelled.
 */
export class Deadline<T> extends CancelRequest<T> {
  readonly #inner: Future<T>;
  #timer: TimerHandle | null = null;
  #when = Number.POSITIVE_INFINITY;
  #expired = false;
  #giveBack: (() => void) | null = null;

  constructor(inner: Future<T>) {
    super(
      inner.reactor.futures,
      ({ message }) => inner.cancel(message),
      () => this.#giveBack?.(),
    );
    this.#inner = inner;
    inner.addDoneCallback(() => this.#end());
  }

  /** On the reactor's clock, in milliseconds; Infinity where there is none. */
  get when(): number {
    return this.#when;
  }

  /** Whether the time was over before it was done. */
  get expired(): boolean {
    return this.#expired;
  }

  /** Sets the time anew. @param delay - milliseconds from now; Infinity: none. */
  reschedule(delay: number): void {
    if (this.done() || this.#expired) return;
    const { reactor } = this;
    this.#timer?.cancel();
    this.#timer = null;
    this.#when = delay === Number.POSITIVE_INFINITY ? delay : reactor.time() + delay;
    if (delay <= 0) this.#expire();
    else if (delay !== Number.POSITIVE_INFINITY) this.#timer = reactor.callLater(delay, () => this.#expire());
  }

  #expire(): void {
    if (this.#inner.done()) return;
    this.#expired = true;
    this.#inner.cancel('the time is over');
  }

  #end(): void {
    this.#timer?.cancel();
    const inner = this.#inner;
    const { request } = this;
    const failure = failureOf(inner);
    if (request !== null) {
      inner.giveBack();
      this.endCancelled(cancelledWith(request, failure?.error));
    } else if (failure === undefined) {
      const { value, giveBack } = inner.passOn();
      this.#giveBack = giveBack;
      this.setResult(value);
    } else {
      this.#fail(failure.error);
    }
  }

  #fail(error: unknown): void {
    if (error instanceof CancelledError && !this.#expired) {
      this.endCancelled(error);
      return;
    }
    // An error of the clean-up is not lost.
    const other = otherThanCancelled(error);
    this.setException(other === undefined ? new TimeoutError() : other);
  }
}

/** @returns milliseconds; Infinity: no limit. @throws TypeError, RangeError: it is no limit. */
export function limitOf(limit: number, name: string): number {
  if (typeof limit !== 'number') throw invalidType(name, 'a number of milliseconds', limit);
  if (Number.isNaN(limit) || limit === Number.NEGATIVE_INFINITY) {
    throw outOfRange(name, 'a number of milliseconds', limit);
  }
  return limit > 0 ? limit : 0;
}
