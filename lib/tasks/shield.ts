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
  let giveBack: (() => void) | null = null;
  const outer: Future<T> = new Future<T>(
    futures,
    () => {
      if (inner !== awaitable) inner.cancel();
    },
    () => giveBack?.(),
  );
  inner.addDoneCallback(() => {
    if (outer.done()) return;
    const failure = failureOf(inner);
    if (failure === undefined) {
      const passed = inner.passOn();
      giveBack = passed.giveBack;
      outer.setResult(passed.value);
    } else if (failure.error instanceof CancelledError) outer.endCancelled(failure.error);
    else outer.setException(failure.error);
  });
  return outer;
}
