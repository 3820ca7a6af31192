/** What all connections of a reactor share. */
import type { Reactor } from '../reactor/reactor.js';

/** @returns what gives each reactor its own, made when it is first asked for. */
export function perReactor<T>(make: () => T): (reactor: Reactor) => T {
  const all = new WeakMap<Reactor, T>();
  return (reactor) => {
    let own = all.get(reactor);
    if (own === undefined) {
      own = make();
      all.set(reactor, own);
    }
    return own;
  };
}
