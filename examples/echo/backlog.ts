/** Bytes that a connection could not take yet, in order. */
import { type Socket, WOULD_BLOCK } from 'iomux';

const INITIAL_CAPACITY = 4096;

/**
 * A queue of bytes in one buffer, which is there only while something is queued: most connections never need one, and
 * a thousand idle ones should not keep what they needed once.
 */
export class Backlog {
  #bytes: Buffer | null = null;
  #start = 0;
  #end = 0;

  /** How many bytes wait. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Queues a copy of `bytes`: they stand in a buffer that the next read overwrites. */
  append(bytes: Uint8Array): void {
    const into = this.#withRoomFor(bytes.length);
    into.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Sends as much as the socket takes now. */
  flush(socket: Socket): void {
    // Until it would block, not until a send was partial: an edge-triggered selector reports no less than that.
    while (this.#bytes !== null) {
      const sent = socket.send(this.#bytes, this.#start, this.length);
      if (sent === WOULD_BLOCK) return;
      this.#start += sent;
      if (this.length > 0) continue;
      this.#bytes = null;
      this.#start = this.#end = 0;
    }
  }

  #withRoomFor(more: number): Buffer {
    const needed = this.length + more;
    const current = this.#bytes;
    if (current !== null && this.#end + more <= current.length) return current;
    const into =
      current !== null && needed <= current.length
        ? current
        : Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.length, INITIAL_CAPACITY));
    current?.copy(into, 0, this.#start, this.#end);
    this.#end = this.length;
    this.#start = 0;
    this.#bytes = into;
    return into;
  }
}
