/** Waiting for some of several futures, which go on whatever happens. */
import { checkIterable, checkObject, milliseconds, NO_LIMIT } from '../arguments.js';
import { invalidType, invalidValue, outOfRange } from '../native/errors.js';
import { Future } from '../reactor/future.js';
import { failureOf, reactorOf } from './awaitables.js';

/** When {@link wait} ends: with the first that is done; the first that failed, else all; all. */
export type ReturnWhen = 'FIRST_COMPLETED' | 'FIRST_EXCEPTION' | 'ALL_COMPLETED';

const MODES: readonly string[] = ['FIRST_COMPLETED', 'FIRST_EXCEPTION', 'ALL_COMPLETED'];

export interface WaitOptions {
  /** Milliseconds; none: no limit. */
  readonly timeout?: number;
  /** `ALL_COMPLETED` where it is left out. A cancelled future has not failed. */
  readonly returnWhen?: ReturnWhen;
}

/**
 * Waits until some of several futures are done, or the time is over; that is no error. None is cancelled, whether by the
 * timeout or by cancelling this.
 *
 * @throws TypeError: one is no Future, or another reactor's. RangeError: there is none.
 */
export function wait<T>(
  tasks: Iterable<Future<T>>,
  options: WaitOptions = {},
): Future<{ done: Set<Future<T>>; pending: Set<Future<T>> }> {
  checkIterable(tasks, 'tasks');
  checkObject(options, 'options');
  const { returnWhen = 'ALL_COMPLETED' } = options;
  if (!MODES.includes(returnWhen))
    throw invalidValue('options.returnWhen', `one of ${MODES.join(', ')}`, returnWhen);
  const limit = milliseconds(options.timeout);
  const all = new Set(tasks);
  for (const task of all) if (!(task instanceof Future)) throw invalidType('one of tasks', 'a Future', task);
  if (all.size === 0) throw outOfRange('tasks', 'one at least', 'none');
  const reactor = reactorOf([...all], 'tasks');

  const forget = () => {
    timer?.cancel();
    for (const task of all) task.removeDoneCallback(look);
  };
  const waited = new Future<{ done: Set<Future<T>>; pending: Set<Future<T>> }>(reactor.futures, forget);
  const end = () => {
    if (waited.done()) return;
    forget();
    const done = new Set([...all].filter((task) => task.done()));
    waited.setResult({ done, pending: new Set([...all].filter((task) => !done.has(task))) });
  };
  let left = all.size;
  const look = (task: Future<T>) => {
    left--;
    const first = returnWhen === 'FIRST_COMPLETED' || (returnWhen === 'FIRST_EXCEPTION' && hasFailed(task));
    if (first || left === 0) end();
  };
  const timer = limit === NO_LIMIT ? null : reactor.callLater(limit, end);
  for (const task of all) task.addDoneCallback(look);
  return waited;
}

function hasFailed(task: Future<unknown>): boolean {
  return !task.cancelled() && failureOf(task) !== undefined;
}
