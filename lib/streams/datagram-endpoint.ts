/** Making datagram endpoints. */
import { checkBoolean, checkObject } from '../arguments.js';
import { AF_UNIX, SOCK_DGRAM } from '../native/constants.js';
import { Description, ECANCELED, invalidValue, SystemError } from '../native/errors.js';
import { Future } from '../reactor/future.js';
import type { Reactor } from '../reactor/reactor.js';
import { LOST } from '../reactor/watcher.js';
import { type Address, decode, encode, familyOf } from '../sockets/address.js';
import { Socket } from '../sockets/socket.js';
import { checkDatagramProtocol, type DatagramProtocol } from './datagram-protocol.js';
import { DatagramTransport } from './datagram-transport.js';
import { checkAddress, reactorFor } from './endpoint.js';
import { type BoundSocket, bindAt, closeBound, removerOf } from './socket-file.js';

export interface DatagramOptions {
  /** Where to receive; a free port of the machine, or of Unix no name, where it is left out. */
  readonly local?: Address;
  /** With whom to exchange datagrams; those of others are not received. */
  readonly remote?: Address;
  /** Serves the endpoint; the current one where it is left out. */
  readonly reactor?: Reactor;
  /** SO_REUSEPORT: several endpoints share the local port, and the OS spreads the datagrams. */
  readonly reusePort?: boolean;
}

/**
 * Opens a socket for datagrams, UDP or Unix, and has a protocol serve it.
 *
 * A Unix path that a process left which is gone is taken over, any other file is not; the file is removed at the end.
 *
 * @returns the transport, when `connectionMade` was called. Cancelled, it is closed.
 * @throws TypeError, RangeError: bad arguments, neither address, or those of two families. StateError `ERR_CLOSED`: the
 * reactor is closed. (rejects) SystemError with the address: `EADDRINUSE`, `EADDRNOTAVAIL`, `ENOENT`, …; `ECANCELED`: the
 * reactor was closed.
 */
export function createDatagramEndpoint(
  protocol: DatagramProtocol,
  options: DatagramOptions,
): Future<DatagramTransport> {
  checkDatagramProtocol(protocol);
  checkObject(options, 'options');
  const { reusePort = false } = options;
  const local = options.local === undefined ? null : checkAddress(options.local, 0, 'options.local');
  const remote = options.remote === undefined ? null : checkAddress(options.remote, 1, 'options.remote');
  const family = familyFor(local, remote);
  checkBoolean(reusePort, 'options.reusePort');
  const reactor = reactorFor(options.reactor);

  let transport: DatagramTransport | null = null;
  const future = new Future<DatagramTransport>(
    reactor.futures,
    () => transport?.abort(),
    (returned) => returned.abort(),
  );
  let bound: BoundSocket | null = null;
  try {
    const { socket, removeFile } = openSocket(family, local, remote, reusePort);
    bound = { socket, removeFile };
    const ended = () => {
      removeFile();
      if (!future.done()) future.setException(new SystemError(-ECANCELED, 'bind', { hint: LOST }));
    };
    const peer = remote === null ? null : decode(encode(remote, family));
    const opened = new DatagramTransport(reactor, socket, protocol, peer, ended);
    transport = opened;
    reactor.callSoon(() => {
      opened.begin();
      if (!future.done()) future.setResult(opened);
    });
  } catch (error) {
    if (bound !== null) closeBound(bound);
    future.setException(error);
  }
  return future;
}

/** The family of the addresses. */
function familyFor(local: Address | null, remote: Address | null): number {
  const address = local ?? remote;
  if (address === null) {
    throw invalidValue(
      'options',
      'with a local or a remote address, or both',
      new Description('with neither'),
    );
  }
  const family = familyOf(address);
  if (remote !== null && familyOf(remote) !== family) {
    throw invalidValue('options.remote', "of the local address's family", new Description('of another'));
  }
  return family;
}

/** A socket that is bound, and connected; nothing is open where that fails. */
function openSocket(
  family: number,
  local: Address | null,
  remote: Address | null,
  reusePort: boolean,
): BoundSocket {
  const socket = new Socket(family, SOCK_DGRAM);
  let removeFile = () => {};
  try {
    if (reusePort && family !== AF_UNIX) socket.setReusePort();
    if (local !== null) {
      bindAt(local, SOCK_DGRAM, () => socket.bind(local));
      removeFile = removerOf(local);
    }
    if (remote !== null) socket.connect(remote);
    return { socket, removeFile };
  } catch (error) {
    closeBound({ socket, removeFile });
    throw error;
  }
}
