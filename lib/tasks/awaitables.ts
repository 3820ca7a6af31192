/** What combinators take: several awaitables of one reactor. */
import { checkIterable } from '../arguments.js';
import { invalidType, invalidValue } from '../native/errors.js';
import { currentReactor } from '../reactor/ambient.js';
import { Future } from '../reactor/future.js';
import type { Reactor } from '../reactor/reactor.js';
import { isCoroutine, isThenable } from './coroutine.js';

/** The reactor of those among `awaitables` that have one; they must be of the same. The running one where there is none. */
export function reactorOf(awaitables: readonly unknown[], name: string): Reactor {
  let reactor: Reactor | null = null;
  for (const awaitable of awaitables) {
    checkNoCoroutine(awaitable, name);
    if (!(awaitable instanceof Future)) continue;
    reactor ??= awaitable.reactor;
    if (awaitable.reactor !== reactor) throw invalidValue(name, 'of one reactor', awaitable);
  }
  return reactor ?? currentReactor();
}

/** @throws TypeError: one is no awaitable. */
export function checkAwaitables(awaitables: Iterable<unknown>, name: string): void {
  checkIterable(awaitables, name);
  for (const awaitable of awaitables) checkAwaitable(awaitable, `one of ${name}`);
}

export function checkAwaitable(awaitable: unknown, name: string): void {
  checkNoCoroutine(awaitable, name);
  if (!isThenable(awaitable)) throw invalidType(name, 'a Future, a promise or another thenable', awaitable);
}

function checkNoCoroutine(awaitable: unknown, name: string): void {
  if (!isCoroutine(awaitable)) return;
  throw invalidType(name, 'awaitable: createTask() makes a task of a generator', awaitable);
}

/** What a done future throws; `undefined` in place of a box where it has a result. */
export function failureOf(future: Future<unknown>): { readonly error: unknown } | undefined {
  if (future.fulfilled) return undefined;
  try {
    return { error: future.exception() };
  } catch (error) {
    return { error };
  }
}
