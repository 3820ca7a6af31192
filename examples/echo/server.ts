/** An echo server over a selector: what it reads from a connection it writes back. */
import {
  type Backend,
  createSelector,
  EVENT_READ,
  EVENT_WRITE,
  type Selector,
  type SelectorKey,
  type SelectorStats,
  type Socket,
  SystemError,
  type TriggerMode,
  WOULD_BLOCK,
} from 'iomux';
import { AcceptPause } from './accept-pause.js';
import { Connection } from './connection.js';

export interface EchoServerOptions {
  /** The best that works here, or what IOMUX_SELECTOR names, where it is left out. */
  readonly backend?: Backend | undefined;
  /** How connections are watched; `'level'` where it is left out. */
  readonly mode?: TriggerMode;
  /** At so many connections the server accepts no more until one closes. */
  readonly maxConnections?: number;
  /** Told, a line at a time, what whoever runs the server should know. */
  readonly report?: (line: string) => void;
}

/** What a server did so far. */
export interface Served {
  readonly connections: number;
  /** The most that were open at once. */
  readonly peak: number;
  /** Connections that ended with an error: the peer reset them. */
  readonly failed: number;
  /** Reads that found something. */
  readonly messages: number;
  readonly bytes: number;
  readonly selector: SelectorStats;
}

/** Reads of one connection, or connections accepted, before others have their turn. */
const READS_PER_TURN = 16;
const ACCEPTS_PER_TURN = 64;
/** No descriptor or memory for a connection; it waits on in the queue. ENOSPC: the selector can watch no more. */
const EXHAUSTED: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'ENOSPC']);

/**
 * Owns its listener, its selector and its connections. The listener is watched level-triggered in each mode: a turn
 * that accepts not all of them needs no bookkeeping, the selector reports it again.
 */
export class EchoServer implements Disposable {
  readonly selector: Selector<Connection>;
  readonly #listener: Socket;
  readonly #mode: TriggerMode;
  readonly #maxConnections: number;
  readonly #report: (line: string) => void;
  readonly #connections = new Set<Connection>();
  readonly #pause = new AcceptPause();
  // One for all connections: it is never in use across two calls.
  readonly #buffer = Buffer.allocUnsafeSlow(64 * 1024);
  // Edge-triggered connections that used up their reads: nobody will report them again.
  #ready: Connection[] = [];
  #accepting = true;
  #accepted = 0;
  #peak = 0;
  #failed = 0;
  #messages = 0;
  #bytes = 0;

  /** @param listener - becomes the server's, to close with it. */
  constructor(listener: Socket, options: EchoServerOptions = {}) {
    const { backend, mode = 'level', maxConnections = Number.POSITIVE_INFINITY, report = () => {} } = options;
    this.#listener = listener;
    this.#mode = mode;
    this.#maxConnections = maxConnections;
    this.#report = report;
    this.selector = createSelector<Connection>(backend);
    this.selector.register(listener, EVENT_READ);
  }

  get served(): Served {
    return {
      connections: this.#accepted,
      peak: this.#peak,
      failed: this.#failed,
      messages: this.#messages,
      bytes: this.#bytes,
      selector: this.selector.stats,
    };
  }

  /** Serves until `stopping` says so, which is asked after each wait; `selector.waker` ends one from another thread. */
  run(stopping: () => boolean): void {
    while (!stopping()) this.turn();
  }

