/** The echo service: what it reads from a connection it writes back, whoever's loop it is called by. */
import {
  EVENT_READ,
  EVENT_WRITE,
  type SelectorStats,
  type Socket,
  SystemError,
  type TriggerMode,
  WOULD_BLOCK,
} from 'iomux';
import { AcceptPause } from './accept-pause.js';
import { Connection } from './connection.js';
import type { Loop, Watcher } from './loop.js';

export interface EchoServiceOptions {
  /** How connections are watched; `'level'` where it is left out. */
  readonly mode?: TriggerMode;
  /** At so many connections the service accepts no more until one closes. */
  readonly maxConnections?: number;
  /** Told, a line at a time, what whoever runs the service should know. */
  readonly report?: (line: string) => void;
}

/** What a service did so far. */
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
 * Owns its listener and its connections. The listener is watched level-triggered in each mode: a turn that accepts not
 * all of them needs no bookkeeping, it is reported again.
 */
export class EchoService implements Disposable {
  readonly #listener: Socket;
  readonly #loop: Loop;
  readonly #mode: TriggerMode;
  readonly #maxConnections: number;
  readonly #report: (line: string) => void;
  readonly #connections = new Set<Connection>();
  readonly #pause = new AcceptPause();
  // One for all connections: it is never in use across two calls.
  readonly #buffer = Buffer.allocUnsafeSlow(64 * 1024);
  // Who watches the listener, and who ends the pause; of each one at most.
  #acceptor: Watcher | null = null;
  #pauseTimer: { cancel(): void } | null = null;
  #accepted = 0;
  #peak = 0;
  #failed = 0;
  #messages = 0;
  #bytes = 0;

  /** @param listener - becomes the service's, to close with it. */
  constructor(listener: Socket, loop: Loop, options: EchoServiceOptions = {}) {
    const { mode = 'level', maxConnections = Number.POSITIVE_INFINITY, report = () => {} } = options;
    this.#listener = listener;
    this.#loop = loop;
    this.#mode = mode;
    this.#maxConnections = maxConnections;
    this.#report = report;
    this.#resume();
  }

  get served(): Served {
    return {
      connections: this.#accepted,
      peak: this.#peak,
      failed: this.#failed,
      messages: this.#messages,
      bytes: this.#bytes,
      selector: this.#loop.selector.stats,
    };
  }

  /** Accepts no more, then closes every connection, whatever it is owed. */
  close(): void {
    this.#pauseTimer?.cancel();
    this.#listener.close();
    for (const connection of this.#connections) connection.socket.close();
    this.#connections.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  readonly #accept = (): void => {
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
      this.#pauseTimer = this.#loop.callLater(this.#pause.remaining ?? 0, this.#resume);
      if (delay === null) return;
      this.#report(
        `cannot accept (${error.message}) with ${this.#connections.size} connections open: ` +
          `trying again in ${delay} ms, or when one closes`,
      );
    }
  };

  #admit(socket: Socket): void {
    const connection = new Connection(socket);
    const serve = (events: number, watcher: Watcher) => this.#serve(connection, events, watcher);
    try {
      this.#loop.watch(socket, connection.interest, serve, { mode: this.#mode });
    } catch (error) {
      socket.close();
      throw error;
    }
    this.#connections.add(connection);
    this.#accepted++;
    this.#peak = Math.max(this.#peak, this.#connections.size);
  }

  #stopAccepting(): void {
    this.#acceptor?.close();
    this.#acceptor = null;
  }

  readonly #resume = (): void => {
    this.#pause.end();
    this.#pauseTimer?.cancel();
    this.#pauseTimer = null;
    this.#acceptor ??= this.#loop.watch(this.#listener, EVENT_READ, this.#accept);
  };

  #serve(connection: Connection, events: number, watcher: Watcher): void {
    try {
      if ((events & EVENT_WRITE) !== 0) connection.flush();
      const more = (events & EVENT_READ) !== 0 && connection.readable && this.#read(connection);
      if (connection.finished) this.#drop(connection);
      else this.#watch(connection, watcher, more);
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

  /** Says what is wanted now, and has called again whom nobody would report otherwise. */
  #watch({ interest }: Connection, watcher: Watcher, more: boolean): void {
    if (interest !== watcher.events) watcher.modify(interest);
    if (this.#isOneshot || (more && this.#isEdge)) watcher.rearm();
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
