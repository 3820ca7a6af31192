/** The addresses behind a name, by node:dns. */
import { lookup } from 'node:dns';
import { StateError } from '../native/errors.js';
import type { Reactor } from '../reactor/reactor.js';
import type { Address } from '../sockets/address.js';
import type { HostName } from './endpoint.js';

/** Gets the addresses, each once, in the resolver's order; or why there are none. */
export type Resolved = (error: Error | null, addresses: readonly Address[]) => void;

/**
 * Asks for the addresses of a name, all of them. The answer comes in a turn of Node's loop.
 *
 * @returns what calls it off: the answer is then ignored.
 */
export function resolve({ host, port }: HostName, resolved: Resolved): () => void {
  let wanted = true;
  lookup(host, { all: true }, (error, found) => {
    if (!wanted) return;
    if (error !== null) {
      resolved(error, []);
      return;
    }
    const addresses = new Set(found.map(({ address }) => address));
    resolved(
      null,
      [...addresses].map((address) => ({ address, port })),
    );
  });
  return () => {
    wanted = false;
  };
}

/** @throws StateError `ERR_UNSUPPORTED`: the reactor holds the thread, and Node's resolver could not answer. */
export function checkCanResolve(reactor: Reactor, { host }: HostName): void {
  if (reactor.state !== 'blocking') return;
  throw new StateError(
    'ERR_UNSUPPORTED',
    `'${host}' cannot be resolved in a blocking run, in which Node's own loop stands still: ` +
      'use `await reactor.run()`, or a numeric address',
  );
}

/** Addresses with the families in turn, the first one's first; within a family in their order. */
export function interleave(addresses: readonly Address[]): Address[] {
  const [first] = addresses;
  if (first === undefined) return [];
  const like = addresses.filter((address) => isIPv6(address) === isIPv6(first));
  const unlike = addresses.filter((address) => isIPv6(address) !== isIPv6(first));
  const turns = Math.max(like.length, unlike.length);
  return Array.from({ length: turns }, (_, turn) => [
    ...like.slice(turn, turn + 1),
    ...unlike.slice(turn, turn + 1),
  ]).flat();
}

function isIPv6(address: Address): boolean {
  return 'address' in address && address.address.includes(':');
}
