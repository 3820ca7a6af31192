/** Coroutines that are played to their end, and what became of tasks. */
import { type ErrorContext, type Future, Reactor, StateError, selectorBackends } from 'iomux';
import { type Coroutine, createTask, sleep } from 'iomux/tasks';
import { onTestFinished } from 'vitest';
import type { Setting } from './reactors.js';
import { runToStop } from './running.js';

const [backend = 'poll'] = selectorBackends();

/** For what does not depend on how a reactor runs. */
export const BLOCKING: Setting = { backend, mode: 'blocking', host: null };
/** For what needs promises that Node moves. */
export const HOSTED: Setting = { backend, mode: 'hosted', host: 'uv' };

/** What a reactor was told of an error. */
export type Reported = [error: unknown, context: ErrorContext];

/** A reactor of the default kind that is closed when the test ends. Its errors fail the test, unless `reported` takes them. */
export function openReactor(reported?: Reported[]): Reactor {
  const errors: Reported[] = [];
  const reactor = new Reactor({ onError: (...error) => (reported ?? errors).push(error) });
  onTestFinished(() => {
    if (reactor.state === 'hosted') reactor.stop();
    reactor.close();
    if (errors.length > 0) throw errors[0]?.[0];
  });
  return reactor;
}

/** Runs a reactor until a coroutine, which it gets as a task, is done: its result. */
export async function playTask<T>(reactor: Reactor, setting: Setting, work: () => Coroutine<T>): Promise<T> {
  const task = createTask(work, { reactor, name: 'scene' });
  task.addDoneCallback(() => reactor.stop());
  await runToStop(reactor, setting);
  return task.result();
}

/** The same on a reactor of its own, which holds the thread. */
export function playAlone<T>(work: () => Coroutine<T>): Promise<T> {
  return playTask(openReactor(), BLOCKING, work);
}

/** What became of a future, in a few words. It counts as having been looked at. */
export function outcome(future: Future<unknown>): string {
  if (!future.done()) return 'pending';
  try {
    return `result ${String(future.result())}`;
  } catch (error) {
    const text = error instanceof Error ? `${error.name} ${error.message}` : String(error);
    return `${future.cancelled() ? 'cancelled by' : 'failed with'} ${text}`;
  }
}

/** Something that is awaited by its then(), and is no promise. */
export function thenable<T>(
  then: (fulfil: (value: T) => void, reject: (error: unknown) => void) => void,
): PromiseLike<T> {
  return { then } as PromiseLike<T>;
}

/** A promise, and what settles it. */
export function deferred<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((...settle) => {
    [resolve, reject] = settle;
  });
  return { promise, resolve, reject };
}

/** Whether a promise waits for a reactor: that is then not to be run in a promise reaction. */
export async function keepsPromise(reactor: Reactor): Promise<boolean> {
  await null;
  try {
    reactor.runOnce(0);
    return false;
  } catch (error) {
    if (!(error instanceof StateError) || error.code !== 'ERR_IN_MICROTASK') throw error;
    return true;
  }
}

/** Fails at once. */
// biome-ignore lint/correctness/useYield: there is nothing to wait for.
export function* failing(error: unknown): Coroutine<never> {
  throw error;
}

/** Goes on when the reactor has turned so many times. */
export function* iterations(count: number): Coroutine<void> {
  for (let left = count; left > 0; left--) yield;
}

/** Waits for what `action` returns. @returns what was thrown, by the call or by the wait. */
export function* thrownAt(action: () => PromiseLike<unknown>): Coroutine<Error & { code?: unknown }> {
  try {
    yield action();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

/** Lasts for so many iterations: its result. */
export function* lasting<T>(count: number, result: T): Coroutine<T> {
  yield* iterations(count);
  return result;
}

/** Fails after so many iterations. */
export function* failingLater(count: number, error: unknown): Coroutine<never> {
  yield* iterations(count);
  throw error;
}

/** Waits until a future is done, however it ends, without awaiting it. */
export function* ended<F extends Future<unknown>>(future: F): Coroutine<F> {
  while (!future.done()) yield;
  return future;
}

/** Longer than any test. */
export const HOUR = 3_600_000;

/** Waits until it is cancelled, and then cleans up for some iterations. Notes in `log` what it does. */
export function* cleaning(log: string[], name: string, rounds = 3): Coroutine<never> {
  try {
    log.push(`${name} waits`);
    yield sleep(HOUR);
    throw new Error('it was not cancelled');
  } catch (error) {
    log.push(`${name} gets ${(error as Error).message}`);
    throw error;
  } finally {
    yield* iterations(rounds);
    log.push(`${name} is clean`);
  }
}
