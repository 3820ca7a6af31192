/** Accepting where there are no descriptors left: what to do with the connection that waits. */
import { closeSync, openSync } from 'node:fs';
import { SystemError } from '../native/errors.js';
import type { Socket } from '../sockets/socket.js';

/** No descriptor or memory for a connection: it stays in the queue, and the listener stays readable. */
const EXHAUSTED: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

export function isExhaustion(error: unknown): error is SystemError {
  return error instanceof SystemError && EXHAUSTED.has(error.code);
}

/** Milliseconds. */
const SHORTEST = 5;
const LONGEST = 1000;

/** How long a listener is left alone: twice as long each time that this did not help. */
export class AcceptPause {
  #delay = SHORTEST;

  /** The length of a pause that begins now. */
  next(): number {
    const delay = this.#delay;
    this.#delay = Math.min(2 * delay, LONGEST);
    return delay;
  }
}

/**
 * A descriptor kept for the time when there is no other. It is given up to accept one connection, which is closed: its
 * client learns that nobody will serve it, and need not wait for a timeout.
 */
export class ReserveDescriptor {
  #fd = -1;

  /** Takes one, unless it has one, or there is none. */
  hold(): void {
    if (this.#fd >= 0) return;
    try {
      this.#fd = openSync('/dev/null', 'r');
    } catch {
      // There will be one later.
    }
  }

  /** @returns whether a connection was closed. */
  spend(listener: Socket): boolean {
    if (this.#fd < 0) return false;
    this.release();
    try {
      const dropped = listener.accept();
      dropped?.close();
      return dropped !== null;
    } catch {
      return false; // another thread was faster
    } finally {
      this.hold();
    }
  }

  release(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}
