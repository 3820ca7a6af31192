/** Servers at protocol level: their listeners, and the connections that came through them. */
import type { TlsOptions } from 'node:tls';
import { checkBoolean, checkFunction, checkInteger, checkObject } from '../arguments.js';
import { ECANCELED, SystemError } from '../native/errors.js';
import { ReserveDescriptor } from '../reactor/accept-guard.js';
import { Future } from '../reactor/future.js';
import type { Reactor } from '../reactor/reactor.js';
import { LOST } from '../reactor/watcher.js';
import { EVENT_READ } from '../selectors/events.js';
import type { Address } from '../sockets/address.js';
import { Socket } from '../sockets/socket.js';
import { Acceptor, type AcceptorOwner } from './acceptor.js';
import { Clients } from './clients.js';
import { type Endpoint, reactorFor, targetOf } from './endpoint.js';
import { checkListening, listenAll, prepareListener } from './listen.js';
import type { Protocol } from './protocol.js';
import { hasEnded } from './reactor-end.js';
import { checkCanResolve, resolve } from './resolve.js';
import { type BoundSocket, closeBound } from './socket-file.js';
import { checkCanEncrypt, TlsServer } from './tls.js';

/** Milliseconds that connections have to send what is still buffered, when a server is disposed of. */
const GRACE = 5_000;
/** As many as the C type int has. */
const MOST = 0x7fff_ffff;

export interface ServerOptions {
  /** Serves the connections; the current one where it is left out. */
  readonly reactor?: Reactor;
  /** Connections that may wait to be accepted; the OS's limit where it is left out. A listening socket keeps its own. */
  readonly backlog?: number;
  /** SO_REUSEPORT: several servers share the port, and the OS spreads the connections. */
  readonly reusePort?: boolean;
  /** At so many connections none is accepted until one has ended; those that come wait in the backlog. */
  readonly maxConnections?: number;
  /** Of a server with readers and writers, `startServer`: a protocol has no use for it. */
  readonly limit?: number;
  /** TCP_NODELAY for each connection: small segments are sent at once. `true` where it is left out. */
  readonly noDelay?: boolean;
  /** Each connection is encrypted; its protocol is told of it when the handshake is done. */
  readonly tls?: TlsOptions;
}

/**
 * Accepts connections, each of which is served by a protocol of its own. What goes wrong with one, the making of its
 * protocol included, is reported to the reactor's `onError` and ends that connection. A client whose TLS handshake fails is
 * dropped, and not reported: the fault is his.
 *
 * Without a descriptor for a connection (EMFILE, ENFILE, ENOBUFS, ENOMEM) one is accepted with a descriptor kept for that,
 * and closed, so that its client learns that nobody will serve it; the listener then rests for 5 ms, and twice as long
 * each time that did not help, up to a second. Each rest is reported once.
 *
 * When its listeners are closed by others, or its reactor is, a server is closed.
 */
export class Server implements AsyncDisposable {
  /** Where it listens, or did: each address of a name; the port that was free, where any would do. */
  readonly addresses: readonly Address[];
  readonly #reactor: Reactor;
  readonly #maxConnections: number;
  readonly #reserve = new ReserveDescriptor();
  readonly #listeners = new Map<Acceptor, BoundSocket>();
  readonly #clients: Clients;
  #full = false;
  #waiting: Future<void>[] = [];

  /**
   * @internal Use `createServer()`.
   *
   * @throws as `reactor.watch`; the listeners are open then.
   */
  constructor(
    reactor: Reactor,
    listeners: readonly BoundSocket[],
    factory: () => Protocol,
    tls: TlsServer | null,
    maxConnections: number,
  ) {
    this.addresses = Object.freeze(listeners.map(({ socket }) => socket.localAddress));
    this.#reactor = reactor;
    this.#clients = new Clients(reactor, factory, tls, () => this.#connectionsChanged());
    this.#maxConnections = maxConnections;
    const owner: AcceptorOwner = {
      reactor,
      reserve: this.#reserve,
      accepted: (socket) => this.#clients.admit(socket),
      lost: (acceptor) => this.#listenerLost(acceptor),
    };
    try {
      for (const listener of listeners) this.#listeners.set(new Acceptor(listener.socket, owner), listener);
    } catch (error) {
      for (const acceptor of this.#listeners.keys()) acceptor.close();
      throw error;
    }
    this.#reserve.hold();
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#clients.count;
  }

  /** Whether it accepts connections, or will when there is room for them. */
  get listening(): boolean {
    return this.#listeners.size > 0;
  }

  /** Closes the listeners, at once. Connections go on. Again: nothing. */
  close(): void {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    this.#reserve.release();
    for (const [acceptor, listener] of listeners) {
      acceptor.close();
      this.#closeListener(listener);
    }
    this.#checkEnded();
  }

  /** Closes every connection, as `transport.close()` does: what was written is sent first. */
  closeClients(): void {
    this.#clients.closeAll();
  }

  /** Ends every connection at once; what was written and is not sent yet is dropped. */
  abortClients(): void {
    this.#clients.abortAll();
  }

  /** Waits until the server is closed and its last connection has ended. */
  waitClosed(): Future<void> {
    const future: Future<void> = new Future<void>(this.#reactor.futures, () => {
      this.#waiting = this.#waiting.filter((other) => other !== future);
    });
    this.#waiting.push(future);
    this.#checkEnded();
    return future;
  }

