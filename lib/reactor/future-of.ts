/** Any awaitable as a future. */
import { invalidType, invalidValue } from '../native/errors.js';
import { Future, type FutureOwner } from './future.js';
import { follow } from './promises.js';

/**
 * The awaitable itself, where it is a future of the owner's reactor, or a future that does what it does.
 *
 * @throws TypeError: it cannot be awaited, or is another reactor's. StateError `ERR_IN_MICROTASK`: it is a promise, and
 * this is a blocking run in which none moves.
 */
export function futureOf<T>(awaitable: PromiseLike<T>, owner: FutureOwner, name = 'awaitable'): Future<T> {
  if (awaitable instanceof Future) {
    if (awaitable.reactor === owner.reactor) return awaitable;
    throw invalidValue(name, "this reactor's future", awaitable);
  }
  if (typeof awaitable?.then !== 'function') {
    throw invalidType(name, 'a Future, a promise or another thenable', awaitable);
  }
  const future = new Future<T>(owner, () => stop());
  // The error of a promise is its owner's, who may be told when nobody here waits for it any more.
  future.addDoneCallback(() => {});
  const stop = follow(
    awaitable,
    owner.promises,
    (value) => future.setResult(value),
    (error) => future.setException(error),
  );
  return future;
}
