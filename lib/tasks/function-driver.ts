/** Drives an async function: it begins, and ends, and hears of a cancellation by its signal. */
import type { CancelledError } from '../reactor/future.js';
import { begin } from './current.js';
import type { Driven, Driver } from './driver.js';
import type { Task } from './task.js';

/** What is called with a signal that a cancellation aborts. */
export type Begin = (signal: AbortSignal) => unknown;

export class FunctionDriver<T> implements Driver {
  readonly #task: Task<T>;
  readonly #driven: Driven<T>;
  readonly #controller = new AbortController();

  constructor(task: Task<T>, driven: Driven<T>) {
    this.#task = task;
    this.#driven = driven;
  }

  /** @returns what the function returns. @throws what it throws. */
  begin(work: Begin): unknown {
    return begin(this.#task, () => work(this.#controller.signal));
  }

  cancel(reason: CancelledError): void {
    this.#controller.abort(reason);
  }

  /** The task ends as the promise does. @throws StateError `ERR_IN_MICROTASK`: in a blocking run in which none moves. */
  follow(promise: PromiseLike<T>): void {
    const { futures } = this.#driven;
    futures.promises.begin();
    promise.then(
      (value) => {
        futures.promises.end();
        this.#driven.succeed(value);
      },
      (error: unknown) => {
        futures.promises.end();
        this.#driven.fail(this.#isAbortion(error) ? this.#controller.signal.reason : error);
      },
    );
  }

  /** Whether an error says that the signal was obeyed. */
  #isAbortion(error: unknown): boolean {
    if (!this.#controller.signal.aborted) return false;
    return error instanceof Error && error.name === 'AbortError';
  }
}
