/** A connection over a socket that a reactor waits for. */
import { type CheckedBuffer, plainView } from '../buffers.js';
import { ECANCELED, SystemError } from '../native/errors.js';
import type { Reactor } from '../reactor/reactor.js';
import { type FileWatcher, LOST, type WatcherKind } from '../reactor/watcher.js';
import * as kinds from '../selectors/events.js';
import type { Address } from '../sockets/address.js';
import * as exchange from '../sockets/exchange.js';
import { Socket } from '../sockets/socket.js';
import type { Protocol } from './protocol.js';
import { RECEIVE_SIZE, type ReceiveBuffer, receiveBufferOf } from './receive-buffer.js';
import { Transport, type TransportOwner } from './transport.js';
import { CHUNKS_PER_CALL, WriteQueue } from './write-queue.js';

const { EVENT_READ, EVENT_WRITE } = kinds;
const { transmitChecked, WOULD_BLOCK } = exchange;
// Socket's own: nothing of the caller's, a class of it among that, is called between a check of memory and its use.
const { fileno } = Socket.prototype;
/** Bytes, more than the kernel holds for a connection: a peer that sends for ever is not heard out. */
const MOST_REST = 8 * 1024 * 1024;
/** Buffers received before other connections have their turn. */
const READS_PER_TURN = 16;

export class SocketTransport extends Transport implements WatcherKind {
  readonly socket: Socket;
  readonly #buffer: ReceiveBuffer;
  readonly #watcher: FileWatcher;
  // Most connections never have to wait for the kernel.
  #queue: WriteQueue | null = null;
  // Whether the peer has said that there is no more.
  #atEnd = false;
  #localAddress: Address | null = null;
  #remoteAddress: Address | null = null;

  /**
   * Begins to serve a connected socket, which becomes the transport's: the protocol is told of the connection before
   * this returns, and of data later.
   *
   * @throws TypeError: no protocol. As `reactor.watch`; the socket is open then.
   */
  static start(
    reactor: Reactor,
    socket: Socket,
    protocol: Protocol,
    owner: TransportOwner | null = null,
  ): SocketTransport {
    const transport = new SocketTransport(reactor, socket, protocol, owner);
    transport.begin();
    return transport;
  }

  private constructor(reactor: Reactor, socket: Socket, protocol: Protocol, owner: TransportOwner | null) {
    super(reactor, protocol, owner);
    this.socket = socket;
    this.#buffer = receiveBufferOf(reactor);
    this.#watcher = reactor.watchers.watch(socket, EVENT_READ, this.serve, undefined, this);
  }

  get localAddress(): Address {
    this.#localAddress ??= this.socket.localAddress;
    return this.#localAddress;
  }

  get remoteAddress(): Address | null {
    if (!this.socket.closed) this.#remoteAddress ??= this.socket.remoteAddress;
    return this.#remoteAddress;
  }

  get writeBufferSize(): number {
    return this.#queue?.size ?? 0;
  }

  override keep(data: Buffer): Buffer {
    return this.#buffer.keep(data);
  }

  pauseReading(): void {
    this.wantsData = false;
    this.#wait();
  }

  resumeReading(): void {
    if (this.closing) return;
    this.wantsData = true;
    this.#wait();
  }

  ref(): this {
    this.#watcher.ref();
    return this;
  }

  unref(): this {
    this.#watcher.unref();
    return this;
  }

  protected override endWriting(): void {
    if (this.writeBufferSize === 0) this.#shutdown();
  }

