/** Results in the order in which they come. */
import { checkIterable, checkObject, milliseconds, NO_LIMIT } from '../arguments.js';
import { CancelledError, Future } from '../reactor/future.js';
import { futureOf } from '../reactor/future-of.js';
import { checkAwaitables, failureOf, reactorOf } from './awaitables.js';
import { TimeoutError } from './errors.js';

/**
 * A future for each awaitable, done in the order in which those are; awaited twice, one counts once. `for await` gives the
 * results.
 *
 * @param options.timeout - milliseconds for all; then the futures that are left fail with a {@link TimeoutError}. Nothing
 * is cancelled.
 * @throws TypeError: no iterable of awaitables, or of several reactors.
 *
 * @example
 * ```ts
 * for await (const answer of asCompleted(requests)) console.log(answer);
 * ```
 */
export function asCompleted<T>(
  awaitables: Iterable<PromiseLike<T>>,
  options: { readonly timeout?: number } = {},
): Iterable<Future<T>> & AsyncIterable<T> {
  checkIterable(awaitables, 'awaitables');
  const all = new Set(awaitables);
  checkAwaitables(all, 'awaitables');
  checkObject(options, 'options');
  const limit = milliseconds(options.timeout);
  const reactor = reactorOf([...all], 'awaitables');
  const { futures } = reactor;
  const inners = [...all].map((awaitable) => futureOf(awaitable, futures));
  const results = inners.map(() => new Future<T>(futures));
  // Whoever leaves the iteration early does not look at all of them.
  for (const result of results) result.addDoneCallback(() => {});

  let done = 0;
  const pass = (inner: Future<T>) => {
    const result = results[done++];
    if (done === results.length) timer?.cancel();
    if (result === undefined || result.done()) return;
    const failure = failureOf(inner);
    if (failure === undefined) result.setResult(inner.result());
    else if (failure.error instanceof CancelledError) result.cancel(failure.error.message);
    else result.setException(failure.error);
  };
  const expire = () => {
    for (const inner of inners) inner.removeDoneCallback(pass);
    for (const result of results) {
      if (!result.done()) result.setException(new TimeoutError());
    }
  };
  const timer = limit === NO_LIMIT || inners.length === 0 ? null : reactor.callLater(limit, expire);
  for (const inner of inners) inner.addDoneCallback(pass);
  return {
    [Symbol.iterator]: () => results.values(),
    async *[Symbol.asyncIterator]() {
      for (const result of results) yield await result;
    },
  };
}
