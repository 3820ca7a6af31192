/** Which selector to use where nobody says which. */
import { invalidValue, StateError } from '../native/errors.js';
import type { BackendSet } from './backend-set.js';
import type { Backend } from './capabilities.js';
import { EpollSelector, EpollSet } from './epoll.js';
import { KqueueSelector, KqueueSet } from './kqueue.js';
import { PollSelector, PollSet } from './poll.js';
import { SelectSelector, SelectSet } from './select.js';
import { Selector } from './selector.js';

/** Best first. No OS has both epoll and kqueue of its own; where libkqueue emulates one by the other, the real one wins. */
const BACKENDS: readonly Backend[] = ['epoll', 'kqueue', 'poll', 'select'];
const SELECTORS = {
  epoll: EpollSelector,
  kqueue: KqueueSelector,
  poll: PollSelector,
  select: SelectSelector,
};
const SETS = { epoll: EpollSet, kqueue: KqueueSet, poll: PollSet, select: SelectSet };

/** The backends that work on this machine, best first: found by trying each. */
export function selectorBackends(): readonly Backend[] {
  return BACKENDS.filter((backend) => {
    try {
      new SELECTORS[backend]().close();
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * A selector of one backend, or a {@link DefaultSelector}.
 *
 * @throws TypeError `ERR_INVALID_ARG_VALUE`: there is no such backend. StateError `ERR_UNSUPPORTED`: it does not work
 * here. SystemError `EMFILE`, …
 */
export function createSelector<T = unknown>(backend?: Backend): Selector<T> {
  if (backend === undefined) return new DefaultSelector<T>();
  return whereItWorks(backend, 'backend', () => new SELECTORS[backend]<T>());
}

/**
 * The best selector that works here, found by trying. The environment variable IOMUX_SELECTOR names a backend in place
 * of the best. It is of this class, not of its backend's: which that is, `backend` tells.
 *
 * @example
 * ```ts
 * using selector = new DefaultSelector<string>();
 * ```
 */
export class DefaultSelector<T = unknown> extends Selector<T> {
  readonly backend: Backend;

  /** @throws as {@link createSelector}, of what IOMUX_SELECTOR names. */
  constructor() {
    const set = defaultSet();
    super(set);
    this.backend = set.backend;
  }
}

function defaultSet(): BackendSet {
  const named = process.env['IOMUX_SELECTOR'];
  if (named !== undefined && named !== '') {
    const backend = named as Backend;
    return whereItWorks(backend, 'IOMUX_SELECTOR', () => new SETS[backend]());
  }
  const failures: unknown[] = [];
  for (const backend of BACKENDS) {
    try {
      return new SETS[backend]();
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, 'no selector works here');
}

/** Makes what is of a backend; where it cannot, says which backends can. */
function whereItWorks<Made>(backend: Backend, name: string, make: () => Made): Made {
  if (!BACKENDS.includes(backend))
    throw invalidValue(name, `one of ${selectorBackends().join(', ')}`, backend);
  try {
    return make();
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    throw new StateError(error.code, `${error.message}; what works here: ${selectorBackends().join(', ')}`);
  }
}
