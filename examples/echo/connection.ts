/** One connection of the echo server: what is owed to it, and what it is to be watched for. */
import { EVENT_READ, EVENT_WRITE, type Socket, WOULD_BLOCK } from 'iomux';
import { Backlog } from './backlog.js';

/** Owed more than this, a peer is not read from: it does not read either, and the memory is ours. */
const HIGH_MARK = 64 * 1024;
/** Owed no more than this, it is read from again. Well below the other, so that interest does not flap. */
const LOW_MARK = 16 * 1024;

export class Connection {
  readonly #backlog = new Backlog();
  #paused = false;
  #ended = false;

  constructor(readonly socket: Socket) {}

  /** What it is to be watched for: the reading and the writing side each by itself. */
  get interest(): number {
    return (this.readable ? EVENT_READ : 0) | (this.#backlog.length > 0 ? EVENT_WRITE : 0);
  }

  /** Whether more may be read from it now. */
  get readable(): boolean {
    return !this.#paused && !this.#ended;
  }

  /** Whether the peer said its last word and has got all of it back. */
  get finished(): boolean {
    return this.#ended && this.#backlog.length === 0;
  }

  /** Sends back what was received, and keeps what the socket does not take. */
  echo(buffer: Uint8Array, length: number): void {
    let sent = 0;
    if (this.#backlog.length === 0) {
      sent = this.socket.send(buffer, 0, length);
      if (sent === length) return;
      if (sent === WOULD_BLOCK) sent = 0;
    }
    this.#backlog.append(buffer.subarray(sent, length));
    this.#paused = this.#backlog.length > HIGH_MARK;
  }

  /** Sends what is owed, as far as the socket takes it. */
  flush(): void {
    this.#backlog.flush(this.socket);
    if (this.#backlog.length <= LOW_MARK) this.#paused = false;
  }

  /** The peer will send no more. It may still want to read. */
  end(): void {
    this.#ended = true;
  }
}
