/** Results in the order in which they come. */
import { checkIterable, checkObject, milliseconds, NO_LIMIT } from '../arguments.js';
import { CancelledError, Future, type Passed } from '../reactor/future.js';
import { futureOf } from '../reactor/future-of.js';
import type { Reactor } from '../reactor/reactor.js';
import { checkAwaitables, failureOf, reactorOf } from './awaitables.js';
import { TimeoutError } from './errors.js';

/**
 * A future for each awaitable, done in the order in which those are; awaited twice, one counts once. `for await` gives the
 * results. Where one of the futures is cancelled, its result is not lost: another future comes after them.
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
  const results = new Results<T>(reactor, all.size);
  const bridges = new Set<Future<T>>();
  const waiting = new Set<Future<T>>();
  for (const awaitable of all) {
    const inner = futureOf(awaitable, reactor.futures);
    waiting.add(inner);
    if (inner !== awaitable) bridges.add(inner);
  }

  const pass = (inner: Future<T>) => {
    if (!waiting.delete(inner)) return;
    if (waiting.size === 0) timer?.cancel();
    results.take(inner);
  };
  const expire = () => {
    for (const inner of waiting) {
      if (inner.done()) pass(inner);
    }
    for (const inner of waiting) {
      inner.removeDoneCallback(pass);
      if (bridges.has(inner)) inner.cancel();
    }
    waiting.clear();
    results.expire();
  };
  const timer = limit === NO_LIMIT || waiting.size === 0 ? null : reactor.callLater(limit, expire);
  for (const inner of waiting) inner.addDoneCallback(pass);
  return {
    [Symbol.iterator]: () => results.futures.values(),
    async *[Symbol.asyncIterator]() {
      for (const result of results.futures) yield await result;
    },
  };
}

/** A future that is given out. */
interface Result<T> {
  readonly future: Future<T>;
  /** Set where it has what can go back to whom it came from. */
  giveBack: (() => void) | null;
}

class Results<T> {
  readonly futures: Future<T>[] = [];
  readonly #reactor: Reactor;
  // Pending, and not cancelled.
  readonly #waiting = new Set<Result<T>>();

  constructor(reactor: Reactor, count: number) {
    this.#reactor = reactor;
    for (let left = count; left > 0; left--) this.#add();
  }

  /** The next one becomes what this became. */
  take(inner: Future<T>): void {
    const failure = failureOf(inner);
    if (failure === undefined) this.#pass(inner.passOn());
    else if (failure.error instanceof CancelledError) this.#next().future.endCancelled(failure.error);
    else fail(this.#next().future, failure.error);
  }

  expire(): void {
    while (this.#waiting.size > 0) fail(this.#next().future, new TimeoutError());
  }

  #pass({ value, giveBack }: Passed<T>): void {
    const result = this.#next();
    result.giveBack = giveBack;
    result.future.setResult(value);
  }

  #next(): Result<T> {
    const [first] = this.#waiting;
    const result = first ?? this.#add();
    this.#waiting.delete(result);
    return result;
  }

  #add(): Result<T> {
    const onCancel = () => {
      if (this.#waiting.delete(result)) this.#add();
    };
    const onReturn = (value: T) => {
      if (result.giveBack !== null) {
        result.giveBack();
        return;
      }
      this.#add();
      this.#pass({ value, giveBack: null });
    };
    const future = new Future<T>(this.#reactor.futures, onCancel, onReturn);
    const result: Result<T> = { future, giveBack: null };
    this.#waiting.add(result);
    this.futures.push(future);
    return result;
  }
}

/** Whoever leaves the iteration early does not look at all of them. */
function fail(future: Future<unknown>, error: unknown): void {
  future.setException(error);
  future.exception();
}
