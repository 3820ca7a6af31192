/** A connection that is being made: from its endpoint to its transport. */
import { NO_LIMIT } from '../arguments.js';
import { AF_UNIX } from '../native/constants.js';
import { ECANCELED, SystemError } from '../native/errors.js';
import { Future } from '../reactor/future.js';
import type { Reactor } from '../reactor/reactor.js';
import type { TimerHandle } from '../reactor/timer.js';
import { LOST } from '../reactor/watcher.js';
import { EVENT_READ } from '../selectors/events.js';
import type { Address } from '../sockets/address.js';
import { Socket } from '../sockets/socket.js';
import { TimeoutError } from '../tasks/errors.js';
import { AddressRace } from './address-race.js';
import { DuplexTransport } from './duplex-transport.js';
import type { HostName } from './endpoint.js';
import type { Protocol } from './protocol.js';
import { hasEnded } from './reactor-end.js';
import { interleave, resolve } from './resolve.js';
import { SocketTransport } from './socket-transport.js';
import type { TlsClient } from './tls.js';
import type { Transport } from './transport.js';

export class ConnectRequest<T> {
  readonly future: Future<T>;
  readonly #reactor: Reactor;
  readonly #factory: () => Protocol;
  readonly #tls: TlsClient | null;
  readonly #resultOf: (transport: Transport) => T;
  #transport: Transport | null = null;
  #timer: TimerHandle | null = null;
  #signal: AbortSignal | undefined;
  /** Closes what is open, ends what is under way. */
  #undo: () => void = () => {};

  /**
   * @param tls - what encrypts the connection; `null`: nothing.
   * @param resultOf - what the future gives, once there is a transport.
   */
  constructor(
    reactor: Reactor,
    factory: () => Protocol,
    tls: TlsClient | null,
    resultOf: (transport: Transport) => T,
  ) {
    this.#reactor = reactor;
    this.#factory = factory;
    this.#tls = tls;
    this.#resultOf = resultOf;
    this.future = new Future<T>(
      reactor.futures,
      () => this.#end(),
      () => this.#transport?.abort(),
    );
  }

  /**
   * @param limit - milliseconds.
   * @throws StateError `ERR_ALREADY_REGISTERED`: somebody reads the socket.
   */
  begin(
    target: Address | HostName | Socket,
    noDelay: boolean,
    limit: number,
    signal: AbortSignal | undefined,
  ): void {
    if (target instanceof Socket) this.#adopt(target, noDelay);
    if (signal?.aborted === true) {
      this.#fail(signal.reason);
      return;
    }
    signal?.addEventListener('abort', this.#onAbort);
    this.#signal = signal;
    if (limit !== NO_LIMIT) {
      const late = () => this.#fail(new TimeoutError(`no connection within ${limit} ms`));
      this.#timer = this.#reactor.callLater(limit, late);
    }
    if (target instanceof Socket) return;
    if ('host' in target) this.#resolve(target, noDelay);
    else this.#connect([target], noDelay);
  }

  /** A socket that is connected already. Its protocol, too, is told in an iteration of the reactor. */
  #adopt(socket: Socket, noDelay: boolean): void {
    // Until then this hears of the reactor's close.
    const watcher = this.#reactor.watchers.watch(socket, EVENT_READ, () => {}, undefined, {
      onLost: () => {
        // Else it is the socket that is being closed, by somebody else.
        if (!hasEnded(this.#reactor)) this.#undo = () => started.cancel();
        this.#fail(canceled());
      },
    });
    watcher.pause();
    const started = this.#reactor.callSoon(() => {
      watcher.close();
      try {
        if (noDelay && socket.family !== AF_UNIX) socket.setNoDelay();
      } catch (error) {
        this.#fail(error);
        return;
      }
      this.#start(socket);
    });
    this.#undo = () => {
      watcher.close();
      started.cancel();
      socket.close();
    };
  }

  #resolve(name: HostName, noDelay: boolean): void {
    this.#undo = resolve(name, (error, addresses) => {
      if (error !== null) this.#fail(error);
      else if (hasEnded(this.#reactor)) this.#fail(canceled());
      else this.#connect(interleave(addresses), noDelay);
    });
  }

  #connect(addresses: readonly Address[], noDelay: boolean): void {
    const race = new AddressRace(this.#reactor, addresses, noDelay, (outcome) => {
      if (outcome instanceof Error) this.#fail(outcome);
      else this.#start(outcome);
    });
    this.#undo = () => race.cancel();
    race.begin();
  }

  /** The socket is connected. */
  #start(socket: Socket): void {
    this.#undo = () => socket.close();
    const tls = this.#tls;
    if (tls === null) this.#serve((protocol) => SocketTransport.start(this.#reactor, socket, protocol));
    else this.#secure(socket, tls);
  }

  #secure(socket: Socket, tls: TlsClient): void {
    try {
      const carrier = SocketTransport.start(this.#reactor, socket, {});
      this.#undo = () => carrier.abort();
      tls.secure(
        carrier,
        (stream) => this.#serve((protocol) => DuplexTransport.start(stream, carrier, protocol)),
        (error) => this.#fail(error),
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  /** What is called here may call the request off: what it was to serve is closed then, and hears of that. */
  #serve(start: (protocol: Protocol) => Transport): void {
    try {
      const protocol = this.#factory();
      if (this.future.done()) return;
      const transport = start(protocol);
      if (this.future.done()) return;
      this.#undo = () => {};
      this.#end();
      this.#transport = transport;
      this.future.setResult(this.#resultOf(transport));
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #onAbort = (): void => this.#fail(this.#signal?.reason);

  #fail(error: unknown): void {
    if (this.future.done()) return;
    this.future.setException(error);
    this.#end();
  }

  #end(): void {
    this.#timer?.cancel();
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#undo();
  }
}

function canceled(): SystemError {
  return new SystemError(-ECANCELED, 'connect', { hint: LOST });
}
