/** Datagrams that the kernel has not taken yet, in order. */
import type { Address } from '../sockets/address.js';

export interface Datagram {
  readonly data: Uint8Array;
  /** `null`: the connected peer. */
  readonly address: Address | null;
}

/** The sent ones are dropped together when there are so many: cheaper than one by one. */
const DROPPED_TOGETHER = 1024;

export class DatagramQueue {
  #datagrams: Datagram[] = [];
  #head = 0;

  get first(): Datagram | undefined {
    return this.#datagrams[this.#head];
  }

  get length(): number {
    return this.#datagrams.length - this.#head;
  }

  /** Adds a copy: the caller may use his memory again. */
  push(data: Uint8Array, address: Address | null): void {
    const copy = Object.isFrozen(address) || address === null ? address : { ...address };
    this.#datagrams.push({ data: Uint8Array.from(data), address: copy });
  }

  shift(): void {
    this.#head++;
    if (this.#head < this.#datagrams.length && this.#head < DROPPED_TOGETHER) return;
    this.#datagrams = this.#datagrams.slice(this.#head);
    this.#head = 0;
  }

  clear(): void {
    this.#datagrams = [];
    this.#head = 0;
  }
}
