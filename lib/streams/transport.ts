/** A connection as its protocol sees it: what every kind of it has in common. */
import { checkInteger } from '../arguments.js';
import * as buffers from '../buffers.js';
import { invalidType, invalidValue, StateError } from '../native/errors.js';
import { Future } from '../reactor/future.js';
import type { Reactor } from '../reactor/reactor.js';
import type { Address } from '../sockets/address.js';
import type { Socket } from '../sockets/socket.js';
import { copyOf } from './copies.js';
import { checkProtocol, type Protocol } from './protocol.js';
import { hasEnded } from './reactor-end.js';

const { checkBuffer, lengthOf, plainView } = buffers;
type CheckedBuffer = buffers.CheckedBuffer;

/** How many bytes may be buffered before its protocol is to pause, and how many when it may go on. */
interface Limits {
  readonly high: number;
  readonly low: number;
}

const LIMITS: Limits = { high: 64 * 1024, low: 16 * 1024 };

/** Why a connection ends. */
interface Ending {
  readonly error: Error | null;
  /** What flush() says of bytes that were dropped. */
  readonly unsent: Error | null;
}

/** Somebody who waits until so many bytes were sent. */
interface Flush {
  readonly future: Future<void>;
  readonly bytes: number;
}

/** Whoever keeps account of connections: a server. */
export interface TransportOwner {
  /** A connection begins; its protocol is told next. */
  connectionBegun(transport: Transport): void;
  /** A connection has ended, and its socket is closed. */
  connectionEnded(transport: Transport): void;
}

/**
 * A connection: sends what is written as soon as the kernel takes it, and tells its {@link Protocol} what comes.
 *
 * What cannot be sent at once is copied and buffered; `write` says, and the protocol is told, when that is too much. A
 * connection that has failed tells so by `connectionLost`; until that is called, what is written is dropped.
 */
export abstract class Transport {
  readonly reactor: Reactor;
  protected protocol: Protocol;
  /** `closing`: by our own will; `failed`: by an error that the protocol is not told yet. */
  protected state: 'open' | 'closing' | 'failed' | 'lost' = 'open';
  /** Whether nothing may be written any more, because the peer was, or will be, told so. */
  protected ended = false;
  /** Whether the protocol did not ask to wait. */
  protected wantsData = true;
  protected received = 0;
  protected sent = 0;
  readonly #owner: TransportOwner | null;
  #limits = LIMITS;
  #full = false;
  // There is one as soon as connectionLost is to be called.
  #ending: Ending | null = null;
  #flushing: Flush[] | null = null;

  protected constructor(reactor: Reactor, protocol: Protocol, owner: TransportOwner | null) {
    checkProtocol(protocol);
    this.reactor = reactor;
    this.protocol = protocol;
    this.#owner = owner;
  }

  abstract readonly socket: Socket;
  /** @throws StateError `ERR_CLOSED`: the connection has ended, and was not asked for it before. */
  abstract readonly localAddress: Address;
  /** `null` where the peer has no name, or is gone and was not asked for before. */
  abstract readonly remoteAddress: Address | null;
  /** Bytes that are written, and not sent yet. */
  abstract readonly writeBufferSize: number;

  /** Whether it is being closed, or was lost. */
  get closing(): boolean {
    return this.state !== 'open';
  }

  /** @internal Why it has failed, or was aborted; `null`: it was not. */
  get failure(): Error | null {
    return this.#ending?.error ?? null;
  }

  /** @internal What became of bytes that were not sent before the end; `null`: there were none. */
  get unsent(): Error | null {
    return this.#ending?.unsent ?? null;
  }

  get bytesRead(): number {
    return this.received;
  }

  /** Bytes that were handed to the kernel. */
  get bytesWritten(): number {
    return this.sent;
  }

  /**
   * Sends bytes, or a string as UTF-8. They are sent at once or copied: the memory may be used again.
   *
   * @returns `false`: more is buffered than the high-water mark; wait for `resumeWriting`.
   * @throws TypeError: no bytes. StateError `ERR_CLOSED`: after `close`, `abort`, `writeEof` or loss.
   */
  write(data: Uint8Array | string): boolean {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const checked = checkBuffer(bytes, 'data');
    this.#checkWritable();
    if (this.state === 'failed') return false;
    const length = lengthOf.call(bytes);
    if (length > 0) this.send(checked, length);
    return this.#afterWrite();
  }

