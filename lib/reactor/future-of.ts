/** Any awaitable as a future. */
import { invalidType, invalidValue } from '../native/errors.js';
import { Future, type FutureOwner } from './future.js';

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
  const { promises } = owner;
  const future = new Future<T>(owner, () => promises.end());
  // The error of a promise is its owner's, who may be told when nobody here waits for it any more.
  future.addDoneCallback(() => {});
  promises.begin();
  awaitable.then(
    (value) => {
      if (future.done()) return;
      promises.end();
      future.setResult(value);
    },
    (error: unknown) => {
      if (future.done()) return;
      promises.end();
      future.setException(error);
    },
  );
  return future;
}
