/** Bytes that the kernel has not taken yet: chunks in order, and how many bytes they are. */
import { Buffer } from 'node:buffer';
import { WOULD_BLOCK } from '../sockets/exchange.js';
import type { Socket } from '../sockets/socket.js';

/** Chunks handed over by one system call; a thousand is as many as it takes (IOV_MAX). */
export const CHUNKS_PER_CALL = 64;
/** System calls before other connections have their turn. */
const CALLS_PER_TURN = 16;

export class WriteQueue {
  #chunks: Uint8Array[] = [];
  // The first one that is not sent; those before it are dropped together, which is cheaper than one by one.
  #head = 0;
  #size = 0;

  /** In bytes. */
  get size(): number {
    return this.#size;
  }

  /** Adds a copy, if there are bytes: the caller may use his memory again. */
  push(data: Uint8Array): void {
    if (data.length === 0) return;
    this.#chunks.push(Buffer.from(data));
    this.#size += data.length;
  }

  /**
   * Hands over what the kernel takes at once.
   *
   * @throws SystemError: of send(2).
   */
  send(socket: Socket): void {
    for (let calls = 0; calls < CALLS_PER_TURN && this.#size > 0; calls++) {
      const batch = this.#chunks.slice(this.#head, this.#head + CHUNKS_PER_CALL);
      const sent = socket.sendv(batch);
      if (sent === WOULD_BLOCK) return;
      this.#drop(sent);
    }
  }

  clear(): void {
    this.#chunks = [];
    this.#head = this.#size = 0;
  }

  #drop(sent: number): void {
    this.#size -= sent;
    const chunks = this.#chunks;
    let left = sent;
    for (let chunk = chunks[this.#head]; chunk !== undefined && left > 0; chunk = chunks[this.#head]) {
      if (chunk.length > left) {
        chunks[this.#head] = chunk.subarray(left);
        break;
      }
      left -= chunk.length;
      this.#head++;
    }
    if (this.#head === chunks.length || this.#head >= CHUNKS_PER_CALL * CALLS_PER_TURN) {
      this.#chunks = chunks.slice(this.#head);
      this.#head = 0;
    }
  }
}
