/** Generators as coroutines: what they may yield, and how to tell them. */
import { types } from 'node:util';

export type Awaitable<T> = T | PromiseLike<T>;

/**
 * A coroutine: it yields what it waits for, and gets the result. `const n = (yield* value(future))` knows the type, `yield
 * future` does not; a bare `yield` waits for the next iteration. What it returns is the task's result.
 */
// biome-ignore-start lint/suspicious/noExplicitAny: what a yield gives depends on what was yielded; value() knows.
// biome-ignore-start lint/suspicious/noConfusingVoidType: a bare yield is one of nothing.
export type Coroutine<T> = Generator<PromiseLike<unknown> | undefined | void, T, any>;
// biome-ignore-end lint/suspicious/noExplicitAny: so far.
// biome-ignore-end lint/suspicious/noConfusingVoidType: so far.

/** A generator object. */
export function isCoroutine(value: unknown): value is Coroutine<unknown> {
  return types.isGeneratorObject(value) && !(Symbol.asyncIterator in value);
}

/** Whether a call of it makes a coroutine, and runs nothing. */
export function makesCoroutine(work: (...args: never[]) => unknown): boolean {
  return types.isGeneratorFunction(work) && !types.isAsyncFunction(work);
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}

/** Nobody waits for it: an error of it is nobody's, either. */
export function disown(awaitable: PromiseLike<unknown>): void {
  awaitable.then(undefined, () => {});
}

/**
 * Awaits inside of a generator, with the type of the result. What is no promise or future is its own result, at once.
 *
 * @throws what the awaitable is rejected with; CancelledError: the task was cancelled.
 *
 * @example
 * ```ts
 * const line = yield* value(reader.readLine());
 * ```
 */
export function* value<T>(awaitable: Awaitable<T>): Generator<PromiseLike<T>, T, T> {
  return isThenable(awaitable) ? yield awaitable as PromiseLike<T> : awaitable;
}
