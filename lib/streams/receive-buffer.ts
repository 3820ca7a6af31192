/** The memory that a reactor's connections receive into, one after the other. */
import * as copies from './copies.js';
import { perReactor } from './per-reactor.js';
import { Slab } from './slab.js';

const { copyOf, SLAB_SIZE, SMALL_PIECE } = copies;
/** As much as one recv takes: more is slower, because the processor's cache is left. */
export const RECEIVE_SIZE = 64 * 1024;
/** Room in which a piece of some size can still be received by one call, mostly. */
const LEAST_LARGE = RECEIVE_SIZE / 2;

/**
 * What was received is overwritten by the next receive, or stays where it is, untouched, where its protocol keeps it: the
 * next receive then goes behind it. So nothing is copied for whoever keeps all, and one who keeps nothing has the same
 * memory again, which is in the processor's cache.
 *
 * There are two slabs, because small pieces leave less and less room behind them: one for those, used up to its end, and
 * one that has room for a large piece.
 */
export class ReceiveBuffer {
  readonly #small = new Slab(SLAB_SIZE);
  readonly #large = new Slab(RECEIVE_SIZE);
  // Which is received into next.
  #slab = this.#large;
  // Where stands what was received last.
  #place = this.#large;

  /** How much could be received at once. */
  get room(): number {
    return this.#slab.room;
  }

  /** Receives from a descriptor, into memory that is made first where it has to be. @returns, throws as `socket.recv`. */
  receive(fd: number): number {
    const slab = this.#slab;
    slab.reserve(slab === this.#large ? LEAST_LARGE : SMALL_PIECE);
    return slab.receive(fd);
  }

  /** What was just received: good until somebody receives again, or for ever where it is kept. */
  received(length: number): Buffer {
    const slab = this.#slab;
    this.#place = slab;
    // There may be more.
    if (length === slab.room) this.#slab = this.#large;
    return slab.view(length);
  }

  /** The same bytes in memory that is the caller's own: where they stand, if they were just received, or a copy. */
  keep(bytes: Buffer): Buffer {
    const place = this.#place;
    if (!place.shows(bytes)) return copyOf(bytes);
    const { length } = bytes;
    const small = length < SMALL_PIECE;
    this.#slab = small ? this.#small : this.#large;
    if (small && place === this.#large) return copyOf(bytes);
    return place.take(length);
  }
}

/** The receive buffer of a reactor. Whoever receives hands the bytes on before he returns. */
export const receiveBufferOf = perReactor(() => new ReceiveBuffer());
