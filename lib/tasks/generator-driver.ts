/** Drives a generator: each yield waits for what was yielded. */
import { invalidType, StateError } from '../native/errors.js';
import type { CancelledError, Future } from '../reactor/future.js';
import { futureOf } from '../reactor/future-of.js';
import { failureOf } from './awaitables.js';
import { cancelledWith } from './cancel-request.js';
import { type Coroutine, isCoroutine } from './coroutine.js';
import { step } from './current.js';
import type { Task } from './task.js';

/** What a driver tells its task. */
export interface Driven<T> {
  succeed(value: T): void;
  fail(error: unknown): void;
}

export class GeneratorDriver<T> {
  readonly #task: Task<T>;
  readonly #driven: Driven<T>;
  readonly #coroutine: Coroutine<T>;
  #awaited: Future<unknown> | null = null;
  #working = false;
  // Whether what it waits for is being cancelled at this moment.
  #cancelling = false;
  // Requested, and not thrown into the generator yet.
  #cancellation: CancelledError | null = null;

  constructor(task: Task<T>, driven: Driven<T>, coroutine: Coroutine<T>) {
    this.#task = task;
    this.#driven = driven;
    this.#coroutine = coroutine;
  }

  begin(): void {
    this.#next(undefined);
  }

  /** Has it end, or hear of the cancellation where it waits. */
  cancel(reason: CancelledError): void {
    this.#cancellation = reason;
    const awaited = this.#awaited;
    if (this.#working || awaited === null) return;
    if (awaited.done()) {
      // Its call is under way, and will throw the cancellation.
      awaited.giveBack();
    } else if (this.#cancelling) {
      // What it waits for waits for this task, and closes a circle: somebody must begin to end.
      awaited.removeDoneCallback(this.#wake);
      this.#awaited = null;
      this.#task.reactor.callSoon(() => this.#next(undefined));
    } else {
      this.#cancelling = true;
      awaited.cancel(reason.message);
      this.#cancelling = false;
    }
  }

  /** Runs the generator to its next yield. */
  #step(resume: () => IteratorResult<unknown, T>): void {
    this.#working = true;
    let result: IteratorResult<unknown, T>;
    try {
      result = step(this.#task, resume);
    } catch (error) {
      this.#driven.fail(error);
      return;
    } finally {
      this.#working = false;
    }
    if (result.done !== true) this.#wait(result.value);
    else if (this.#cancellation === null) this.#driven.succeed(result.value);
    else this.#driven.fail(this.#cancellation);
  }

  #wait(yielded: unknown): void {
    let awaited: Future<unknown>;
    try {
      if (yielded === undefined) {
        this.#task.reactor.callSoon(() => this.#next(undefined));
        return;
      }
      awaited = futureOf(this.#checked(yielded), this.#task.reactor.futures, 'what a task yields');
    } catch (error) {
      this.#task.reactor.callSoon(() => this.#throw(error));
      return;
    }
    this.#awaited = awaited;
    awaited.addDoneCallback(this.#wake);
    // It may have cancelled itself.
    if (this.#cancellation !== null && !awaited.cancel(this.#cancellation.message)) awaited.giveBack();
  }

  /** @throws what is thrown at the yield. */
  #checked(yielded: unknown): PromiseLike<unknown> {
    if (yielded === this.#task) {
      throw new StateError('ERR_INVALID_STATE', `${this.#task.name} waits for itself`);
    }
    if (isCoroutine(yielded)) {
      throw invalidType('what a task yields', 'a Future or a promise (`yield*` runs a generator)', yielded);
    }
    return yielded as PromiseLike<unknown>;
  }

  readonly #wake = (awaited: Future<unknown>): void => {
    this.#awaited = null;
    const failure = failureOf(awaited);
    if (failure !== undefined) {
      this.#throw(failure.error);
    } else if (this.#cancellation === null) {
      this.#next(awaited.result());
    } else {
      awaited.giveBack();
      this.#throw(this.#cancellation);
    }
  };

  #next(result: unknown): void {
    if (this.#cancellation === null) this.#step(() => this.#coroutine.next(result));
    else this.#throw(this.#cancellation);
  }

  #throw(error: unknown): void {
    const cancellation = this.#cancellation;
    this.#cancellation = null;
    const thrown = cancellation === null ? error : cancelledWith(cancellation, error);
    this.#step(() => this.#coroutine.throw(thrown));
  }
}
