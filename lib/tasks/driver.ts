/** What drives a task: a generator from yield to yield, or an async function as a whole. */
import type { CancelledError, FutureOwner } from '../reactor/future.js';

export interface Driver {
  /** Has it end, or hear of the cancellation where it waits. */
  cancel(reason: CancelledError): void;
}

/** What a driver tells its task. */
export interface Driven<T> {
  readonly futures: FutureOwner;
  succeed(value: T): void;
  fail(error: unknown): void;
}
