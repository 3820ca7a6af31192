/** The protocol that gives a connection a reader and a writer. */
import { StateError } from '../native/errors.js';
import type { Protocol } from './protocol.js';
import { StreamReader } from './reader.js';
import type { Transport } from './transport.js';
import { StreamWriter } from './writer.js';

/** Both sides of a connection. */
export interface Connection {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
}

/** What a {@link StreamProtocol} is told beside its transport. */
export interface StreamProtocolOptions {
  /** As for {@link StreamReader}. */
  readonly limit?: number | undefined;
  /** Whether the connection stays open for writing when the peer sends nothing more: `true` where it is left out. */
  readonly halfOpen?: boolean;
  /** Gets the connection as soon as it is made, before anything is read. */
  readonly onConnection?: (connection: Connection) => void;
}

export class StreamProtocol implements Protocol {
  /** What arrived before an error is delivered before it. */
  get takesRest(): boolean {
    return true;
  }

  readonly #options: StreamProtocolOptions;
  // Each by itself, one step nearer to what comes.
  #reader: StreamReader | null = null;
  #writer: StreamWriter | null = null;

  constructor(options: StreamProtocolOptions = {}) {
    this.#options = options;
  }

  /** @throws StateError `ERR_INVALID_STATE`: it is not made yet. */
  get connection(): Connection {
    const reader = this.#reader;
    const writer = this.#writer;
    if (reader !== null && writer !== null) return Object.freeze({ reader, writer });
    throw new StateError('ERR_INVALID_STATE', 'the connection is not made yet');
  }

  connectionMade(transport: Transport): void {
    const { limit, onConnection } = this.#options;
    this.#reader = new StreamReader(transport, limit);
    this.#writer = new StreamWriter(transport);
    onConnection?.(this.connection);
  }

  dataReceived(data: Buffer): void {
    this.#reader?.feed(data);
  }

  eofReceived(): boolean {
    this.#reader?.end(null, true);
    return this.#options.halfOpen ?? true;
  }

  pauseWriting(): void {
    this.#writer?.pause();
  }

  resumeWriting(): void {
    this.#writer?.resume();
  }

  connectionLost(error: Error | null): void {
    const reader = this.#reader;
    const writer = this.#writer;
    if (reader === null || writer === null) return;
    // Whoever closes it himself has what he wants of it.
    if (error === null && writer.closed) reader.end(null, true);
    else
      reader.end(
        error ?? new StateError('ERR_CLOSED', 'the connection was closed before its peer had ended'),
      );
    writer.end(error);
  }
}
