/** A future that may take so long, and is cancelled when it takes longer. */
import type { Future } from '../reactor/future.js';
import { CancelledError } from '../reactor/future.js';
import type { TimerHandle } from '../reactor/timers.js';
import { failureOf } from './awaitables.js';
import { CancelRequest } from './cancel-request.js';
import { TimeoutError } from './errors.js';

/**
 * Ends as `inner` does, after it has ended. At the deadline, or when somebody asks, `inner` is cancelled: it ends with a
 * TimeoutError then, or as cancelled, unless something else came of it.
 */
export class Deadline<T> extends CancelRequest<T> {
  readonly #inner: Future<T>;
  readonly #onCancel: (reason: CancelledError) => void;
  #timer: TimerHandle | null = null;
  #when = Number.POSITIVE_INFINITY;
  #expired = false;
  #request: { readonly reason: string | undefined } | null = null;

  /** @param onCancel - told when `inner` is about to be cancelled. */
  constructor(inner: Future<T>, onCancel: (reason: CancelledError) => void = () => {}) {
    const { reactor } = inner;
    super(
      reactor.futures,
      (reason) => this.#ask(reason),
      () => inner.giveBack(),
    );
    this.#inner = inner;
    this.#onCancel = onCancel;
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
    this.#cancelInner('the time is over');
  }

  #ask(reason: string | undefined): void {
    this.#request = { reason };
    this.#cancelInner(reason);
  }

  #cancelInner(reason: string | undefined): void {
    this.#onCancel(new CancelledError(reason));
    this.#inner.cancel(reason);
  }

  #end(): void {
    this.#timer?.cancel();
    const inner = this.#inner;
    const failure = failureOf(inner);
    // An error of the clean-up is not lost, whoever cancelled.
    if (failure !== undefined && !(failure.error instanceof CancelledError)) {
      this.setException(failure.error);
    } else if (this.#request !== null) {
      inner.giveBack();
      this.endCancelled(this.#request.reason);
    } else if (failure === undefined) {
      this.setResult(inner.passOn());
    } else if (this.#expired) {
      this.setException(new TimeoutError());
    } else {
      this.endCancelled((failure.error as CancelledError).message);
    }
  }
}
