/** The reactor that is used where nobody names one. */
import { checkObject, checkSignal, milliseconds, NO_LIMIT } from '../arguments.js';
import type { FileLike } from '../files.js';
import { ECANCELED, SystemError } from '../native/errors.js';
import type { RegisterOptions } from '../selectors/capabilities.js';
import { uncaught } from './errors.js';
import { Reactor } from './reactor.js';
import { asyncWork, hosted, iteratingReactor } from './running.js';
import { LOST, type Watcher, type WatcherCallback } from './watcher.js';

let ambient: Reactor | null = null;

/**
 * The reactor of this thread that `watch` and `ready` use: made, and hosted in Node's loop, when it is first asked for,
 * and again after it was stopped or closed.
 *
 * @throws as {@link Reactor}.
 */
export function defaultReactor(): Reactor {
  if (ambient === null || ambient.state === 'closed') ambient = new Reactor();
  const reactor = ambient;
  // A hosted wait that fails has nobody to tell but the process.
  if (reactor.state === 'idle') reactor.run().catch(uncaught);
  return reactor;
}

/** @internal The one for which this call is made; `null` where that is not known. */
export function workingReactor(): Reactor | null {
  const iterating = iteratingReactor();
  if (iterating !== null) return iterating;
  const working = asyncWork.getStore()?.reactor;
  return working === undefined || working.state === 'closed' ? null : working;
}

function runningReactor(): Reactor | null {
  const [...running] = hosted;
  return workingReactor() ?? running.findLast((reactor) => reactor !== ambient) ?? null;
}

/** @internal What the layers above use where no reactor is named: the running one, else the default. */
export function currentReactor(): Reactor {
  return runningReactor() ?? defaultReactor();
}

/** @internal The same where nothing is begun: `null` where there is none, and none is made. */
export function presentReactor(): Reactor | null {
  return runningReactor() ?? ambient;
}

/**
 * Watches any descriptor from Node's loop: GPIO, evdev, inotify, CAN, a PTY, a foreign library's socket, … It keeps the
 * process alive until it is closed, or `unref()`ed.
 *
 * @throws as {@link Reactor.watch}.
 *
 * @example
 * ```ts
 * const watcher = watch(fd, EVENT_READ, () => console.log(readSync(fd, buffer)));
 * ```
 */
export function watch(
  file: FileLike,
  events: number,
  callback: WatcherCallback,
  options?: RegisterOptions,
): Watcher {
  return defaultReactor().watch(file, events, callback, options);
}

/**
 * Waits once for a descriptor, in Node's loop.
 *
 * @param options.timeout - milliseconds; none: no limit.
 * @returns the events that hold; 0 at the timeout.
 * @throws (rejects) as {@link Reactor.watch}; with the reason of `options.signal`, where that is aborted; SystemError
 * `ECANCELED`: the socket was closed meanwhile.
 */
export async function ready(
  file: FileLike,
  events: number,
  options: { readonly timeout?: number | null; readonly signal?: AbortSignal } = {},
): Promise<number> {
  checkObject(options, 'options');
  const { timeout, signal } = options;
  checkSignal(signal);
  const limit = milliseconds(timeout);
  signal?.throwIfAborted();
  const reactor = defaultReactor();
  let settle: (events: number) => void = () => {};
  let fail: (reason: unknown) => void = () => {};
  const ended = new Promise<number>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  const onLost = () => fail(new SystemError(-ECANCELED, 'ready', { hint: LOST }));
  const onReady = (holding: number) => {
    watcher.close();
    settle(holding);
  };
  using watcher = reactor.watchers.watch(file, events, onReady, undefined, { onLost });
  const timer = limit === NO_LIMIT ? null : reactor.callLater(limit, () => settle(0));
  const abort = () => fail(signal?.reason);
  signal?.addEventListener('abort', abort);
  try {
    return await ended;
  } finally {
    timer?.cancel();
    signal?.removeEventListener('abort', abort);
  }
}
