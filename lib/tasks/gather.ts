/** All results at once. */
import { checkBoolean, checkObject } from '../arguments.js';
import { invalidType } from '../native/errors.js';
import type { Future } from '../reactor/future.js';
import { futureOf } from '../reactor/future-of.js';
import { failureOf, reactorOf } from './awaitables.js';
import { CancelRequest } from './cancel-request.js';
import { isThenable } from './coroutine.js';

/**
 * The results of all, in the order of the arguments. The first that fails rejects it, and the others go on; their errors
 * are not reported. Cancelling it cancels all, and it ends when they have ended.
 *
 * @param options.returnExceptions - whether an error is a result like any other.
 * @throws TypeError: no array, a generator among them, or futures of several reactors.
 */
export function gather<T extends readonly unknown[]>(
  awaitables: T,
  options?: { readonly returnExceptions?: false },
): Future<{ -readonly [K in keyof T]: Awaited<T[K]> }>;
export function gather<T extends readonly unknown[]>(
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

  let request: { readonly reason: string | undefined } | null = null;
  const giveBack = () => {
    for (const child of children) if (isFuture(child)) child.giveBack();
  };
  const ask = (reason: string | undefined) => {
    request = { reason };
    for (const child of [...waiting]) child.cancel(reason);
  };
  const gathered = new CancelRequest<unknown[]>(futures, ask, giveBack);
  const finish = () => {
    if (request !== null) {
      giveBack();
      gathered.endCancelled(request.reason);
    } else {
      gathered.setResult(children.map((child) => (isFuture(child) ? outcomeOf(child) : child)));
    }
  };
  for (const child of [...waiting]) {
    child.addDoneCallback(() => {
      waiting.delete(child);
      if (gathered.done()) return;
      const failure = failureOf(child);
      if (failure !== undefined && !returnExceptions && request === null) {
        gathered.setException(failure.error);
      } else if (waiting.size === 0) finish();
    });
  }
  if (waiting.size === 0) finish();
  return gathered;
}

function isFuture(child: unknown): child is Future<unknown> {
  return isThenable(child);
}

function outcomeOf(child: Future<unknown>): unknown {
  const failure = failureOf(child);
  return failure === undefined ? child.passOn() : failure.error;
}
