/** A stream of Node's as a transport: what a TLS connection is to its protocol. */
import { AsyncResource } from 'node:async_hooks';
import type { Duplex } from 'node:stream';
import { type CheckedBuffer, plainView } from '../buffers.js';
import type { Address } from '../sockets/address.js';
import type { Socket } from '../sockets/socket.js';
import type { Protocol } from './protocol.js';
import { Transport, type TransportOwner } from './transport.js';

/** What a protocol is told to lend, in bytes: as much as a TLS record has. */
const SIZE_HINT = 16 * 1024;

/** A connection over a stream, which itself goes over another connection. */
export class DuplexTransport extends Transport {
  /** What it reads and writes: of a TLS connection the `tls.TLSSocket`, which knows certificates and ALPN. */
  readonly stream: Duplex;
  readonly #below: Transport;
  readonly #context = new AsyncResource('iomux.DuplexTransport');
  #unsent = 0;
  #aborted = false;

  /**
   * Begins to serve a connected stream: the protocol is told of the connection before this returns, and of data later.
   *
   * @param below - the transport that the stream goes over; it ends with the stream.
   * @throws TypeError: no protocol.
   */
  static start(
    stream: Duplex,
    below: Transport,
    protocol: Protocol,
    owner: TransportOwner | null = null,
  ): DuplexTransport {
    const transport = new DuplexTransport(stream, below, protocol, owner);
    transport.begin();
    transport.#listen();
    return transport;
  }

  private constructor(stream: Duplex, below: Transport, protocol: Protocol, owner: TransportOwner | null) {
    super(below.reactor, protocol, owner);
    this.stream = stream;
    this.#below = below;
    stream.on('error', (error) => this.fail(error));
    // Both directions have ended. What it has failed by is told otherwise, after what had come.
    stream.once('close', () => {
      if (!this.losing) this.abort();
    });
  }

  get socket(): Socket {
    return this.#below.socket;
  }

  get localAddress(): Address {
    return this.#below.localAddress;
  }

  get remoteAddress(): Address | null {
    return this.#below.remoteAddress;
  }

  get writeBufferSize(): number {
    return this.#unsent;
  }

  pauseReading(): void {
    this.wantsData = false;
    this.stream.pause();
  }

  resumeReading(): void {
    if (this.closing) return;
    this.wantsData = true;
    this.stream.resume();
  }

  ref(): this {
    this.#below.ref();
    return this;
  }

  unref(): this {
    this.#below.unref();
    return this;
  }

  protected override endWriting(): void {
    this.stream.end();
  }

  protected override send(bytes: CheckedBuffer, length: number): void {
    this.#send(plainView(bytes, length));
  }

  protected override sendAll(chunks: readonly Uint8Array[]): void {
    this.stream.cork();
    for (const chunk of chunks) this.#send(chunk);
    this.stream.uncork();
  }

  #send(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#unsent += length;
    this.stream.write(Buffer.from(bytes), (error) => {
      // Where it fails, 'error' comes as well.
      if (error || this.losing) return;
      this.#unsent -= length;
      this.sent += length;
      this.afterSend();
    });
  }

  protected override stopReading(): void {
    this.pauseReading();
  }

  /** Drops what the stream has still to send, too. @param error - what `connectionLost` is told. */
  override abort(error: Error | null = null): void {
    this.#aborted = true;
    super.abort(error);
    // It may have been closed before, and wait for its peer.
    this.stream.destroy();
  }

  protected override fail(error: Error): void {
    this.#aborted = true;
    super.fail(error);
    this.stream.destroy();
  }

  /** Ended in order, the stream has a last word to its peer, without which that would take the end for an accident. */
  protected override stop(): void {
    this.#unsent = 0;
    const destroy = () => this.stream.destroy();
    if (this.#aborted || this.stream.writableFinished) {
      destroy();
      return;
    }
    this.stream.end();
    this.stream.once('finish', destroy);
  }

  protected override tellLost(): void {
    if (this.stream.closed) super.tellLost();
    else this.stream.once('close', () => super.tellLost());
  }

  protected override release(): void {
    this.#below.abort();
  }

  /** A stream that is destroyed keeps what it has buffered, and gives it to whoever reads. */
  protected override deliverRest(): void {
    while (this.#wants) {
      const data = this.stream.read() as Buffer | null;
      if (data === null) return;
      this.#deliverAll(data);
    }
  }

  protected override inContext(action: () => void): void {
    this.#context.runInAsyncScope(action);
  }

  #listen(): void {
    this.stream.on('data', (data: Buffer) => this.#onData(data));
    this.stream.once('end', () => this.deliverEnd());
  }

  /** Whether the protocol is to have data. */
  get #wants(): boolean {
    return this.state === 'open' ? this.wantsData : this.wantsRest;
  }

  #onData(data: Buffer): void {
    const rest = this.#deliverAll(data);
    if (rest.length > 0 && !this.closing) this.stream.unshift(rest);
  }

  /** @returns what the protocol did not want. */
  #deliverAll(data: Buffer): Buffer {
    let left = data;
    while (left.length > 0 && this.#wants) left = left.subarray(this.#deliver(left));
    return left;
  }

  /** @returns how much the protocol took. */
  #deliver(data: Buffer): number {
    const { protocol } = this;
    const lent = protocol.getBuffer === undefined ? null : this.lend(SIZE_HINT);
    // It may have ended the connection, or want to wait.
    if (lent === undefined || !this.#wants) return 0;
    const length = lent === null ? data.length : data.copy(lent);
    this.received += length;
    try {
      if (lent === null) protocol.dataReceived?.(data);
      else protocol.bufferUpdated?.(length);
    } catch (error) {
      this.fatal(error, lent === null ? 'dataReceived' : 'bufferUpdated');
    }
    return length;
  }
}
