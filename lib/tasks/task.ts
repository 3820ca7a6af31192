/** Coroutines and async functions that a reactor runs. */
import { checkObject } from '../arguments.js';
import { invalidType, StateError } from '../native/errors.js';
import { currentReactor } from '../reactor/ambient.js';
import type { Handle } from '../reactor/callbacks.js';
import { CancelledError, type FutureOwner } from '../reactor/future.js';
import { Reactor } from '../reactor/reactor.js';
import { CancelRequest } from './cancel-request.js';
import { type Coroutine, isCoroutine, isThenable, makesCoroutine } from './coroutine.js';
import { forget, remember } from './current.js';
import type { Driver } from './driver.js';
import { type Begin, FunctionDriver } from './function-driver.js';
import { GeneratorDriver } from './generator-driver.js';

/** A generator object, a generator function, or an async function that gets a signal aborted by `task.cancel()`. */
export type Work<T> = Coroutine<T> | (() => Coroutine<T>) | ((signal: AbortSignal) => Promise<T>);

export interface TaskOptions {
  /** For messages; `Task-1` and so on where it is left out. */
  readonly name?: string;
  /** The running one where it is left out, else the default one. */
  readonly reactor?: Reactor;
}

let made = 0;

/**
 * Work that a reactor runs, from the next iteration on, and its result.
 *
 * Its reactor holds it until it is done. An exception that nobody looked at is reported to the reactor's `onError`.
 */
export class Task<T> extends CancelRequest<T> {
  readonly name: string;
  #driver: Driver | null = null;
  // Until it begins.
  #beginning: Handle | null;

  /** @internal Use {@link createTask}. */
  constructor(reactor: Reactor, work: Work<T>, name: string) {
    super(futuresOf(reactor, name), (reason) => this.#cancel(new CancelledError(reason)));
    this.name = name;
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
    const driven = {
      futures: this.reactor.futures,
      succeed: (value: T) => this.#succeed(value),
      fail: (error: unknown) => this.#fail(error),
    };
    if (typeof work !== 'function' || makesCoroutine(work)) {
      const coroutine = typeof work === 'function' ? (work as () => Coroutine<T>)() : work;
      const driver = new GeneratorDriver(this, driven, coroutine);
      this.#driver = driver;
      driver.begin();
      return;
    }
    const driver = new FunctionDriver(this, driven);
    this.#driver = driver;
    const returned = driver.begin(work as Begin);
    if (isCoroutine(returned)) this.#drive(returned as Coroutine<T>);
    else if (isThenable(returned)) driver.follow(returned as PromiseLike<T>);
    else throw invalidType('what the function of a task returns', 'a generator or a promise', returned);
  }

  #cancel(reason: CancelledError): void {
    if (this.#beginning === null) {
      this.#driver?.cancel(reason);
      return;
    }
    this.#beginning.cancel();
    this.#fail(reason);
  }

  #succeed(value: T): void {
    this.#end();
    super.setResult(value);
  }

  #fail(error: unknown): void {
    this.#end();
    if (error instanceof CancelledError) super.endCancelled(error.message);
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
 * @throws TypeError: the work is none of these. StateError `ERR_CLOSED`: the reactor is closed.
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
  checkWork(work);
  checkObject(options, 'options');
  const { name, reactor } = options;
  if (name !== undefined && typeof name !== 'string') throw invalidType('options.name', 'a string', name);
  if (reactor !== undefined && !(reactor instanceof Reactor)) {
    throw invalidType('options.reactor', 'a Reactor', reactor);
  }
  return new Task(reactor ?? currentReactor(), work, name ?? `Task-${++made}`);
}

export function checkWork(work: unknown, name = 'work'): void {
  if (typeof work === 'function' || isCoroutine(work)) return;
  throw invalidType(name, 'a generator, a generator function or an async function', work);
}

/** Those of the reactor; an exception that nobody looked at is the task's. */
function futuresOf(reactor: Reactor, name: string): FutureOwner {
  const { futures } = reactor;
  const message = `nobody looked at the exception of ${name}`;
  return { ...futures, report: (error) => futures.report(error, { message, source: 'task' }) };
}
