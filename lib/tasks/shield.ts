/** Protection from a cancellation. */
import { CancelledError, Future } from '../reactor/future.js';
import { futureOf } from '../reactor/future-of.js';
import { checkAwaitable, failureOf, reactorOf } from './awaitables.js';

/**
 * Ends as the awaitable does, but cancelling it leaves that running. An error that comes after is not reported.
 *
 * @throws TypeError: nothing that can be awaited.
 */
export function shield<T>(awaitable: PromiseLike<T>): Future<T> {
  checkAwaitable(awaitable, 'awaitable');
  const { futures } = reactorOf([awaitable], 'awaitable');
  const inner = futureOf(awaitable, futures);
  if (inner.done()) return inner;
  const outer: Future<T> = new Future<T>(futures, null, () => inner.giveBack());
  inner.addDoneCallback(() => {
    if (outer.done()) return;
    const failure = failureOf(inner);
    if (failure === undefined) outer.setResult(inner.passOn());
    else if (failure.error instanceof CancelledError) outer.cancel(failure.error.message);
    else outer.setException(failure.error);
  });
  return outer;
}
