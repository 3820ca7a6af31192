/** Programs that are one task: a reactor of their own, and nothing left behind. */
import { types } from 'node:util';
import { Description, invalidType, StateError } from '../native/errors.js';
import type { Future } from '../reactor/future.js';
import { Reactor } from '../reactor/reactor.js';
import { failureOf } from './awaitables.js';
import { otherThanCancelled } from './cancel-request.js';
import { type Coroutine, disown, isCoroutine, isThenable, makesCoroutine } from './coroutine.js';
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
  if (types.isAsyncFunction(work)) throw noCoroutine('work', new Description('an async function'));
  using reactor = new Reactor();
  const task = createTask(coroutineOf(work), { reactor });
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
  const reported = new Set<unknown>();
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

/** What makes a generator, but may be another function; what that returns instead is not the work. */
function coroutineOf<T>(work: () => Coroutine<T>): Coroutine<T> | (() => Coroutine<T>) {
  if (typeof work !== 'function' || makesCoroutine(work)) return work;
  return function* () {
    const returned: unknown = work();
    if (isCoroutine(returned)) return (yield* returned) as T;
    if (isThenable(returned)) disown(returned);
    throw noCoroutine('what the function of a program returns', returned);
  };
}

function noCoroutine(name: string, value: unknown): TypeError {
  return invalidType(name, 'a generator, or a function that makes one (await run() takes others)', value);
}

/**
 * Cancels the tasks that are left, and those that these begin.
 *
 * @param reported - the errors that somebody was told of.
 * @returns what ends when they have ended; `null`: none is left.
 */
function cancelRest(reactor: Reactor, reported: Set<unknown>): Future<unknown> | null {
  const tasks = [...allTasks(reactor)];
  if (tasks.length === 0) return null;
  for (const task of tasks) {
    task.cancel('the run has ended');
    task.addDoneCallback(() => report(task, reported));
  }
  return gather(tasks, { returnExceptions: true });
}

/** Nobody else will look at the error of a clean-up. */
function report(task: Task<unknown>, reported: Set<unknown>): void {
  const error = otherThanCancelled(failureOf(task)?.error);
  if (error === undefined || reported.has(error)) return;
  reported.add(error);
  const message = `${task.name} failed when it was cancelled at the end of the run`;
  task.reactor.futures.report(error, { message, source: 'task' });
}
