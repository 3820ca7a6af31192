/** A limit of time for work, which may ask for more. */
import { checkFunction } from '../arguments.js';
import type { Future } from '../reactor/future.js';
import { type Coroutine, makesCoroutine } from './coroutine.js';
import { Deadline, limitOf } from './deadline.js';
import { startTask } from './task.js';

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
 * @throws as `waitFor` and `createTask`. Of nested limits, each ends what is its own.
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
  const limit = limitOf(delay, 'delay');
  const controller = new AbortController();
  const scope: TimeoutScope = {
    signal: controller.signal,
    get deadline() {
      return deadline.when;
    },
    get expired() {
      return deadline.expired;
    },
    reschedule: (later) => deadline.reschedule(limitOf(later, 'delay')),
  };
  const task = makesCoroutine(work)
    ? startTask<T>((work as (scope: TimeoutScope) => Coroutine<T>)(scope), {}, controller)
    : startTask<T>(() => (work as (scope: TimeoutScope) => Promise<T>)(scope), {}, controller);
  const deadline = new Deadline(task);
  deadline.reschedule(limit);
  return deadline;
}
