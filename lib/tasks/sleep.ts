/** Waiting for time to pass. */
import { checkObject, checkSignal, finite } from '../arguments.js';
import { currentReactor } from '../reactor/ambient.js';
import { Future } from '../reactor/future.js';

/**
 * A result that is there after `delay` milliseconds, never earlier; after 0 or less in the next iteration.
 *
 * @throws TypeError, RangeError: the delay is no finite number. (rejects) the reason of `options.signal`, when that is aborted.
 */
export function sleep<T = void>(
  delay: number,
  result?: T,
  options: { readonly signal?: AbortSignal } = {},
): Future<T> {
  checkObject(options, 'options');
  const { signal } = options;
  checkSignal(signal);
  const reactor = currentReactor();
  const forget = () => {
    waiting.cancel();
    signal?.removeEventListener('abort', abort);
  };
  const end = () => {
    forget();
    future.deliver(result as T);
  };
  // After nothing whoever waits goes on in the next iteration.
  const waiting = finite(delay, 'delay') > 0 ? reactor.callLater(delay, end) : reactor.callSoon(end);
  const future = new Future<T>(reactor.futures, forget);
  const abort = () => {
    forget();
    future.setException(signal?.reason);
  };
  if (signal?.aborted === true) abort();
  else signal?.addEventListener('abort', abort);
  return future;
}
