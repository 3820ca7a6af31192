/** Memory that many Buffers are cut from, one after the other; each piece is somebody's own. */
import * as buffers from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';

// Not the global one, which is a getter: 40 ns a message.
const { Buffer } = buffers;

export class Slab {
  readonly #size: number;
  #bytes: Buffer;
  // Asked of a Buffer, it costs as much as a view of it.
  #memory: ArrayBufferLike;
  #start = 0;
  #view: Buffer;

  constructor(size: number) {
    this.#size = size;
    this.#bytes = makeMemory(size);
    this.#memory = this.#bytes.buffer;
    this.#view = this.#bytes;
  }

  /** All of it; what nobody has taken begins at {@link Slab.start}. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  get start(): number {
    return this.#start;
  }

  /** Bytes that nobody has taken. */
  get room(): number {
    return this.#size - this.#start;
  }

  /** Sees to it that there is room for so many bytes, by other memory where it must. */
  reserve(length: number): void {
    if (this.room >= length) return;
    this.#bytes = makeMemory(this.#size);
    this.#memory = this.#bytes.buffer;
    this.#view = this.#bytes;
    this.#start = 0;
  }

  /**
   * The next bytes, which are nobody's yet. Messages often are as long as the one before, and full buffers are: there is a
   * view of them already, and a new one is garbage worth a twentieth of all that a message costs.
   */
  view(length: number): Buffer {
    if (this.#view.length !== length) this.#view = Buffer.from(this.#memory, this.#start, length);
    return this.#view;
  }

  /** Whether these are the view that was made last, and nobody has taken them. */
  shows(bytes: Buffer): boolean {
    return bytes === this.#view;
  }

  /** Gives the next bytes away: they are the caller's own. */
  take(length: number): Buffer {
    const taken = this.view(length);
    this.#start += length;
    this.#view = NOTHING;
    return taken;
  }
}

const NOTHING = Buffer.alloc(0);

/** Whoever posts a piece to a worker must not take the others with it. */
function makeMemory(size: number): Buffer {
  const memory = Buffer.allocUnsafeSlow(size);
  markAsUntransferable(memory.buffer);
  return memory;
}
