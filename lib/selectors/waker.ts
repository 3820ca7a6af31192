/** Wakes a waiting selector from any thread; the owner's side is src-native/waker.cc. */
import { checkInteger } from '../arguments.js';
import { invalidType } from '../native/errors.js';
import { native } from '../native/load.js';

/** What another thread needs to wake: numbers and shared memory, so it survives `postMessage`. */
export interface WakerHandle {
  readonly fd: number;
  readonly state: SharedArrayBuffer;
}

// The words of `state`, and what the first of them says; the same as in src-native/waker.h.
const STATE = 0;
const RUNNING = 0;
const WOKEN = 2;
const CLOSED = 3;
const WORDS = 3;

/** Fresh shared memory for one waker. */
export function wakerState(): SharedArrayBuffer {
  return new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT);
}

/**
 * Ends a wait, from any thread. Wakes are coalesced: a wait takes all that came before it returned.
 *
 * @example
 * ```ts
 * worker.postMessage(selector.waker.handle);
 * // in the worker:
 * parentPort.once('message', (handle) => Waker.from(handle).wake());
 * ```
 */
export class Waker {
  readonly handle: WakerHandle;
  readonly #words: Int32Array;

  private constructor(handle: WakerHandle) {
    if (typeof handle !== 'object' || handle === null || !(handle.state instanceof SharedArrayBuffer)) {
      throw invalidType('handle', 'a WakerHandle', handle);
    }
    checkInteger(handle.fd, 'handle.fd', 0, 0x7fff_ffff);
    checkInteger(handle.state.byteLength, 'handle.state.byteLength', WORDS * 4, WORDS * 4);
    // Frozen: it names what wake() rings.
    this.handle = Object.freeze({ fd: handle.fd, state: handle.state });
    this.#words = new Int32Array(handle.state);
  }

  /** The waker behind a handle that came from another thread. */
  static from(handle: WakerHandle): Waker {
    return new Waker(handle);
  }

  /** @internal Whether its owner is. */
  get closed(): boolean {
    return Atomics.load(this.#words, STATE) === CLOSED;
  }

  /**
   * Makes the wait in progress, or else the next one, return at once.
   *
   * @returns `false`: the owner is closed. No system call is made while the owner is awake.
   */
  wake(): boolean {
    const seen = Atomics.compareExchange(this.#words, STATE, RUNNING, WOKEN);
    if (seen === RUNNING || seen === WOKEN) return true;
    if (seen === CLOSED) return false;
    return native.wakerWake(this.handle.fd, this.#words) === 1;
  }
}
