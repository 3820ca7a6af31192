/** Memory that many Buffers are cut from, one after the other; each piece is somebody's own. */
import * as buffers from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';
import { lengthOf } from '../buffers.js';
import * as exchange from '../sockets/exchange.js';

const { receiveInto } = exchange;
// Not the global one, which is a getter: 40 ns a message.
const { Buffer } = buffers;
const NOTHING = Buffer.alloc(0);

export class Slab {
  readonly #size: number;
  #bytes: Buffer = NOTHING;
  // Asked of a Buffer, it costs as much as a view of it.
  #memory = new ArrayBuffer(0);
  #start = 0;
  #view: Buffer = NOTHING;

  constructor(size: number) {
    this.#size = size;
  }

  /** All of it, which is for the kernel alone: who has a part of it has a view of that. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Bytes that nobody has taken. */
  get room(): number {
    return this.#size - this.#start;
  }

  /** Sees to it that there is room for so many bytes, by other memory where it must. */
  reserve(length: number): void {
    if (this.room < length || this.#isGone()) this.#renew();
  }

  /** Receives from a descriptor into what nobody has taken, and was reserved. @returns, throws as `socket.recv`. */
  receive(fd: number): number {
    return receiveInto(fd, this.#memory, this.#start, this.room);
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

  /** None was made yet, or it was moved away: ArrayBuffer.prototype.transfer() does not ask whether it may. */
  #isGone(): boolean {
    return lengthOf.call(this.#bytes) !== this.#size;
  }

  #renew(): void {
    this.#bytes = makeMemory(this.#size);
    this.#memory = this.#bytes.buffer as ArrayBuffer;
    this.#view = NOTHING;
    this.#start = 0;
  }
}

/** Whoever posts a piece to a worker must not take the others with it. */
function makeMemory(size: number): Buffer {
  const memory = Buffer.allocUnsafeSlow(size);
  markAsUntransferable(memory.buffer);
  return memory;
}