  /**
   * Closes the server and its connections, and waits for their end. A connection whose peer does not take what it is owed
   * is aborted after 5 s. Whoever still works for a connection that is closed is not waited for.
   */
  [Symbol.asyncDispose](): Future<void> {
    this.close();
    this.closeClients();
    // Nobody will send what is left.
    if (hasEnded(this.#reactor)) this.abortClients();
    const ended = this.waitClosed();
    if (ended.done()) return ended;
    const grace = this.#reactor.callLater(GRACE, () => this.abortClients());
    ended.addDoneCallback(() => grace.cancel());
    return ended;
  }

  #closeListener(listener: BoundSocket): void {
    const fd = listener.socket.fileno();
    try {
      closeBound(listener);
    } catch (error) {
      const message = 'the listener of a server was closed by somebody else';
      this.#reactor.futures.report(error, { message, source: 'server', fd });
    }
  }

  #connectionsChanged(): void {
    const full = this.connections >= this.#maxConnections;
    if (full !== this.#full) {
      this.#full = full;
      for (const acceptor of this.#listeners.keys()) acceptor.held = full;
    }
    this.#checkEnded();
  }

  #listenerLost(acceptor: Acceptor): void {
    this.#listeners.get(acceptor)?.removeFile();
    this.#listeners.delete(acceptor);
    if (!this.listening) this.close();
  }

  #checkEnded(): void {
    if (this.listening || this.connections > 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const future of waiting) future.setResult();
  }
}

/**
 * Listens, and has each connection served by a protocol of its own.
 *
 * All addresses of a name are listened on, with port 0 on the same free one; those that this machine does not have (it has
 * no IPv6, say) are left out. An IPv6 address takes IPv6 connections only. A Unix path that a process left which is gone is
 * taken over, any other file is not; the file is removed when the server is closed. A listening socket that is handed
 * over becomes the server's; a call that throws leaves it as it was.
 *
 * @param protocol - makes the protocol of a connection, which has been accepted.
 * @returns the server, which listens. Cancelled, it is closed.
 * @throws TypeError, RangeError: bad arguments. StateError `ERR_CLOSED`: the socket or the reactor is closed;
 * `ERR_ALREADY_REGISTERED`: somebody reads the socket; `ERR_UNSUPPORTED`: a name in a blocking run, or no SO_REUSEPORT.
 * (rejects) SystemError with the address: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, …, nothing is open then; the error of
 * the lookup: `ENOTFOUND`, …
 */
export function createServer(
  protocol: () => Protocol,
  endpoint: Endpoint,
  options: ServerOptions = {},
): Future<Server> {
  checkFunction(protocol, 'protocol');
  checkObject(options, 'options');
  const { backlog, reusePort = false, maxConnections = Number.POSITIVE_INFINITY, noDelay = true } = options;
  if (backlog !== undefined) checkInteger(backlog, 'options.backlog', 0, MOST);
  checkBoolean(reusePort, 'options.reusePort');
  if (maxConnections !== Number.POSITIVE_INFINITY)
    checkInteger(maxConnections, 'options.maxConnections', 1, MOST);
  checkBoolean(noDelay, 'options.noDelay');
  const target = targetOf(endpoint, 0);
  const reactor = reactorFor(options.reactor);
  if (options.tls !== undefined) checkCanEncrypt(reactor);
  const tls = options.tls === undefined ? null : new TlsServer(options.tls);

  let undo = () => {};
  const future = new Future<Server>(
    reactor.futures,
    () => undo(),
    (server) => {
      server.close();
      server.abortClients();
    },
  );
  const start = (open: () => BoundSocket[]): void => {
    let listeners: BoundSocket[] = [];
    try {
      listeners = open();
      future.setResult(new Server(reactor, listeners, protocol, tls, maxConnections));
    } catch (error) {
      for (const listener of listeners) closeBound(listener);
      future.setException(error);
    }
  };
  const listening = { backlog, reusePort, noDelay };
  if (target instanceof Socket) {
    checkListening(target);
    reactor.watchers.checkFree(target, EVENT_READ);
    prepareListener(target, noDelay);
    start(() => [{ socket: target, removeFile: () => {} }]);
  } else if ('host' in target) {
    checkCanResolve(reactor, target);
    undo = resolve(target, (error, addresses) => {
      if (error !== null) future.setException(error);
      else if (hasEnded(reactor)) future.setException(new SystemError(-ECANCELED, 'listen', { hint: LOST }));
      else start(() => listenAll(addresses, listening));
    });
  } else {
    start(() => listenAll([target], listening));
  }
  return future;
}
