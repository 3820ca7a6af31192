/** A connection as Node's own modules want it: a stream.Duplex that behaves as a net.Socket does. */
import { Duplex } from 'node:stream';
import { checkFunction } from '../arguments.js';
import { AF_INET, AF_INET6 } from '../native/constants.js';
import { invalidType, outOfRange, StateError, SystemError } from '../native/errors.js';
import type { Address } from '../sockets/address.js';
import type { Socket } from '../sockets/socket.js';
import { IdleTimer } from './idle-timer.js';
import type { Transport } from './transport.js';

/** As a stream's callback takes it. */
type Callback = (error?: Error | null) => void;

/** What a stream is told beside its transport. */
export interface ConnectionStreamOptions {
  /** What was read before. */
  readonly received?: Buffer;
  /** Whether that is all. */
  readonly ended?: boolean;
  /** Whether what came before an error is emitted as 'data' before it, also where the stream is paused. */
  readonly takesRest?: boolean;
  /** Told that the connection is gone, which may be long before what it brought is read. */
  readonly onLost?: (error: Error | null) => void;
}

/**
 * A stream over a transport, whose protocol it becomes.
 *
 * - Reading pauses while the stream's buffer is full. A write has ended when the kernel has all of it.
 * - `end()` ends our direction, and the other stays open; set `allowHalfOpen` to `false` to have either end both.
 * - `destroy()` drops what is not sent yet. A connection that fails emits 'error', then 'close', once; one that is closed
 *   in order ends the stream. As with a net.Socket, what was not read then is gone, unless `takesRest` asks for it.
 */
