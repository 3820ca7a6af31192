/** Making connections at protocol level. */
import type { ConnectionOptions } from 'node:tls';
import { checkBoolean, checkObject, checkSignal, milliseconds } from '../arguments.js';
import { Description, invalidValue } from '../native/errors.js';
import type { Future } from '../reactor/future.js';
import type { Reactor } from '../reactor/reactor.js';
import { Socket } from '../sockets/socket.js';
import { ConnectRequest } from './connect-request.js';
import { type Endpoint, reactorFor, targetOf } from './endpoint.js';
import { checkProtocol, type Protocol } from './protocol.js';
import { checkCanResolve } from './resolve.js';
import { checkCanEncrypt, TlsClient } from './tls.js';
import type { Transport } from './transport.js';

export interface ConnectOptions {
  /** Serves the connection; the current one where it is left out. */
  readonly reactor?: Reactor;
  /** Milliseconds for all of it, names included; none: as long as it takes. */
  readonly timeout?: number;
  /** Calls it off while it is under way. */
  readonly signal?: AbortSignal;
  /** TCP_NODELAY: small segments are sent at once. `true` where it is left out; a Unix socket has no such thing. */
  readonly noDelay?: boolean;
  /** Encrypts the connection; its protocol is told of it when the handshake is done. */
  readonly tls?: ConnectionOptions | true;
  /** Of a connection with reader and writer, `openConnection`: a protocol has no use for it. */
  readonly limit?: number;
}

/**
 * Connects, and has a protocol serve the connection. A name's addresses are tried in turns of IPv6 and IPv4, the next one
 * when one fails or has not answered for 250 ms; the first that answers wins, all others are closed.
 *
 * A connected socket that is handed over becomes the connection's: it is closed where this fails. A call that throws
 * leaves it as it was.
 *
 * @param protocol - or a function that makes it, called when the connection is there.
 * @returns the transport, when the protocol's `connectionMade` was called. Cancelled, everything that was opened is closed.
 * @throws TypeError, RangeError: bad arguments. StateError `ERR_CLOSED`: the socket or the reactor is closed;
 * `ERR_ALREADY_REGISTERED`: somebody reads the socket; `ERR_UNSUPPORTED`: a name in a blocking run. (rejects) SystemError
 * with the address: `ECONNREFUSED`, `ETIMEDOUT`, `ENOENT`, …; an AggregateError with the `errors` of several addresses and
 * the `code` of the first; the error of the lookup: `ENOTFOUND`, …; TimeoutError; the signal's reason; what the function
 * that makes the protocol throws; SystemError `ECANCELED`: the reactor was closed.
 */
export function createConnection(
  protocol: Protocol | (() => Protocol),
  endpoint: Endpoint,
  options: ConnectOptions = {},
): Future<Transport> {
  return connect(protocol, endpoint, options, (transport) => transport);
}

/** The same, for another result. @param resultOf - makes it of the transport. */
export function connect<T>(
  protocol: Protocol | (() => Protocol),
  endpoint: Endpoint,
  options: ConnectOptions,
  resultOf: (transport: Transport) => T,
): Future<T> {
  if (typeof protocol !== 'function') checkProtocol(protocol);
  checkObject(options, 'options');
  const { timeout, signal, noDelay = true } = options;
  const limit = milliseconds(timeout);
  checkSignal(signal);
  checkBoolean(noDelay, 'options.noDelay');
  const target = targetOf(endpoint, 1);
  const reactor = reactorFor(options.reactor);
  if (target instanceof Socket) checkConnected(target);
  else if ('host' in target) checkCanResolve(reactor, target);
  const tls = tlsFor(options.tls, endpoint, reactor);
  const factory = typeof protocol === 'function' ? protocol : () => protocol;
  const request = new ConnectRequest(reactor, factory, tls, resultOf);
  request.begin(target, noDelay, limit, signal);
  return request.future;
}

function checkConnected(socket: Socket): void {
  if (socket.remoteAddress !== null) return;
  throw invalidValue('endpoint.socket', 'a connected socket', new Description('one that has no peer'));
}

/** What is to encrypt the connection; the certificate must be for the host that was asked for. */
function tlsFor(
  options: ConnectionOptions | true | undefined,
  endpoint: Endpoint,
  reactor: Reactor,
): TlsClient | null {
  if (options === undefined) return null;
  checkCanEncrypt(reactor);
  if ('host' in endpoint) return new TlsClient(options, endpoint.host);
  return 'address' in endpoint ? new TlsClient(options, endpoint.address) : new TlsClient(options);
}
