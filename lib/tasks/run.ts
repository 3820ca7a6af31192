/** Programs that are one task: a reactor of their own, and nothing left behind. */
import { types } from 'node:util';
import { Description, invalidType, StateError } from '../native/errors.js';
import type { Future } from '../reactor/future.js';
import { Reactor } from '../reactor/reactor.js';
import { failureOf } from './awaitables.js';
import { otherThanCancelled } from './cancel-request.js';
import { type Coroutine, isCoroutine, isThenable } from './coroutine.js';
import { allTasks } from './current.js';
import { gather } from './gather.js';
import { checkWork, createTask, type Task } from './task.js';

/**
 * Makes a reactor, holds the thread until the work is done, cancels the tasks that are left, waits for their end, and
 * closes the reactor.
 *
 * @returns the work's result.
 * @throws what the work throws. TypeError: it is no generator function, nor one that returns a generator. StateError `ERR_RUNNING`: a reactor holds the
 * thread already; `ERR_INVALID_STATE`: somebody stopped the reactor.
 *
 * @example
 * ```ts
 * const answer = runBlocking(function* () {
 *   const { reader, writer } = yield* value(openConnection({ address: '127.0.0.1', port: 7000 }));
 *   writer.write('hello\n');
 *   return yield* value(reader.readLine());
 * });
 * ```
 */
export function runBlocking<T>(work: () => Coroutine<T>): T {
  checkWork(work);
  if (types.isAsyncFunction(work)) throw noCoroutine(new Description('an async function'));
  using reactor = new Reactor();
  const task = createTask(() => coroutineOf(work), { reactor });
  const reported = new Set<unknown>();
  try {
    return reactor.runUntilComplete(task);
  } finally {
    for (;;) {
      const rest = cancelRest(reactor, reported);
      if (rest === null) break;
      reactor.runUntilComplete(rest);
    }
  }
}

/**
 * The same in Node's loop: promises, timers, fs and net go on.
 *
 * @throws (rejects) as {@link runBlocking}.
 */
export async function run<T>(work: (() => Coroutine<T>) | ((signal: AbortSignal) => Promise<T>)): Promise<T> {
  checkWork(work);
  using reactor = new Reactor();
  const task = createTask(work, { reactor });
  try {
    return await hostUntil(task);
  } finally {
    for (;;) {
      const rest = cancelRest(reactor, reported);
      if (rest === null) break;
      await hostUntil(rest);
    }
  }
}

async function hostUntil<T>(future: Future<T>): Promise<T> {
  const { reactor } = future;
  let waiting = true;
  // Called in the next run where this one was stopped in the moment in which the future was done.
  const stop = () => {
    if (waiting) reactor.stop();
  };
  future.addDoneCallback(stop);
  try {
    await reactor.run();
  } finally {
    waiting = false;
    future.removeDoneCallback(stop);
  }
  if (future.done()) return future.result();
  throw new StateError('ERR_INVALID_STATE', 'the reactor was stopped before the work was done');
}

/**
 * Cancels the tasks that are left, and those that these begin.
 *
 * @returns what ends when they have ended; `null`: none is left.
 */
function cancelRest(main: Task<unknown>): Future<unknown> | null {
  const { reactor } = main;
  const tasks = [...allTasks(reactor)];
  if (tasks.length === 0) return null;
  for (const task of tasks) {
    task.cancel('the run has ended');
    task.addDoneCallback(() => report(task, main));
  }
  return gather(tasks, { returnExceptions: true });
}

/** Nobody else will look at the error of a clean-up. */
function report(task: Task<unknown>, main: Task<unknown>): void {
  const failure = task.cancelled() ? undefined : failureOf(task);
  if (failure === undefined || task === main) return;
  const message = `${task.name} failed when it was cancelled at the end of the run`;
  task.reactor.futures.report(failure.error, { message, source: 'task' });
}
