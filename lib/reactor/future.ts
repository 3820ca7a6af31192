/** A result that is there later, and that a reactor delivers. */
import { checkFunction } from '../arguments.js';
import { invalidType, StateError } from '../native/errors.js';
import { Callback, type Runnable, runReporting } from './callbacks.js';
import type { Report } from './errors.js';
import type { PromiseWork } from './promises.js';
import type { Reactor } from './reactor.js';
import { forgetUnseen, type Unseen, watchUnseen } from './unseen.js';

/** Thrown by what was cancelled. */
export class CancelledError extends Error {
  override readonly name = 'CancelledError';
  readonly code = 'ERR_CANCELLED';

  /** @param options.cause - what went wrong when whoever was cancelled let go. */
  constructor(message = 'cancelled', options?: { readonly cause?: unknown }) {
    super(message, options);
  }
}

/** What a future needs of its reactor. */
export interface FutureOwner {
  readonly reactor: Reactor;
  readonly report: Report;
  readonly promises: PromiseWork;
  enqueue(callback: Runnable): void;
}

type Executor<T> = ConstructorParameters<typeof Promise<T>>[0];

// What settles the promise that was made last: one function for all of them, and no closure for each.
const captured = {
  resolve: (_value: unknown): void => {},
  reject: (_error: unknown): void => {},
};

function capture(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
  captured.resolve = resolve;
  captured.reject = reject;
}

/** Somebody who waits, for a future of his type. */
interface Waiter extends Runnable {
  readonly waiting: boolean;
  calls(callback: unknown): boolean;
}

class DoneCallback<T> extends Callback<[Future<T>]> implements Waiter {
  override get origin(): string {
    return 'a done callback of a future';
  }
}

/** A result, and how it goes back to whom it came from; `null`: it need not. */
export interface Passed<T> {
  readonly value: T;
  readonly giveBack: (() => void) | null;
}

/** In place of `onReturn`: another future may give the result back. */
function passed(): void {}

export function checkReason(reason: unknown): void {
  if (reason !== undefined && typeof reason !== 'string') throw invalidType('reason', 'a string', reason);
}

/**
 * A result that a reactor will deliver: `await` it, or `addDoneCallback`.
 *
 * An exception that nobody looked at, by `result`, `exception`, `then` or a done callback, is reported once to the
 * reactor's `onError`, when the future is collected as garbage, or Node has nothing left to do ('beforeExit'); so is the
 * cause of a cancellation.
 */
export class Future<out T> implements PromiseLike<T> {
  readonly #owner: FutureOwner;
  #state: 'pending' | 'fulfilled' | 'failed' | 'cancelled' = 'pending';
  // The result, or the exception.
  #outcome: unknown;
  // Most have none or one, or are awaited: nothing is made before it is needed.
  #callbacks: Waiter[] | null = null;
  #promise: Promise<T> | null = null;
  // These, and `#onReturn`, take a T; if they said so, a Future<string> were no Future<unknown>.
  #resolve: ((value: never) => void) | null = null;
  #reject: ((error: unknown) => void) | null = null;
  // Its exception, while nobody has looked at it: to ask the registry is dear.
  #unseen: Unseen | null = null;
  #onCancel: (() => void) | null;
  // Gone once somebody has seen the result.
  #onReturn: ((value: never) => void) | null;

  /**
   * @internal Use `reactor.createFuture()`.
   *
   * @param onCancel - told that it was cancelled.
   * @param onReturn - gets a result that {@link Future.giveBack} returns.
   */
  constructor(
    owner: FutureOwner,
    onCancel: (() => void) | null = null,
    onReturn: ((value: T) => void) | null = null,
  ) {
    if (owner === undefined) throw new TypeError('a Future is made by reactor.createFuture()');
    this.#owner = owner;
    this.#onCancel = onCancel;
    this.#onReturn = onReturn;
  }

  /** Whose callbacks deliver it. */
  get reactor(): Reactor {
    return this.#owner.reactor;
  }

  /** Whether there is a result, an exception, or it was cancelled. */
  done(): boolean {
    return this.#state !== 'pending';
  }

  /** @internal Whether there is a result. */
  get fulfilled(): boolean {
    return this.#state === 'fulfilled';
  }

  cancelled(): boolean {
    return this.#state === 'cancelled';
  }

