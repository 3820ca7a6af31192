/** A slab of datagrams that goes to the kernel and comes back in one system call. */
import { checkInteger } from '../arguments.js';
import { checkBuffer } from '../buffers.js';
import { constant } from '../native/constants.js';
import { Description, outOfRange } from '../native/errors.js';
import { native } from '../native/load.js';
import { type Address, decode, encode, familyOf, NAME_SIZE } from './address.js';

const MSG_TRUNC = constant('MSG_TRUNC');

/** More than this the kernel does not take at once (UIO_MAXIOV). */
const MOST_DATAGRAMS = 1024;

/**
 * A reusable slab of datagrams for {@link Socket.recvBatch} and {@link Socket.sendBatch}: made once, then neither
 * receiving nor sending allocates per packet.
 *
 * @example
 * ```ts
 * const batch = new DatagramBatch(64, 2048);
 * const count = socket.recvBatch(batch);
 * for (let i = 0; i < count; i++) handle(batch.payload(i), batch.address(i));
 * ```
 */
export class DatagramBatch {
  /** How many datagrams it holds. */
  readonly capacity: number;
  /** How many bytes each may have; a longer one is cut off when received. */
  readonly maxLength: number;
  readonly #slab: Buffer;
  // Pairs [length, flags].
  readonly #headers: Int32Array;
  readonly #names: Uint8Array;
  // Views, each made once: into the names, and into the slab.
  readonly #slots: (Uint8Array | undefined)[] = [];
  readonly #payloads: (Buffer | undefined)[] = [];

  /**
   * @param capacity - datagrams, 1 to 1024.
   * @param maxLength - bytes a datagram, 1 to 65535.
   */
  constructor(capacity: number, maxLength: number) {
    checkInteger(capacity, 'capacity', 1, MOST_DATAGRAMS);
    checkInteger(maxLength, 'maxLength', 1, 65_535);
    this.capacity = capacity;
    this.maxLength = maxLength;
    this.#slab = Buffer.alloc(capacity * maxLength);
    this.#headers = new Int32Array(2 * capacity);
    this.#names = new Uint8Array(capacity * NAME_SIZE);
  }

  /** The bytes of datagram `index`: a view into the slab, overwritten by the next receive. */
  payload(index: number): Buffer {
    this.#check(index);
    const length = this.#headers[2 * index] as number;
    const known = this.#payloads[index];
    if (known !== undefined && known.length === length) return known;
    const start = index * this.maxLength;
    const view = this.#slab.subarray(start, start + length);
    this.#payloads[index] = view;
    return view;
  }

  /** Where datagram `index` came from, or goes to; `null`: from an unbound Unix socket, or to the connected peer. */
  address(index: number): Address | null {
    this.#check(index);
    return decode(this.#names, index);
  }

  /** Whether datagram `index` was longer than `maxLength` and lost its end. */
  truncated(index: number): boolean {
    this.#check(index);
    return ((this.#headers[2 * index + 1] as number) & MSG_TRUNC) !== 0;
  }

  /** Copies `payload`, which may be empty, into slot `index`, to be sent to `address` or to the connected peer. */
  set(index: number, payload: Uint8Array, address?: Address): void {
    this.#check(index);
    checkBuffer(payload, 'payload');
    if (payload.byteLength > this.maxLength) {
      throw outOfRange(
        'payload',
        `at most ${this.maxLength} bytes`,
        new Description(`${payload.byteLength}`),
      );
    }
    this.#slots[index] ??= this.#names.subarray(index * NAME_SIZE, (index + 1) * NAME_SIZE);
    const slot = this.#slots[index];
    if (address === undefined) {
      slot.fill(0);
    } else {
      const name = encode(address, familyOf(address), slot);
      if (name !== slot) slot.set(name);
    }
    this.#slab.set(payload, index * this.maxLength);
    this.#headers[2 * index] = payload.byteLength;
    this.#headers[2 * index + 1] = 0;
  }

  /** recvmmsg(2) on `fd`. @internal */
  receive(fd: number): number {
    return native.messageRecvBatch(fd, this.#slab, this.maxLength, this.#headers, this.#names);
  }

  /** sendmmsg(2) on `fd`. @internal */
  send(fd: number, start: number, count: number): number {
    return native.messageSendBatch(fd, this.#slab, this.maxLength, this.#headers, this.#names, start, count);
  }

  #check(index: number): void {
    checkInteger(index, 'index', 0, this.capacity - 1);
  }
}
