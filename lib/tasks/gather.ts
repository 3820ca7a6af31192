/** All results at once. */
import { checkBoolean, checkObject } from '../arguments.js';
import { invalidType } from '../native/errors.js';
import type { CancelledError, Future } from '../reactor/future.js';
import { futureOf } from '../reactor/future-of.js';
import { failureOf, reactorOf } from './awaitables.js';
import { CancelRequest, cancelledWith, otherThanCancelled } from './cancel-request.js';
import { isThenable } from './coroutine.js';

/**
 * The results of all, in the order of the arguments. The first that fails rejects it, and the others go on; their errors
 * are not reported. Cancelling it cancels all, and it ends when they have ended; the first error of that is its `cause`.
 *
 * @param options.returnExceptions - whether an error is a result like any other.
 * @throws TypeError: no array, a generator among them, or futures of several reactors.
 */
export function gather<T extends readonly unknown[] | []>(
  awaitables: T,
  options?: { readonly returnExceptions?: false },
): Future<{ -readonly [K in keyof T]: Awaited<T[K]> }>;
export function gather<T extends readonly unknown[] | []>(
  awaitables: T,
  options: { readonly returnExceptions: true },
): Future<{ -readonly [K in keyof T]: Awaited<T[K]> | Error }>;
export function gather(
  awaitables: readonly unknown[],
  options: { readonly returnExceptions?: boolean } = {},
): Future<unknown[]> {
  if (!Array.isArray(awaitables)) throw invalidType('awaitables', 'an array', awaitables);
  checkObject(options, 'options');
  const { returnExceptions = false } = options;
  checkBoolean(returnExceptions, 'options.returnExceptions');
  const { futures } = reactorOf(awaitables, 'one of awaitables');
  const children = awaitables.map((child) => (isThenable(child) ? futureOf(child, futures) : child));
  const waiting = new Set(children.filter(isFuture));

  // How the results go back.
  const returns: (() => void)[] = [];
  // Of one that was cancelled.
  let error: unknown;
  const cancelAll = ({ message }: CancelledError) => {
    for (const child of [...waiting]) child.cancel(message);
  };
  const gathered = new CancelRequest<unknown[]>(futures, cancelAll, () => {
    for (const giveBack of returns) giveBack();
  });
  const take = (child: Future<unknown>) => {
    const failure = failureOf(child);
    if (failure !== undefined) return failure.error;
    const { value, giveBack } = child.passOn();
    if (giveBack !== null) returns.push(giveBack);
    return value;
  };
  const finish = () => {
    if (gathered.request === null) {
      gathered.setResult(children.map((child) => (isFuture(child) ? take(child) : child)));
      return;
    }
    for (const child of children) if (isFuture(child)) child.giveBack();
    gathered.endCancelled(cancelledWith(gathered.request, error));
  };
  const fail = (failure: unknown) => {
    gathered.setException(failure);
    // What stands for a promise, for which nobody waits any more.
    const given = new Set(awaitables);
    for (const child of [...waiting]) if (!given.has(child)) child.cancel();
  };
  for (const child of [...waiting]) {
    child.addDoneCallback(() => {
      waiting.delete(child);
      if (gathered.done()) return;
      const failure = failureOf(child);
      if (failure !== undefined && gathered.request !== null) error ??= otherThanCancelled(failure.error);
      if (failure !== undefined && !returnExceptions && gathered.request === null) fail(failure.error);
      else if (waiting.size === 0) finish();
    });
  }
  if (waiting.size === 0) finish();
  return gathered;
}

function isFuture(child: unknown): child is Future<unknown> {
  return isThenable(child);
}
