/** A protocol that notes what it is told, and in which order. */
import type { Protocol, Transport } from 'iomux/streams';

/** What a protocol does beside being noted; what brings no transport of its own gets it. */
export interface Hooks {
  connectionMade?(transport: Transport): void;
  dataReceived?(data: Buffer, transport: Transport): void;
  eofReceived?(transport: Transport): boolean | undefined;
  pauseWriting?(transport: Transport): void;
  resumeWriting?(transport: Transport): void;
  connectionLost?(error: Error | null, transport: Transport): void;
}

interface Wait {
  readonly condition: () => boolean;
  readonly resolve: () => void;
}

export class Recorder implements Protocol {
  /** 'made', 'data', 'eof', 'pause', 'resume', 'lost', as they came. */
  readonly events: string[] = [];
  /** What `connectionLost` got. */
  readonly errors: (Error | null)[] = [];
  /** Bytes that came. */
  length = 0;
  readonly #hooks: Hooks;
  readonly #chunks: Buffer[] = [];
  #transport: Transport | null = null;
  #waits: Wait[] = [];

  constructor(hooks: Hooks = {}) {
    this.#hooks = hooks;
  }

  get transport(): Transport {
    if (this.#transport === null) throw new Error('no connection was made');
    return this.#transport;
  }

  /** A protocol that takes the place of another is not told of the connection. */
  set transport(transport: Transport) {
    this.#transport = transport;
  }

  /** All that came, in one. */
  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** How often something was told. */
  count(event: string): number {
    return this.events.filter((noted) => noted === event).length;
  }

  /** Once the condition holds; looked at when something was noted. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waits.push({ condition, resolve });
    });
  }

  /** Once so many bytes came. */
  untilReceived(length: number): Promise<void> {
    return this.until(() => this.length >= length);
  }

  /** What the connection was lost with. */
  async lost(): Promise<Error | null> {
    await this.until(() => this.errors.length > 0);
    return this.errors[0] ?? null;
  }

  connectionMade(transport: Transport): void {
    this.#transport = transport;
    this.#note('made');
    this.#hooks.connectionMade?.(transport);
  }

  dataReceived(data: Buffer): void {
    this.take(data);
    this.#hooks.dataReceived?.(data, this.transport);
  }

  eofReceived(): boolean | undefined {
    this.#note('eof');
    return this.#hooks.eofReceived?.(this.transport);
  }

  pauseWriting(): void {
    this.#note('pause');
    this.#hooks.pauseWriting?.(this.transport);
  }

  resumeWriting(): void {
    this.#note('resume');
    this.#hooks.resumeWriting?.(this.transport);
  }

  connectionLost(error: Error | null): void {
    this.errors.push(error);
    this.#note('lost');
    this.#hooks.connectionLost?.(error, this.transport);
  }

  /** Keeps a copy of what came. */
  protected take(data: Uint8Array): void {
    this.#chunks.push(Buffer.from(data));
    this.length += data.length;
    this.#note('data');
  }

  #note(event: string): void {
    this.events.push(event);
    const waits = this.#waits;
    this.#waits = waits.filter(({ condition }) => !condition());
    for (const wait of waits) if (!this.#waits.includes(wait)) wait.resolve();
  }
}

/** One that lends a buffer of its own. */
export class LendingRecorder extends Recorder {
  /** What it was asked for. */
  readonly hints: number[] = [];
  readonly buffer: Buffer;
  readonly #updated: (length: number, transport: Transport) => void;

  constructor(
    size = 4096,
    updated: (length: number, transport: Transport) => void = () => {},
    hooks: Hooks = {},
  ) {
    super(hooks);
    this.buffer = Buffer.alloc(size);
    this.#updated = updated;
  }

  getBuffer(sizeHint: number): Uint8Array {
    this.hints.push(sizeHint);
    return this.buffer;
  }

  bufferUpdated(length: number): void {
    this.take(this.buffer.subarray(0, length));
    this.#updated(length, this.transport);
  }
}
