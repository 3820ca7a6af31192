/** Where a connection goes to, or a server listens: checked before anything is opened. */
import { isIP } from 'node:net';
import { checkInteger, checkObject } from '../arguments.js';
import { SOCK_STREAM } from '../native/constants.js';
import { Description, invalidType, invalidValue, StateError } from '../native/errors.js';
import { currentReactor } from '../reactor/ambient.js';
import { Reactor } from '../reactor/reactor.js';
import { type Address, encode, familyOf } from '../sockets/address.js';
import { Socket } from '../sockets/socket.js';

/** A name that `node:dns` knows the addresses of. */
export interface HostName {
  readonly host: string;
  readonly port: number;
}

/**
 * A numeric address, a host name (resolved by `node:dns`; a numeric one needs no DNS), a Unix path, or a socket that is
 * there already: a connected one to make a connection of, a listening one to serve.
 */
export type Endpoint = Address | HostName | { readonly socket: Socket };

const KINDS = ['address', 'host', 'path', 'socket'] as const;
const EXPECTED = 'an object with address and port, host and port, path, or socket';

/**
 * What an endpoint is: an address, a name to be resolved, or a stream socket.
 *
 * @param leastPort - 0 where any free port will do.
 * @throws TypeError: none of these, or several; an address that is not numeric; a host that is empty; a socket of another
 * type. RangeError: a port out of range, a path too long. StateError `ERR_CLOSED`: the socket is closed.
 */
export function targetOf(endpoint: Endpoint, leastPort: number): Address | HostName | Socket {
  if (typeof endpoint !== 'object' || endpoint === null) throw invalidType('endpoint', EXPECTED, endpoint);
  const given: Readonly<Partial<Record<string, unknown>>> = { ...endpoint };
  const present = KINDS.filter((kind) => given[kind] !== undefined);
  if (present.length !== 1) {
    const keys = new Description(`one with ${Object.keys(given).join(', ') || 'nothing'}`);
    throw invalidType('endpoint', EXPECTED, keys);
  }
  if (present[0] === 'socket') return checkStream(given['socket']);
  if (present[0] !== 'host') return checkAddress(endpoint as Address, leastPort);
  const { host, port } = endpoint as HostName;
  if (typeof host !== 'string') throw invalidType('endpoint.host', 'a string', host);
  if (host === '' || host.includes('\0')) {
    throw invalidValue('endpoint.host', "a name or an address ('::' and '0.0.0.0' stand for all)", host);
  }
  if (isIP(host) !== 0) return checkAddress({ address: host, port }, leastPort);
  checkInteger(port, 'endpoint.port', leastPort, 65_535);
  return { host, port };
}

/**
 * A numeric address or a Unix path, which nobody changes any more.
 *
 * @throws as {@link targetOf}.
 */
export function checkAddress(address: Address, leastPort: number, name = 'endpoint'): Address {
  checkObject(address, name);
  if (!('path' in address)) {
    if (typeof address.address !== 'string') {
      throw invalidType(`${name}.address`, 'a string', address.address);
    }
    if (isIP(address.address) === 0) throw invalidValue(`${name}.address`, 'numeric', address.address);
    checkInteger(address.port, `${name}.port`, leastPort, 65_535);
  }
  encode(address, familyOf(address));
  if (leastPort > 0 && 'path' in address && address.path.length === 0) {
    throw invalidValue(`${name}.path`, 'a name that a socket is bound to', new Description('an empty one'));
  }
  // One from the kernel is frozen already, and known by its bytes.
  return Object.isFrozen(address) ? address : { ...address };
}

/** The reactor that was asked for, or the current one. @throws TypeError. StateError `ERR_CLOSED`. */
export function reactorFor(given: Reactor | undefined): Reactor {
  if (given === undefined) return currentReactor();
  if (!(given instanceof Reactor)) throw invalidType('options.reactor', 'a Reactor', given);
  if (given.state === 'closed') throw new StateError('ERR_CLOSED', 'the reactor is closed');
  return given;
}

function checkStream(socket: unknown): Socket {
  if (!(socket instanceof Socket)) throw invalidType('endpoint.socket', 'a Socket', socket);
  if (socket.closed) throw new StateError('ERR_CLOSED', 'the socket is closed');
  if (socket.type === SOCK_STREAM) return socket;
  throw invalidValue('endpoint.socket', 'a stream socket', new Description(`one of type ${socket.type}`));
}
