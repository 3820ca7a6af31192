/** Coroutines and async functions that a reactor runs. */
import { types } from 'node:util';
import { checkObject } from '../arguments.js';
import { invalidType, StateError } from '../native/errors.js';
import { currentReactor } from '../reactor/ambient.js';
import type { Handle } from '../reactor/callbacks.js';
import { CancelledError, type FutureOwner } from '../reactor/future.js';
import { follow } from '../reactor/promises.js';
import { Reactor } from '../reactor/reactor.js';
import { CancelRequest } from './cancel-request.js';
import { type Coroutine, disown, isCoroutine, isThenable, makesCoroutine } from './coroutine.js';
import { begin, forget, remember } from './current.js';
import { GeneratorDriver } from './generator-driver.js';

/** A generator object, a generator function, or an async function that gets a signal aborted by `task.cancel()`. */
export type Work<T> = Coroutine<T> | (() => Coroutine<T>) | ((signal: AbortSignal) => Promise<T>);

export interface TaskOptions {
  /** For messages; `Task-1` and so on where it is left out. */
  readonly name?: string;
  /** The running one where it is left out, else the default one. */
  readonly reactor?: Reactor;
}

/** What is called with a signal that a cancellation aborts. */
type Begin = (signal: AbortSignal) => unknown;

let made = 0;
// The generators of tasks: each has one.
const taken = new WeakSet<object>();

/**
 * Work that a reactor runs, from the next iteration on, and its result.
 *
 * Its reactor holds it until it is done. An exception that nobody looked at is reported to the reactor's `onError`.
 */
export class Task<T> extends CancelRequest<T> {
  readonly name: string;
  #driver: GeneratorDriver<T> | null = null;
  // Whose signal is aborted when it is cancelled, where there is one.
  #controller: AbortController | null;
  // Until it begins.
  #beginning: Handle | null;

  /** @internal Use {@link createTask}. */
  constructor(reactor: Reactor, work: Work<T>, name: string, controller: AbortController | null) {
    super(futuresOf(reactor, name), (request) => this.#cancel(request));
    this.name = name;
    this.#controller = controller;
    this.#beginning = reactor.callSoon(() => this.#begin(work));
    remember(this as Task<unknown>);
  }

  /** `pending`: it has not begun. */
  get state(): 'pending' | 'running' | 'done' | 'cancelled' {
    if (this.done()) return this.cancelled() ? 'cancelled' : 'done';
    return this.#beginning === null ? 'running' : 'pending';
  }

  /** @throws StateError `ERR_INVALID_STATE`: only the work of a task can set its result. */
  override setResult(): never {
    throw new StateError('ERR_INVALID_STATE', `the result of ${this.name} is what its work returns`);
  }

  /** @throws StateError `ERR_INVALID_STATE`: as {@link Task.setResult}. */
  override setException(): never {
    throw new StateError('ERR_INVALID_STATE', `the exception of ${this.name} is what its work throws`);
  }

  #begin(work: Work<T>): void {
    this.#beginning = null;
    try {
      this.#drive(work);
    } catch (error) {
      this.#fail(error);
    }
  }

  #drive(work: Work<T>): void {
    if (typeof work !== 'function') this.#driveCoroutine(work);
    else if (makesCoroutine(work)) this.#driveCoroutine((work as () => Coroutine<T>)());
    else this.#call(work as Begin);
  }

  #driveCoroutine(coroutine: Coroutine<T>): void {
    const driven = {
      succeed: (value: T) => this.#succeed(value),
      fail: (error: unknown) => this.#fail(error),
    };
    this.#driver = new GeneratorDriver(this, driven, coroutine);
    this.#driver.begin();
  }

  #call(work: Begin): void {
    const { promises } = this.reactor.futures;
    if (types.isAsyncFunction(work)) promises.check();
    this.#controller ??= new AbortController();
    const { signal } = this.#controller;
    const returned = begin(this, () => work(signal));
    if (isCoroutine(returned)) {
      this.#driveCoroutine(returned as Coroutine<T>);
    } else if (isThenable(returned)) {
      this.#follow(returned as PromiseLike<T>, signal);
    } else {
      throw invalidType('what the function of a task returns', 'a generator or a promise', returned);
    }
  }

  /** It ends as the promise does. @throws StateError `ERR_IN_MICROTASK`: in a blocking run in which none moves. */
  #follow(promise: PromiseLike<T>, signal: AbortSignal): void {
    const { promises } = this.reactor.futures;
    try {
      promises.check();
    } catch (error) {
      disown(promise);
      throw error;
    }
    follow(
      promise,
      promises,
      (value) => this.#succeed(value),
      (error) => this.#fail(isAbortion(error, signal) ? signal.reason : error),
    );
  }

  #cancel(reason: CancelledError): void {
    const beginning = this.#beginning;
    beginning?.cancel();
    this.#controller?.abort(reason);
    if (beginning === null) this.#driver?.cancel(reason);
    else this.#fail(reason);
  }

  #succeed(value: T): void {
    this.#end();
    super.setResult(value);
  }

  #fail(error: unknown): void {
    this.#end();
    if (error instanceof CancelledError) super.endCancelled(error);
    else super.setException(error);
  }

  #end(): void {
    forget(this as Task<unknown>);
    this.#driver = null;
  }
}

/**
 * Begins work in the next iteration.
 *
 * A generator waits where it yields a future, a promise or a task, and gets the result, or has the error thrown there; it
 * needs no promise, and runs in each mode. An async function gets a signal.
 *
 * @throws TypeError: the work is none of these. StateError `ERR_CLOSED`: the reactor is closed; `ERR_INVALID_STATE`: the
 * generator is another task's.
 *
 * @example
 * ```ts
 * const task = createTask(function* () {
 *   yield sleep(100);
 *   return 'done';
 * });
 * console.log(await task);
 * ```
 */
export function createTask<T>(work: Work<T>, options: TaskOptions = {}): Task<T> {
  return startTask(work, options, null);
}

/** The same with a signal of the caller's. */
export function startTask<T>(
  work: Work<T>,
  options: TaskOptions,
  controller: AbortController | null,
): Task<T> {
  checkWork(work);
  checkObject(options, 'options');
  const { name, reactor } = options;
  if (name !== undefined && typeof name !== 'string') throw invalidType('options.name', 'a string', name);
  if (reactor !== undefined && !(reactor instanceof Reactor)) {
    throw invalidType('options.reactor', 'a Reactor', reactor);
  }
  if (taken.has(work)) throw new StateError('ERR_INVALID_STATE', 'the generator is the work of another task');
  const task = new Task(reactor ?? currentReactor(), work, name ?? `Task-${++made}`, controller);
  if (typeof work !== 'function') taken.add(work);
  return task;
}

export function checkWork(work: unknown, name = 'work'): void {
  if (typeof work === 'function' || isCoroutine(work)) return;
  throw invalidType(name, 'a generator, a generator function or an async function', work);
}

/** Whether an error says that the signal was obeyed. */
function isAbortion(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && error instanceof Error && error.name === 'AbortError';
}

/** Those of the reactor; an exception that nobody looked at is the task's. */
function futuresOf(reactor: Reactor, name: string): FutureOwner {
  const { futures } = reactor;
  const message = `nobody looked at the exception of ${name}`;
  return { ...futures, report: (error) => futures.report(error, { message, source: 'task' }) };
}
