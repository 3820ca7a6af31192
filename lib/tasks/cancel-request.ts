/** A future that is cancelled by asking: it ends when whoever works for it has let go. */
import { invalidType } from '../native/errors.js';
import { Future, type FutureOwner } from '../reactor/future.js';

export class CancelRequest<T> extends Future<T> {
  readonly #ask: (reason: string | undefined) => void;

  /**
   * @param ask - is to end the future, now or later, by {@link CancelRequest.endCancelled} or otherwise.
   * @param onReturn - as a {@link Future}'s.
   */
  constructor(
    owner: FutureOwner,
    ask: (reason: string | undefined) => void,
    onReturn: ((value: T) => void) | null = null,
  ) {
    super(owner, null, onReturn);
    this.#ask = ask;
  }

  /** Asks to end it. @returns `false`: it was done already. */
  override cancel(reason?: string): boolean {
    if (reason !== undefined && typeof reason !== 'string') throw invalidType('reason', 'a string', reason);
    if (this.done()) return false;
    this.#ask(reason);
    return true;
  }

  /** Whoever worked for it has let go. */
  endCancelled(reason?: string): void {
    super.cancel(reason);
  }
}