  /** Waits once and serves whoever is ready. */
  turn(): void {
    this.selector.dispatch(this.#timeout(), this.#handle);
    this.#serveReady();
    if (this.#pause.remaining === 0) this.#resume();
  }

  /** Accepts no more, then closes every connection, whatever it is owed. */
  close(): void {
    this.#listener.close();
    for (const connection of this.#connections) connection.socket.close();
    this.#connections.clear();
    this.selector.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #timeout(): number | null {
    return this.#ready.length > 0 ? 0 : this.#pause.remaining;
  }

  readonly #handle = ({ data: connection }: SelectorKey<Connection>, events: number): void => {
    if (connection === undefined) this.#accept();
    else this.#serve(connection, events);
  };

  #accept(): void {
    try {
      for (let count = 0; count < ACCEPTS_PER_TURN; count++) {
        if (this.#connections.size >= this.#maxConnections) {
          this.#stopAccepting();
          return;
        }
        const socket = this.#listener.accept();
        if (socket === null) {
          this.#pause.reset();
          return;
        }
        this.#admit(socket);
      }
    } catch (error) {
      if (!(error instanceof SystemError && EXHAUSTED.has(error.code))) throw error;
      this.#stopAccepting();
      const delay = this.#pause.begin();
      if (delay === null) return;
      this.#report(
        `cannot accept (${error.message}) with ${this.#connections.size} connections open: ` +
          `trying again in ${delay} ms, or when one closes`,
      );
    }
  }

  #admit(socket: Socket): void {
    const connection = new Connection(socket);
    try {
      this.selector.register(socket, connection.watched, connection, { mode: this.#mode });
    } catch (error) {
      socket.close();
      throw error;
    }
    this.#connections.add(connection);
    this.#accepted++;
    this.#peak = Math.max(this.#peak, this.#connections.size);
  }

  #stopAccepting(): void {
    this.selector.unregister(this.#listener);
    this.#accepting = false;
  }

  #resume(): void {
    this.#pause.end();
    if (this.#accepting) return;
    this.selector.register(this.#listener, EVENT_READ);
    this.#accepting = true;
  }

  #serve(connection: Connection, events: number): void {
    try {
      if ((events & EVENT_WRITE) !== 0) connection.flush();
      const more = (events & EVENT_READ) !== 0 && connection.readable && this.#read(connection);
      if (connection.finished) this.#drop(connection);
      else if (more && this.#isEdge) this.#queue(connection);
      else this.#watch(connection);
    } catch (error) {
      // ECONNRESET, EPIPE, ETIMEDOUT: the matter of this one connection.
      if (!(error instanceof SystemError)) throw error;
      this.#failed++;
      this.#drop(connection);
    }
  }

  /** @returns whether there may be more to read, though its turn is over. */
  #read(connection: Connection): boolean {
    const buffer = this.#buffer;
    for (let reads = 0; reads < READS_PER_TURN; reads++) {
      const length = connection.socket.recv(buffer);
      if (length === WOULD_BLOCK) return false;
      if (length === 0) {
        connection.end();
        return false;
      }
      this.#messages++;
      this.#bytes += length;
      connection.echo(buffer, length);
      if (!connection.readable) return false;
      // It held less than fits: the rest, if any came just now, is reported. An edge must be read to its end.
      if (length < buffer.length && !this.#isEdge) return false;
    }
    return true;
  }

  /** Tells the selector what is wanted now, which arms the connection again, whatever its mode. */
  #watch(connection: Connection): void {
    const { interest, socket } = connection;
    if (interest !== connection.watched) {
      this.selector.modify(socket, interest, connection);
      connection.watched = interest;
    } else if (this.#isOneshot) {
      this.selector.rearm(socket);
    }
  }

  #queue(connection: Connection): void {
    if (connection.queued) return;
    connection.queued = true;
    this.#ready.push(connection);
  }

  /** One turn for each that was on the list before: whoever is not done comes onto the next. */
  #serveReady(): void {
    if (this.#ready.length === 0) return;
    const ready = this.#ready;
    this.#ready = [];
    for (const connection of ready) {
      connection.queued = false;
      if (!connection.socket.closed) this.#serve(connection, EVENT_READ);
    }
  }

  #drop(connection: Connection): void {
    connection.socket.close();
    this.#connections.delete(connection);
    // A descriptor is free, and a place.
    this.#resume();
  }

  get #isEdge(): boolean {
    return this.#mode === 'edge' || this.#mode === 'edge-oneshot';
  }

  get #isOneshot(): boolean {
    return this.#mode === 'oneshot' || this.#mode === 'edge-oneshot';
  }
}
