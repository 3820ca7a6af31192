/**
 * Addresses that the kernel gave lately, by the bytes in which it gave them.
 *
 * Datagrams come from a few senders, again and again. An address is frozen, so it can be given twice, which costs a
 * comparison of bytes in place of an object, its text and a copy of its name.
 */
import type { Address } from './address.js';

/** Where a sockaddr begins in a name: behind its length, and aligned. In it, where an IPv4 one has its port and host. */
const SOCKADDR = 8;
const PORT = SOCKADDR + 2;
const HOST = SOCKADDR + 4;
/** Each place has the last address that belongs there. */
const PLACES = 64;

interface RecentAddress {
  readonly address: Address;
  readonly name: Uint8Array;
  /** Bytes of the name that mean something. */
  readonly length: number;
}

const recent: (RecentAddress | undefined)[] = Array(PLACES).fill(undefined);

/** The address whose name begins at `start` of `bytes`, if it is remembered. */
export function recall(bytes: Uint8Array, start: number): Address | undefined {
  const known = recent[placeOf(bytes, start)];
  if (known === undefined) return undefined;
  const { name, length } = known;
  for (let index = 0; index < length; index++) {
    if (name[index] !== bytes[start + index]) return undefined;
  }
  return known.address;
}

/** @param name - the bytes of `address`, which nobody changes. */
export function remember(address: Address, name: Uint8Array<ArrayBuffer>): void {
  const [length = 0] = new Uint32Array(name.buffer, name.byteOffset, 1);
  recent[placeOf(name, 0)] = { address, name, length: SOCKADDR + length };
}

function placeOf(bytes: Uint8Array, start: number): number {
  const port = 31 * (bytes[start + PORT] as number) + (bytes[start + PORT + 1] as number);
  return (port + (bytes[start + HOST + 3] as number)) % PLACES;
}
