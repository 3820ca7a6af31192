/** A limit of time for something that is awaited. */
import type { Future } from '../reactor/future.js';
import { futureOf } from '../reactor/future-of.js';
import { checkAwaitable, reactorOf } from './awaitables.js';
import { Deadline, limitOf } from './deadline.js';

/**
 * Waits so long at most; then the awaited future or task is cancelled. It ends when that has ended: a task that returns
 * something nevertheless, or fails, is not overruled. A plain promise cannot be cancelled, and is left alone.
 *
 * @param timeout - milliseconds; 0 or less: only what is done already. `Infinity`: no limit.
 * @throws TypeError: nothing that can be awaited, or the limit is no number. RangeError: the limit is NaN or `-Infinity`.
 * (rejects) {@link TimeoutError} `ERR_TIMEOUT`; CancelledError: it was cancelled from outside, which cancels the awaited
 * one, too; an error with which that ended is its `cause`.
 */
export function waitFor<T>(awaitable: PromiseLike<T>, timeout: number): Future<T> {
  checkAwaitable(awaitable, 'awaitable');
  const limit = limitOf(timeout, 'timeout');
  const { futures } = reactorOf([awaitable], 'awaitable');
  const deadline = new Deadline(futureOf(awaitable, futures));
  deadline.reschedule(limit);
  return deadline;
}
