/** Limits of time. */
import { checkFunction, milliseconds, NO_LIMIT } from '../arguments.js';
import { invalidType, outOfRange } from '../native/errors.js';
import type { Future } from '../reactor/future.js';
import { futureOf } from '../reactor/future-of.js';
import { checkAwaitable, reactorOf } from './awaitables.js';
import { type Coroutine, makesCoroutine } from './coroutine.js';
import { Deadline } from './deadline.js';
import { createTask } from './task.js';

/**
 * Waits so long at most; then the awaited future or task is cancelled. It ends when that has ended: a task that returns
 * something nevertheless, or fails, is not overruled. A plain promise cannot be cancelled, and is left alone.
 *
 * @param timeout - milliseconds; 0 or less: only what is done already. `Infinity`: no limit.
 * @throws TypeError: nothing that can be awaited. (rejects) {@link TimeoutError} `ERR_TIMEOUT`; CancelledError: it was
 * cancelled from outside, which cancels the awaited one, too.
 */
export function waitFor<T>(awaitable: PromiseLike<T>, timeout: number): Future<T> {
  checkAwaitable(awaitable, 'awaitable');
  const delay = limitOf(timeout);
  const { futures } = reactorOf([awaitable], 'awaitable');
  const deadline = new Deadline(futureOf(awaitable, futures));
  deadline.reschedule(delay);
  return deadline;
}

/** What the work of {@link timeout} knows of its limit. */
export interface TimeoutScope {
  /** Aborted when the work is cancelled, at the deadline or from outside. */
  readonly signal: AbortSignal;
  /** When the time is over, on the reactor's clock; Infinity: never. */
  readonly deadline: number;
  readonly expired: boolean;
  /** Sets the deadline anew, so many milliseconds from now; Infinity: there is none. Once expired: nothing. */
  reschedule(delay: number): void;
}

/**
 * Runs work as a task that may take so long, and can ask for more.
 *
 * @param delay - milliseconds.
 * @param work - a generator function, or an async one; it is cancelled at the deadline.
 * @throws as {@link waitFor} and {@link createTask}. Of nested limits, each ends what is its own.
 *
 * @example
 * ```ts
 * const page = await timeout(1000, async ({ signal, reschedule }) => { … });
 * ```
 */
export function timeout<T>(
  delay: number,
  work: ((scope: TimeoutScope) => Coroutine<T>) | ((scope: TimeoutScope) => Promise<T>),
): Future<T> {
  checkFunction(work, 'work');
  const limit = limitOf(delay);
  const controller = new AbortController();
  const scope: TimeoutScope = {
    signal: controller.signal,
    get deadline() {
      return deadline.when;
    },
    get expired() {
      return deadline.expired;
    },
    reschedule: (later) => deadline.reschedule(limitOf(later)),
  };
  const task = makesCoroutine(work)
    ? createTask<T>((work as (scope: TimeoutScope) => Coroutine<T>)(scope))
    : createTask<T>((signal) => {
        signal.addEventListener('abort', () => controller.abort(signal.reason));
        return (work as (scope: TimeoutScope) => Promise<T>)(scope);
      });
  const deadline = new Deadline(task, (reason) => controller.abort(reason));
  deadline.reschedule(limit);
  return deadline;
}

function limitOf(timeout: number): number {
  if (typeof timeout !== 'number') throw invalidType('timeout', 'a number of milliseconds', timeout);
  if (timeout === Number.NEGATIVE_INFINITY) throw outOfRange('timeout', 'a number of milliseconds', timeout);
  const limit = milliseconds(timeout);
  return limit === NO_LIMIT ? Number.POSITIVE_INFINITY : limit;
}
