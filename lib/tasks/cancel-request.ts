/** A future that is cancelled by asking: it ends when whoever works for it has let go. */
import { CancelledError, checkReason, Future, type FutureOwner } from '../reactor/future.js';

export class CancelRequest<T> extends Future<T> {
  readonly #ask: (request: CancelledError) => void;
  #request: CancelledError | null = null;

  /**
   * @internal
   *
   * @param ask - is to end the future, now or later, by {@link CancelRequest.endCancelled} or otherwise.
   * @param onReturn - as a {@link Future}'s.
   */
  constructor(
    owner: FutureOwner,
    ask: (request: CancelledError) => void,
    onReturn: ((value: T) => void) | null = null,
  ) {
    super(owner, null, onReturn);
    this.#ask = ask;
  }

  /** @internal What was asked for last. */
  get request(): CancelledError | null {
    return this.#request;
  }

  /** Asks to end it. @returns `false`: it was done already. */
  override cancel(reason?: string): boolean {
    checkReason(reason);
    if (this.done()) return false;
    this.#request = new CancelledError(reason);
    this.#ask(this.#request);
    return true;
  }
}

/** What an error is besides a cancellation: the error, or what went wrong when whoever was cancelled let go. */
export function otherThanCancelled(error: unknown): unknown {
  return error instanceof CancelledError ? error.cause : error;
}

/** A cancellation that was asked for, and what came of it: neither is lost. */
export function cancelledWith(request: CancelledError, error: unknown): CancelledError {
  const cause = otherThanCancelled(error);
  return cause === undefined ? request : new CancelledError(request.message, { cause });
}