  protected override send(bytes: CheckedBuffer, length: number): void {
    if (this.writeBufferSize > 0) {
      this.#queue?.push(plainView(bytes, length));
      return;
    }
    let sent: number;
    try {
      sent = transmitChecked(fileno.call(this.socket), bytes, length);
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (sent === length) {
      this.sent += sent;
      return;
    }
    const taken = sent === WOULD_BLOCK ? 0 : sent;
    this.sent += taken;
    this.#queue ??= new WriteQueue();
    this.#queue.push(plainView(bytes, length, taken));
    this.#wait();
  }

  protected override sendAll(chunks: readonly Uint8Array[]): void {
    let left = chunks;
    if (this.writeBufferSize === 0 && chunks.length > 0) left = this.#sendFirst(chunks);
    if (left.length === 0 || this.closing) return;
    this.#queue ??= new WriteQueue();
    for (const chunk of left) this.#queue.push(chunk);
    this.#wait();
  }

  protected override stopReading(): void {
    this.wantsData = false;
    this.#wait();
  }

  protected override stop(): void {
    this.#queue = null;
    // It hears of the reactor's close, which may come before connectionLost() was called.
    this.#watcher.pause();
  }

  protected override release(): void {
    this.#watcher.close();
    try {
      this.socket.close();
    } catch (error) {
      // Somebody closed the descriptor behind our back.
      if (!(error instanceof SystemError && error.code === 'EBADF')) throw error;
    }
  }

  /** The peer may have sent something before it went: a server's answer to a request that it did not want whole. */
  protected override deliverRest(): void {
    const before = this.received;
    while (this.wantsRest) {
      if (this.#atEnd || this.socket.closed || !this.#receive(true)) return;
      if (this.received - before >= MOST_REST) return;
    }
  }

  protected override inContext(action: () => void): void {
    this.#watcher.runInAsyncScope(action);
  }

  /** @internal Its watcher calls it on this. */
  get receiver(): this {
    return this;
  }

  /** @internal The socket is ready. */
  serve(events: number): void {
    if ((events & EVENT_WRITE) !== 0 && this.writeBufferSize > 0) this.#flush();
    if ((events & EVENT_READ) === 0) return;
    for (let reads = 0; reads < READS_PER_TURN; reads++) {
      // Compared, as in FileWatcher.
      if (this.wantsData === false || this.#atEnd || this.losing || !this.#receive()) return;
    }
  }

  /** @internal The socket was closed by others, or the reactor was. */
  onLost(): void {
    if (this.losing) {
      // The reactor is closed, and was to tell.
      if (this.reactor.state === 'closed') this.inContext(() => this.tellLost());
      return;
    }
    this.abort(new SystemError(-ECANCELED, 'recv', { hint: LOST }));
  }

  /**
   * Receives once.
   *
   * @param rest - whether nobody will say that there is more: what comes in pieces is not all in one.
   * @returns whether there may be more.
   */
  #receive(rest = false): boolean {
    const { protocol } = this;
    if (protocol.getBuffer !== undefined) return this.#receiveLent(rest);
    const buffer = this.#buffer;
    if (this.socket.closed) return false;
    let length: number;
    try {
      length = buffer.receive(fileno.call(this.socket));
    } catch (error) {
      this.#failed(error);
      return false;
    }
    if (!this.#took(length)) return false;
    const full = length === buffer.room;
    try {
      protocol.dataReceived?.(buffer.received(length));
    } catch (error) {
      this.fatal(error, 'dataReceived');
      return false;
    }
    return rest || full;
  }

  /** The same into memory of the protocol's. */
  #receiveLent(rest: boolean): boolean {
    const { protocol } = this;
    const lent = this.lend(RECEIVE_SIZE);
    // It may have ended the connection, or want to wait.
    if (lent === undefined || !(rest ? this.wantsRest : this.wantsData)) return false;
    if (this.socket.closed) return false;
    let length: number;
    try {
      length = this.socket.recv(lent);
    } catch (error) {
      this.#failed(error);
      return false;
    }
    if (!this.#took(length)) return false;
    try {
      protocol.bufferUpdated?.(length);
    } catch (error) {
      this.fatal(error, 'bufferUpdated');
      return false;
    }
    return rest || length === lent.length;
  }

  /** What a recv returned. @returns whether something has come. */
  #took(length: number): boolean {
    if (length > 0) this.received += length;
    else if (length === 0) this.#onEnd();
    return length > 0;
  }

  #onEnd(): void {
    this.#atEnd = true;
    this.#wait();
    this.deliverEnd();
  }

  #flush(): void {
    const queue = this.#queue;
    if (queue === null) return;
    const before = queue.size;
    try {
      queue.send(this.socket);
    } catch (error) {
      this.#failed(error);
      return;
    } finally {
      this.sent += before - queue.size;
    }
    if (queue.size === 0) {
      this.#wait();
      if (this.ended && this.state === 'open') this.#shutdown();
    }
    this.afterSend();
  }

  /** Sends what the kernel takes of chunks. @returns the rest. */
  #sendFirst(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
    const first = chunks.slice(0, CHUNKS_PER_CALL);
    let sent: number;
    try {
      sent = this.socket.sendv(first);
    } catch (error) {
      this.#failed(error);
      return [];
    }
    if (sent === WOULD_BLOCK) return chunks;
    this.sent += sent;
    let index = 0;
    let left = sent;
    for (let chunk = chunks[0]; chunk !== undefined && left >= chunk.length; chunk = chunks[index]) {
      left -= chunk.length;
      index++;
    }
    const [partial, ...rest] = chunks.slice(index);
    return partial === undefined ? [] : [partial.subarray(left), ...rest];
  }

  #shutdown(): void {
    try {
      this.socket.shutdown('write');
    } catch (error) {
      // Not connected any more: why says more.
      this.#failed(this.socket.takeError() ?? error);
    }
  }

  /** Only a system call fails a connection; what else is thrown is a mistake in here, or in the caller's memory. */
  #failed(error: unknown): void {
    if (!(error instanceof SystemError)) throw error;
    this.fail(error);
  }

  /** Waits for what there is to wait for. */
  #wait(): void {
    if (this.losing) return;
    const interest =
      (this.wantsData && !this.#atEnd ? EVENT_READ : 0) | (this.writeBufferSize > 0 ? EVENT_WRITE : 0);
    if (interest === this.#watcher.interest || !this.#watcher.active) return;
    if (interest === 0) {
      this.#watcher.pause();
    } else {
      try {
        this.#watcher.modify(interest);
        this.#watcher.resume();
      } catch (error) {
        // Somebody else waits for the socket to become writable.
        this.fail(error as Error);
      }
    }
  }
}
