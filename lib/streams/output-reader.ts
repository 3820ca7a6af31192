/** Reads what a program writes: it keeps this process alive while the program runs, and later while a read waits. */
import { StreamReader } from './reader.js';
import type { Transport } from './transport.js';

export class OutputReader extends StreamReader {
  readonly #transport: Transport;
  #exited = false;

  constructor(transport: Transport) {
    super(transport);
    this.#transport = transport;
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

  protected override waitingChanged(): void {
    if (this.#exited) this.#update();
  }

  #update(): void {
    if (this.waiting) this.#transport.ref();
    else this.#transport.unref();
  }
}
