/** Reads what a program writes: it keeps this process alive while the program runs, and later while a read waits. */
import { type Sink, StreamReader } from './reader.js';
import type { Separator } from './separators.js';
import type { Transport } from './transport.js';

/** As far as it matters here. */
interface Read {
  done(): boolean;
}

export class OutputReader extends StreamReader {
  readonly #transport: Transport;
  // The last one that had to wait.
  #read: Read | null = null;
  #exited = false;

  constructor(transport: Transport) {
    super(transport);
    this.#transport = transport;
  }

  override read(max?: number) {
    return this.#follow(super.read(max));
  }

  override readExactly(length: number) {
    return this.#follow(super.readExactly(length));
  }

  override readUntil(separator: Separator | readonly Separator[]) {
    return this.#follow(super.readUntil(separator));
  }

  override readLine() {
    return this.#follow(super.readLine());
  }

  override readAll() {
    return this.#follow(super.readAll());
  }

  override readTo(sink: Sink<Buffer | null>): void {
    let done = false;
    const setResult = (chunk: Buffer | null) => {
      done = true;
      sink.setResult(chunk);
    };
    const setException = (error: unknown) => {
      done = true;
      sink.setException(error);
    };
    super.readTo({ setResult, setException });
    this.#follow({ done: () => done });
  }

  override feed(data: Uint8Array): void {
    super.feed(data);
    this.#update();
  }

  /** The program has ended; another one may have inherited the output. */
  programExited(): void {
    this.#exited = true;
    this.#update();
  }

  /** Reads no more; what was received can be read still. */
  abort(error: Error): void {
    this.#transport.abort(error);
  }

  #follow<T extends Read>(read: T): T {
    if (!read.done()) this.#read = read;
    this.#update();
    return read;
  }

  #update(): void {
    if (!this.#exited) return;
    if (this.#read === null || this.#read.done()) this.#transport.unref();
    else this.#transport.ref();
  }
}
