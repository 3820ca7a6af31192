/** Opening the listeners of a server. */
import { AF_UNIX, constants, SOCK_STREAM } from '../native/constants.js';
import { Description, invalidValue, SystemError } from '../native/errors.js';
import type { Address } from '../sockets/address.js';
import { SOL_SOCKET } from '../sockets/options.js';
import { Socket } from '../sockets/socket.js';
import { type BoundSocket, bindAt, closeBound, removerOf } from './socket-file.js';

export interface ListenOptions {
  /** The OS's limit where it is left out. */
  readonly backlog: number | undefined;
  readonly reusePort: boolean;
  readonly noDelay: boolean;
}

/** An address of a name that this machine does not have: IPv6 is often known but switched off. */
const MISSING: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);
/** How often another free port is looked for, where the one that the first address got is taken on another. */
const ATTEMPTS = 10;

/**
 * Listens on each of a name's addresses, on port 0 on the same one. Those that this machine does not have are left out,
 * where there is another.
 *
 * @throws SystemError with the address, as `Socket.listen`; none of them stays open.
 */
export function listenAll(addresses: readonly Address[], options: ListenOptions): BoundSocket[] {
  for (let attempt = 1; ; attempt++) {
    const listeners: BoundSocket[] = [];
    try {
      listenEach(addresses, options, listeners);
      return listeners;
    } catch (error) {
      for (const listener of listeners) closeBound(listener);
      const taken = error instanceof SystemError && error.code === 'EADDRINUSE';
      // With one listener open it was we who named the port.
      if (!taken || listeners.length === 0 || !wantsAnyPort(addresses) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** @throws TypeError: the socket does not listen. */
export function checkListening(socket: Socket): void {
  const option = constants['SO_ACCEPTCONN'];
  if (option === undefined || socket.getOption(SOL_SOCKET, option) !== 0) return;
  throw invalidValue('endpoint.socket', 'a listening socket', new Description('one that does not listen'));
}

/** What a listener has, its connections inherit: none of them costs a call for it. */
export function prepareListener(listener: Socket, noDelay: boolean): void {
  if (noDelay && listener.family !== AF_UNIX) listener.setNoDelay();
}

function listenEach(addresses: readonly Address[], options: ListenOptions, listeners: BoundSocket[]): void {
  let missing: unknown;
  for (const address of addresses) {
    try {
      listeners.push(listen(atPortOf(listeners[0], address), options));
    } catch (error) {
      if (!(error instanceof SystemError && MISSING.has(error.code))) throw error;
      missing ??= error;
    }
  }
  if (listeners.length === 0) throw missing;
}

function listen(address: Address, { backlog, reusePort, noDelay }: ListenOptions): BoundSocket {
  const options = backlog === undefined ? { reusePort } : { reusePort, backlog };
  const socket = bindAt(address, SOCK_STREAM, () => Socket.listen(address, options));
  const removeFile = removerOf(address);
  try {
    prepareListener(socket, noDelay);
  } catch (error) {
    closeBound({ socket, removeFile });
    throw error;
  }
  return { socket, removeFile };
}

/** The port that the first listener got, where any would do. */
function atPortOf(first: BoundSocket | undefined, address: Address): Address {
  if (first === undefined || 'path' in address || address.port !== 0) return address;
  const got = first.socket.localAddress;
  return 'path' in got ? address : { ...address, port: got.port };
}

function wantsAnyPort(addresses: readonly Address[]): boolean {
  return addresses.some((address) => 'port' in address && address.port === 0);
}