export class ConnectionStream extends Duplex {
  readonly connecting = false;
  readonly pending = false;
  /** Milliseconds of silence after which 'timeout' is emitted. */
  timeout: number | undefined;
  readonly #transport: Transport;
  readonly #takesRest: boolean;
  readonly #onConnectionLost: ((error: Error | null) => void) | undefined;
  // Waits until everything is sent.
  #unsent: Callback | null = null;
  #closed: (() => void) | null = null;
  #lost = false;
  // Whether what came before the loss is being delivered.
  #emptying = false;
  // What is under way in a long write is no silence, though nothing was written anew.
  readonly #idle = new IdleTimer(
    () => this.bytesWritten,
    () => this.emit('timeout'),
  );

  constructor(transport: Transport, options: ConnectionStreamOptions = {}) {
    const { received, ended = false, takesRest = false, onLost } = options;
    super();
    this.#transport = transport;
    this.#takesRest = takesRest;
    this.#onConnectionLost = onLost;
    transport.setProtocol({
      takesRest,
      dataReceived: (data) => this.#onData(data),
      eofReceived: () => this.#onEnd(),
      resumeWriting: () => this.#onSent(),
      connectionLost: (error) => this.#onLost(error),
    });
    transport.setWriteBufferLimits(0);
    transport.pauseReading();
    if (received !== undefined && received.length > 0) this.push(received);
    if (ended) this.#onEnd();
    // Without a reader, too, the end and errors are to be noticed.
    else this.read(0);
  }

  override _read(): void {
    this.#transport.resumeReading();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#send((transport) => transport.write(chunk), callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: Callback): void {
    this.#send((transport) => transport.writev(chunks.map(({ chunk }) => chunk)), callback);
  }

  override _final(callback: Callback): void {
    this.#transport.writeEof();
    if (this.#transport.writeBufferSize === 0) callback();
    else this.#unsent = callback;
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#idle.stop();
    if (this.#lost) {
      callback(error);
      return;
    }
    this.#closed = () => callback(error);
    // Below there may be one more layer, which has a last word to say to its peer.
    if (error === null && this.writableFinished) this.#transport.close();
    else this.#transport.abort(error ?? undefined);
  }

  /** Ends, and destroys the stream when all is sent. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', this.destroy);
  }

  /**
   * Emits 'timeout' after so many milliseconds without data in either direction; the stream stays open.
   *
   * @param milliseconds - 0: never.
   * @param callback - listens to the next 'timeout'.
   */
  setTimeout(milliseconds: number, callback?: () => void): this {
    if (typeof milliseconds !== 'number') throw invalidType('milliseconds', 'a number', milliseconds);
    if (!(milliseconds >= 0 && milliseconds <= Number.MAX_VALUE)) {
      throw outOfRange('milliseconds', 'a finite number that is not negative', milliseconds);
    }
    if (callback !== undefined) checkFunction(callback, 'callback');
    if (this.destroyed) return this;
    this.timeout = milliseconds;
    this.#idle.stop();
    if (callback !== undefined) this.removeListener('timeout', callback);
    if (milliseconds === 0) return this;
    if (callback !== undefined) this.once('timeout', callback);
    this.#idle.start(milliseconds);
    return this;
  }

  setNoDelay(enable = true): this {
    return this.#configure((socket) => socket.setNoDelay(enable));
  }

  setKeepAlive(enable = false, initialDelay = 0): this {
    return this.#configure((socket) =>
      socket.setKeepAlive(enable, initialDelay > 0 ? initialDelay : undefined),
    );
  }

  ref(): this {
    this.#transport.ref();
    return this;
  }

  unref(): this {
    this.#transport.unref();
    return this;
  }

  /** The local address, as `net.Socket` says it. */
  address(): Address | Record<string, never> {
    return this.#local() ?? {};
  }

  get localAddress(): string | undefined {
    return inet(this.#local())?.address;
  }

  get localPort(): number | undefined {
    return inet(this.#local())?.port;
  }

  get localFamily(): string | undefined {
    return inet(this.#local())?.family;
  }

  get remoteAddress(): string | undefined {
    return inet(this.#transport.remoteAddress)?.address;
  }

  get remotePort(): number | undefined {
    return inet(this.#transport.remoteAddress)?.port;
  }

  get remoteFamily(): string | undefined {
    return inet(this.#transport.remoteAddress)?.family;
  }

  get bytesRead(): number {
    return this.#transport.bytesRead;
  }

  /** Bytes that were handed to the kernel. */
  get bytesWritten(): number {
    return this.#transport.bytesWritten;
  }

  get readyState(): 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** Sets options of TCP; as of a net.Socket, nothing comes of it where the connection is another, or gone. */
  #configure(apply: (socket: Socket) => void): this {
    const { socket } = this.#transport;
    if (socket.closed || (socket.family !== AF_INET && socket.family !== AF_INET6)) return this;
    try {
      apply(socket);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
    }
    return this;
  }

  #local(): Address | null {
    return this.#transport.socket.closed ? null : this.#transport.localAddress;
  }

  #send(write: (transport: Transport) => void, callback: Callback): void {
    this.#idle.refresh();
    if (this.#emptying) {
      // It is dropped, and its writer told of the loss with everybody else.
      this.#unsent = callback;
      return;
    }
    const transport = this.#transport;
    try {
      write(transport);
    } catch (error) {
      callback(error as Error);
      return;
    }
    // One that has failed in this moment will say by which error.
    if (transport.writeBufferSize === 0 && !transport.closing) callback();
    else this.#unsent = callback;
  }

  #onData(data: Buffer): void {
    this.#idle.refresh();
    if (!this.push(Buffer.from(data))) this.#transport.pauseReading();
  }

  #onEnd(): true {
    this.push(null);
    if (this.readableLength === 0) this.read(0);
    return true;
  }

  #onSent(): void {
    this.#idle.refresh();
    const callback = this.#unsent;
    this.#unsent = null;
    callback?.();
  }

  /** To whoever listens for 'data', though it pauses: what it is to hear of next may be what makes it go on. */
  #empty(): void {
    this.#emptying = true;
    while (this.read() !== null);
    this.#emptying = false;
  }

  #onLost(error: Error | null): void {
    this.#lost = true;
    this.#onConnectionLost?.(error);
    if (this.#takesRest && error !== null) this.#empty();
    const unsent = this.#unsent;
    this.#unsent = null;
    unsent?.(error ?? new StateError('ERR_CLOSED', 'the connection was closed before all was sent'));
    if (this.#closed !== null) {
      this.#closed();
    } else if (error !== null) {
      this.destroy(error);
    } else {
      this.#onEnd();
      this.end();
    }
  }
}

function inet(address: Address | null): Extract<Address, { port: number }> | undefined {
  return address !== null && 'port' in address ? address : undefined;
}