  /** Sends chunks in order, as one. @throws as {@link Transport.write}. */
  writev(chunks: readonly Uint8Array[]): boolean {
    if (!Array.isArray(chunks)) throw invalidType('chunks', 'an array of Buffers or Uint8Arrays', chunks);
    const views = Array.from(chunks, (chunk) => plainView(checkBuffer(chunk, 'chunk'), lengthOf.call(chunk)));
    this.#checkWritable();
    if (this.state === 'failed') return false;
    this.sendAll(views.filter(({ length }) => length > 0));
    return this.#afterWrite();
  }

  /**
   * How many bytes may be buffered before the protocol is told to pause, and how many when it goes on.
   *
   * @param high - bytes; 64 KiB at first.
   * @param low - bytes; a quarter of `high` where it is left out.
   * @throws RangeError: `low` is above `high`, or one is negative or no whole number.
   */
  setWriteBufferLimits(high: number, low?: number): void {
    checkInteger(high, 'high', 0, Number.MAX_SAFE_INTEGER);
    if (low !== undefined) checkInteger(low, 'low', 0, high);
    this.#limits = { high, low: low ?? Math.floor(high / 4) };
    if (this.state === 'open') this.#checkHigh();
  }

  /** Calls another protocol from now on; `connectionMade` is not called again. @throws TypeError. */
  setProtocol(protocol: Protocol): void {
    checkProtocol(protocol);
    this.protocol = protocol;
  }

  /** @internal What `dataReceived` was called with, in memory of its own. */
  keep(data: Buffer): Buffer {
    return copyOf(data);
  }

  /** Reads no more until {@link Transport.resumeReading}; the peer is held back by its own network. Again: nothing. */
  abstract pauseReading(): void;
  abstract resumeReading(): void;

  /** Keeps the process alive while it is open, and its reactor hosted: the default. */
  abstract ref(): this;
  abstract unref(): this;

  /** Tells the peer that nothing more will be written, after what is buffered. Again, or when closing: nothing. */
  writeEof(): void {
    if (this.closing || this.ended) return;
    this.ended = true;
    this.endWriting();
  }

