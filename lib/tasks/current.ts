/** Which task is at work, and which are not done. */
import { invalidType } from '../native/errors.js';
import { presentReactor } from '../reactor/ambient.js';
import { Reactor } from '../reactor/reactor.js';
import { asyncWork, followsWork, workFor } from '../reactor/running.js';
import type { Task } from './task.js';

// A generator is at work during its step only.
let stepping: Task<unknown> | null = null;
// A reactor holds its tasks: nobody else may.
const unfinished = new WeakMap<Reactor, Set<Task<unknown>>>();

/** The task that is at work; `null` outside of any. */
export function currentTask(): Task<unknown> | null {
  if (stepping !== null) return stepping;
  // Nobody but a task works in one.
  const task = asyncWork.getStore() as Task<unknown> | undefined;
  return task === undefined || task.done() ? null : task;
}

/** The tasks of a reactor that are not done: where none is named, of the running one, else of the default one. */
export function allTasks(reactor?: Reactor): ReadonlySet<Task<unknown>> {
  if (reactor !== undefined && !(reactor instanceof Reactor)) {
    throw invalidType('reactor', 'a Reactor', reactor);
  }
  const named = reactor ?? presentReactor();
  return new Set(named === null ? [] : unfinished.get(named));
}

/** Runs a step of a generator, which may call async functions. */
export function step<T>(task: Task<unknown>, action: () => T): T {
  const outer = stepping;
  stepping = task;
  try {
    return followsWork() ? workFor(task, action) : action();
  } finally {
    stepping = outer;
  }
}

/** Begins an async function. */
export function begin<T>(task: Task<unknown>, action: () => T): T {
  return workFor(task, action);
}

export function remember(task: Task<unknown>): void {
  const { reactor } = task;
  const tasks = unfinished.get(reactor);
  if (tasks === undefined) unfinished.set(reactor, new Set([task]));
  else tasks.add(task);
}

export function forget(task: Task<unknown>): void {
  unfinished.get(task.reactor)?.delete(task);
}