  /**
   * @throws the exception, where there is one; a CancelledError where it was cancelled. StateError `ERR_INVALID_STATE`:
   * it is not done.
   */
  result(): T {
    this.#look();
    if (this.#state === 'fulfilled') return this.#outcome as T;
    throw this.#outcome;
  }

  /**
   * The exception; `null` where there is a result.
   *
   * @throws CancelledError: it was cancelled. StateError `ERR_INVALID_STATE`: it is not done.
   */
  exception(): unknown {
    this.#look();
    if (this.#state === 'cancelled') throw this.#outcome;
    return this.#state === 'failed' ? this.#outcome : null;
  }

  /** @throws StateError `ERR_INVALID_STATE`: it is done. */
  setResult(value: T): void {
    this.#checkPending('a result');
    this.#outcome = value;
    this.#finish('fulfilled');
  }

  /** @internal The same from a callback of the reactor, which calls those who wait in the same iteration. */
  deliver(value: T): void {
    this.#checkPending('a result');
    this.#outcome = value;
    this.#finish('fulfilled', (callback) => runReporting(callback, this.#owner.report));
  }

  /** @throws StateError `ERR_INVALID_STATE`: it is done. */
  setException(error: unknown): void {
    this.#checkPending('an exception');
    this.#outcome = error;
    this.#reportUnseen(error);
    this.#finish('failed');
  }

  #reportUnseen(error: unknown): void {
    if (this.#promise !== null || this.#callbacks !== null) return;
    this.#unseen = watchUnseen(this, error, this.#owner.report);
  }

  /**
   * Calls it off: whoever waits gets a {@link CancelledError}.
   *
   * @param reason - its message.
   * @returns `false`: it was done already.
   */
  cancel(reason?: string): boolean {
    checkReason(reason);
    if (this.#state !== 'pending') return false;
    this.endCancelled(new CancelledError(reason));
    return true;
  }

  /** @internal The same with an error that is there. It is pending. */
  endCancelled(error: CancelledError): void {
    this.#outcome = error;
    if (error.cause !== undefined) this.#reportUnseen(error.cause);
    const onCancel = this.#onCancel;
    this.#finish('cancelled');
    onCancel?.();
  }

  /**
   * @internal The result, for a future that passes it on, and from now on is the one that may give it back, while nobody
   * has seen it here. There is one.
   */
  passOn(): Passed<T> {
    const value = this.#outcome as T;
    const onReturn = this.#onReturn;
    if (onReturn === null || onReturn === passed) return { value, giveBack: null };
    this.#onReturn = passed;
    const giveBack = () => {
      if (this.#onReturn === passed) this.#return(onReturn);
    };
    return { value, giveBack };
  }

  /**
   * @internal Whoever was to get the result was cancelled before: a lock, an item or bytes go back to whom they came from,
   * and the future is cancelled. Where somebody has seen the result, or there is none, nothing happens.
   */
  giveBack(): void {
    const onReturn = this.#onReturn;
    if (this.#state !== 'fulfilled' || onReturn === null || onReturn === passed) return;
    this.#return(onReturn);
  }

  #return(onReturn: (value: never) => void): void {
    const value = this.#outcome as T;
    this.#state = 'cancelled';
    this.#outcome = new CancelledError();
    this.#onReturn = null;
    (onReturn as (value: T) => void)(value);
  }

  /** Has the reactor call back, in the order of adding, once this is done; soon, where it is. */
  addDoneCallback(callback: (future: Future<T>) => void): void {
    checkFunction(callback, 'callback');
    const waiter = new DoneCallback<T>(callback, [this]);
    if (this.#state === 'pending') {
      if (this.#callbacks === null) this.#callbacks = [waiter];
      else this.#callbacks.push(waiter);
      return;
    }
    this.#seen();
    if (this.#onReturn !== null) this.#expect(waiter);
    this.#owner.enqueue(waiter);
  }

  /** What two wait for at a time is given back by neither. */
  #expect(waiter: Waiter): void {
    const [before] = this.#callbacks ?? [];
    if (this.#onReturn === passed || before?.waiting === true) this.#onReturn = null;
    this.#callbacks = this.#onReturn === null ? null : [waiter];
  }

  /** @returns how many were removed. */
  removeDoneCallback(callback: (future: Future<T>) => void): number {
    if (this.#state !== 'pending') return 0;
    const before = this.#callbacks ?? [];
    const after = before.filter((added) => !added.calls(callback));
    this.#callbacks = after.length > 0 ? after : null;
    return before.length - after.length;
  }

  /**
   * As a promise's: reactions are microtasks.
   *
   * @throws StateError `ERR_IN_MICROTASK`: the reactor is in a blocking run in which no promise moves.
   */
  // biome-ignore lint/suspicious/noThenProperty: it is a thenable, so that it can be awaited.
  then<A = T, B = never>(
    onfulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#owner.promises.check();
    this.#promise ??= this.#makePromise();
    return this.#promise.then(onfulfilled, onrejected);
  }

  /** As a promise's. @throws as {@link Future.then}. */
  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(null, onrejected);
  }

  /** As a promise's. @throws as {@link Future.then}. */
  finally(onfinally?: (() => void) | null): Promise<T> {
    return this.then().finally(onfinally);
  }

  #makePromise(): Promise<T> {
    this.#seen();
    this.#onReturn = null;
    if (this.#state === 'fulfilled') return Promise.resolve(this.#outcome as T);
    if (this.#state !== 'pending') return Promise.reject(this.#outcome);
    this.#owner.promises.begin();
    const promise = new Promise<T>(capture as Executor<T>);
    this.#resolve = captured.resolve;
    this.#reject = captured.reject;
    return promise;
  }

  #look(): void {
    if (this.#state === 'pending') throw new StateError('ERR_INVALID_STATE', 'the future is not done yet');
    this.#seen();
    this.#onReturn = null;
  }

  #seen(): void {
    if (this.#unseen === null) return;
    forgetUnseen(this, this.#unseen);
    this.#unseen = null;
  }

  #checkPending(what: string): void {
    if (this.#state === 'pending') return;
    throw new StateError('ERR_INVALID_STATE', `the future takes ${what} no more: it is ${this.#state}`);
  }

  #finish(
    state: 'fulfilled' | 'failed' | 'cancelled',
    call: (callback: Runnable) => void = this.#owner.enqueue,
  ): void {
    this.#state = state;
    this.#onCancel = null;
    const callbacks = this.#callbacks;
    if (callbacks !== null) {
      if (callbacks.length > 1) this.#onReturn = null;
      // What may be given back must know who waits for it.
      if (this.#onReturn === null) this.#callbacks = null;
      for (const waiter of callbacks) call(waiter);
    }
    const resolve = this.#resolve;
    const reject = this.#reject;
    if (resolve === null || reject === null) return;
    this.#resolve = this.#reject = null;
    this.#owner.promises.end();
    if (state === 'fulfilled') (resolve as (value: T) => void)(this.#outcome as T);
    else reject(this.#outcome);
  }
}
