/** Which selector to use where nobody says which. */
import { invalidValue, StateError } from '../native/errors.js';
import type { Backend } from './capabilities.js';
import { EpollSelector } from './epoll.js';
import { KqueueSelector } from './kqueue.js';
import { PollSelector } from './poll.js';
import { SelectSelector } from './select.js';
import { Selector } from './selector.js';

/** Best first. No OS has both epoll and kqueue of its own; where libkqueue emulates one by the other, the real one wins. */
const BACKENDS = {
  epoll: EpollSelector,
  kqueue: KqueueSelector,
  poll: PollSelector,
  select: SelectSelector,
} as const;

/** The backends that work on this machine, best first: found by trying each. */
export function selectorBackends(): readonly Backend[] {
  return (Object.keys(BACKENDS) as Backend[]).filter((backend) => {
    try {
      new BACKENDS[backend]().close();
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * A selector of one backend, or of the best that works here.
 *
 * The environment variable IOMUX_SELECTOR names one in place of the best.
 *
 * @throws TypeError `ERR_INVALID_ARG_VALUE`: there is no such backend. StateError `ERR_UNSUPPORTED`: it does not work
 * here. SystemError `EMFILE`, …
 */
export function createSelector<T = unknown>(backend?: Backend): Selector<T> {
  if (backend !== undefined) return create(backend, 'backend');
  const named = process.env['IOMUX_SELECTOR'];
  if (named !== undefined && named !== '') return create(named as Backend, 'IOMUX_SELECTOR');
  const failures: unknown[] = [];
  for (const candidate of Object.keys(BACKENDS) as Backend[]) {
    try {
      return new BACKENDS[candidate]<T>();
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, 'no selector works here');
}

/**
 * The best selector that works here, found by trying; see {@link createSelector}.
 *
 * @example
 * ```ts
 * using selector = new DefaultSelector<string>();
 * ```
 */
export type DefaultSelector<T = unknown> = Selector<T>;
export const DefaultSelector: new <T = unknown>() => Selector<T> = (() => {
  function DefaultSelector(): Selector {
    return createSelector();
  }
  // What it makes is an instance of a backend's class; `instanceof DefaultSelector` holds for those.
  DefaultSelector.prototype = Selector.prototype;
  return DefaultSelector as unknown as new <T = unknown>() => Selector<T>;
})();

function create<T>(backend: Backend, name: string): Selector<T> {
  if (!Object.hasOwn(BACKENDS, backend)) {
    throw invalidValue(name, `one of ${selectorBackends().join(', ')}`, backend);
  }
  try {
    return new BACKENDS[backend]<T>();
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    throw new StateError(error.code, `${error.message}; what works here: ${selectorBackends().join(', ')}`);
  }
}
