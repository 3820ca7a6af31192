/** A future that waits in a line until something is handed to it. */
import { setMaxListeners } from 'node:events';
import { checkObject, checkSignal } from '../arguments.js';
import { currentReactor } from '../reactor/ambient.js';
import { Future } from '../reactor/future.js';
import type { Waiter } from './waiters.js';

export interface SignalOptions {
  /** Ends the wait: its future is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Where one can wait. */
export interface Line<W> {
  /** @returns what takes it out again. */
  add(waiter: W): () => void;
}

/** It belongs to the current reactor, and to no line yet. Where its signal is aborted already, it is rejected. */
export class Wait<T> extends Future<T> implements Waiter {
  readonly #signal: AbortSignal | undefined;
  #leave: (() => void) | null = null;

  /** @param onReturn - as a {@link Future}'s. */
  constructor(options: SignalOptions = {}, onReturn: ((value: T) => void) | null = null) {
    checkObject(options, 'options');
    const { signal } = options;
    checkSignal(signal);
    super(currentReactor().futures, () => this.leave(), onReturn);
    this.#signal = signal;
    if (signal?.aborted) this.setException(signal.reason);
  }

  /** Goes into a line, which may hand it something at once. */
  enter(line: Line<this>): void {
    const leave = line.add(this);
    if (this.done()) return;
    const signal = this.#signal;
    if (signal === undefined) {
      this.#leave = leave;
      return;
    }
    const abort = () => this.fail(signal.reason);
    // Any number may wait for the same signal, and each takes its listener off again: that is no leak to warn of.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', abort);
    this.#leave = () => {
      leave();
      signal.removeEventListener('abort', abort);
    };
  }

  leave(): void {
    this.#leave?.();
    this.#leave = null;
  }

  /** Ends the wait with a result. */
  hand(value: T): void {
    this.leave();
    this.setResult(value);
  }

  /** Ends the wait with an exception, unless other code has ended it. */
  fail(error: unknown): void {
    this.leave();
    if (!this.done()) this.setException(error);
  }

  abandon(): void {
    super.cancel('the reactor of the one who waited was closed');
  }
}