  /**
   * Waits until everything that was written before has been handed to the kernel.
   *
   * @throws (rejects) the error by which the connection was lost. StateError `ERR_CLOSED`: it was aborted.
   */
  flush(): Future<void> {
    const future = new Future<void>(this.reactor.futures, () => this.#forget(future));
    const { unsent } = this;
    if (unsent !== null) future.setException(unsent);
    else if (this.writeBufferSize === 0) future.setResult();
    else {
      this.#flushing ??= [];
      this.#flushing.push({ future, bytes: this.sent + this.writeBufferSize });
    }
    return future;
  }

  /** Reads no more, and ends the connection when all that was written is sent. Again: nothing. */
  close(): void {
    if (this.closing) {
      this.#giveUp();
      return;
    }
    this.state = 'closing';
    this.stopReading();
    if (this.writeBufferSize === 0) this.#end(null);
  }

  /** Ends the connection at once; what is buffered is dropped. @param error - what `connectionLost` is told. */
  abort(error: Error | null = null): void {
    this.#giveUp();
    if (this.losing) return;
    this.state = 'closing';
    this.stopReading();
    this.#end(error);
  }

  /** Sends what can be sent at once, and buffers the rest. There is something, and it may be written. */
  protected abstract send(bytes: CheckedBuffer, length: number): void;
  /** The same of chunks, whose memory is the caller's: none is empty, and none of a class of his. */
  protected abstract sendAll(chunks: readonly Uint8Array[]): void;
  protected abstract stopReading(): void;
  /** Tells the peer of the end, after what is buffered. */
  protected abstract endWriting(): void;
  /** Drops what is buffered, and waits for nothing any more. */
  protected abstract stop(): void;
  /** Closes what is below. It was stopped before. */
  protected abstract release(): void;
  /** Delivers what had come before the connection failed. */
  protected abstract deliverRest(): void;
  /** In the asynchronous context in which the connection was made. */
  protected abstract inContext(action: () => void): void;

  /** Tells the protocol of the connection, before anything else. */
  protected begin(): void {
    this.#owner?.connectionBegun(this);
    try {
      this.protocol.connectionMade?.(this);
    } catch (error) {
      this.fatal(error, 'connectionMade');
    }
  }

  /** Tells the protocol that its peer sends nothing more. */
  protected deliverEnd(): void {
    if (this.closing) return;
    try {
      if (this.protocol.eofReceived?.() === true) return;
    } catch (error) {
      this.fatal(error, 'eofReceived');
      return;
    }
    this.close();
  }

  /** Less is buffered than before. */
  protected afterSend(): void {
    const flushing = this.#flushing ?? [];
    const unsent = flushing.filter(({ bytes }) => bytes > this.sent);
    this.#flushing = unsent.length > 0 ? unsent : null;
    for (const { future, bytes } of flushing) if (bytes <= this.sent) future.setResult();
    if (this.#full && this.writeBufferSize <= this.#limits.low) {
      this.#full = false;
      // It may write, close or abort.
      this.#tell('resumeWriting');
    }
    if (this.state === 'closing' && this.writeBufferSize === 0) this.#end(null);
  }

  /** The connection has failed. */
  protected fail(error: Error): void {
    if (this.losing) return;
    if (this.state === 'open') this.state = 'failed';
    this.#end(error);
  }

  /** Calls connectionLost(), at last. */
  protected tellLost(): void {
    if (this.state === 'lost') return;
    if (this.state === 'failed') this.deliverRest();
    this.state = 'lost';
    try {
      this.protocol.connectionLost?.(this.failure);
    } catch (error) {
      this.report(error, 'connectionLost');
    } finally {
      try {
        this.release();
      } finally {
        this.#owner?.connectionEnded(this);
      }
    }
  }

  /**
   * Has the protocol lend a buffer.
   *
   * @returns `undefined`: none that could be used; the connection ends.
   */
  protected lend(sizeHint: number): Uint8Array | undefined {
    const what = 'the buffer that getBuffer() lends';
    try {
      const buffer = this.protocol.getBuffer?.(sizeHint) as Uint8Array;
      checkBuffer(buffer, what);
      if (buffer.length === 0) throw invalidValue(what, 'of one byte at least', buffer);
      return buffer;
    } catch (error) {
      this.fatal(error, 'getBuffer');
      return undefined;
    }
  }

  /** Whether what had come before the connection failed is to be delivered: its protocol may end it, or want to wait. */
  protected get wantsRest(): boolean {
    return this.state === 'failed' && (this.wantsData || this.protocol.takesRest === true);
  }

  /** Whether connectionLost is to be called, or was. */
  protected get losing(): boolean {
    return this.#ending !== null;
  }

  /** A callback without which the connection cannot go on has thrown. */
  protected fatal(error: unknown, callback: keyof Protocol): void {
    this.report(error, callback);
    this.abort(error instanceof Error ? error : new Error(`${callback}() threw`, { cause: error }));
  }

  protected report(error: unknown, callback: keyof Protocol): void {
    const fd = this.socket.fileno();
    const message = `${callback}() of a protocol threw`;
    this.reactor.futures.report(error, { message, source: 'transport', ...(fd >= 0 && { fd }) });
  }

  #checkWritable(): void {
    if (this.state === 'closing' || this.state === 'lost') {
      throw new StateError('ERR_CLOSED', 'the connection is closed: nothing can be written any more');
    }
    if (this.ended) throw new StateError('ERR_CLOSED', 'nothing can be written after writeEof()');
  }

  #afterWrite(): boolean {
    this.#checkHigh();
    return !this.#full && this.state === 'open';
  }

  #checkHigh(): void {
    if (this.#full || this.writeBufferSize <= this.#limits.high) return;
    this.#full = true;
    this.#tell('pauseWriting');
  }

  /** What these throw is reported, and the connection goes on. */
  #tell(callback: 'pauseWriting' | 'resumeWriting'): void {
    try {
      this.protocol[callback]?.();
    } catch (error) {
      this.report(error, callback);
    }
  }

  /** What has failed is not to be told of data any more. */
  #giveUp(): void {
    if (this.state === 'failed') this.state = 'closing';
  }

  /** The protocol is told in an iteration of its own; by a reactor that has none any more, now. */
  #end(error: Error | null): void {
    if (this.losing) return;
    const unsent = error ?? (this.writeBufferSize > 0 ? aborted() : null);
    this.#ending = { error, unsent };
    const flushing = this.#flushing ?? [];
    this.#flushing = null;
    this.stop();
    for (const { future } of flushing) if (unsent !== null) future.setException(unsent);
    const { reactor } = this;
    this.inContext(() => {
      if (hasEnded(reactor)) this.tellLost();
      else reactor.callSoon(() => this.tellLost());
    });
  }

  #forget(future: Future<void>): void {
    this.#flushing = this.#flushing?.filter((other) => other.future !== future) ?? null;
  }
}

function aborted(): StateError {
  return new StateError('ERR_CLOSED', 'the connection was aborted before all was sent');
}
