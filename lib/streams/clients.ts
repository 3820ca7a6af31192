/** The connections of a server: each gets a protocol of its own, is counted, and ends. */
import type { Reactor } from '../reactor/reactor.js';
import type { Socket } from '../sockets/socket.js';
import { DuplexTransport } from './duplex-transport.js';
import type { Protocol } from './protocol.js';
import { SocketTransport } from './socket-transport.js';
import type { TlsServer } from './tls.js';
import type { Transport, TransportOwner } from './transport.js';

export class Clients {
  readonly #reactor: Reactor;
  readonly #factory: () => Protocol;
  readonly #tls: TlsServer | null;
  readonly #changed: () => void;
  readonly #transports = new Set<Transport>();
  // Those whose protocol is being made.
  #arriving = 0;

  /**
   * @param tls - what encrypts them; `null`: nothing.
   * @param changed - told when there is one more, or one less.
   */
  constructor(reactor: Reactor, factory: () => Protocol, tls: TlsServer | null, changed: () => void) {
    this.#reactor = reactor;
    this.#factory = factory;
    this.#tls = tls;
    this.#changed = changed;
  }

  get count(): number {
    return this.#transports.size + this.#arriving;
  }

  /** Has a connection served. What goes wrong is reported, and closes it. */
  admit(socket: Socket): void {
    const tls = this.#tls;
    const reactor = this.#reactor;
    const start = () =>
      tls === null
        ? SocketTransport.start(reactor, socket, this.#factory(), this.#owner)
        : this.#secure(socket, tls);
    this.#begin(start, socket);
  }

  closeAll(): void {
    for (const transport of [...this.#transports]) transport.close();
  }

  abortAll(): void {
    for (const transport of [...this.#transports]) transport.abort();
  }

  readonly #owner: TransportOwner = {
    connectionBegun: (transport) => {
      this.#arriving--;
      this.#transports.add(transport);
    },
    connectionEnded: (transport) => {
      if (this.#transports.delete(transport)) this.#changed();
    },
  };

  #begin(start: () => Transport, socket: Socket): void {
    const before = this.#arriving++;
    try {
      start();
    } catch (error) {
      const fd = socket.fileno();
      const message = 'a connection cannot be served';
      this.#reactor.futures.report(error, { message, source: 'server', ...(fd >= 0 && { fd }) });
      // Last: it throws where somebody else has closed the descriptor.
      socket.close();
    } finally {
      this.#arriving = before;
      this.#changed();
    }
  }

  /** Begins a handshake; when it is done, what is encrypted takes the place of what carries it. */
  #secure(socket: Socket, tls: TlsServer): Transport {
    const carrier = SocketTransport.start(this.#reactor, socket, {}, this.#owner);
    tls.secure(
      carrier,
      (stream) => {
        this.#transports.delete(carrier);
        this.#begin(() => DuplexTransport.start(stream, carrier, this.#factory(), this.#owner), socket);
      },
      // The peer's fault, and he is gone: a scanner, a browser that does not like the certificate.
      () => {},
    );
    return carrier;
  }
}
