/** Copies of what was received, of which the small ones share their memory. */
import { Buffer } from 'node:buffer';
import { Slab } from './slab.js';

/**
 * Bytes. Memory of its own for each piece costs several times as much, and half the size a seventieth of what an echoed message
 * costs; but whoever keeps a few bytes keeps a whole slab. Less than a receive, by which the two are told apart.
 */
export const SLAB_SIZE = 60 * 1024;
/** What has fewer bytes may keep no more than a slab alive. */
export const SMALL_PIECE = 4 * 1024;

// Of all connections of a thread.
const slab = new Slab(SLAB_SIZE);

/** A copy, which is the caller's own. */
export function copyOf(bytes: Uint8Array): Buffer {
  const { length } = bytes;
  let copy: Buffer;
  if (length > SMALL_PIECE) {
    copy = Buffer.allocUnsafeSlow(length);
  } else {
    slab.reserve(length);
    copy = slab.take(length);
  }
  copy.set(bytes);
  return copy;
}
