/** Copies of what was received, of which the small ones share their memory. */
import { Buffer } from 'node:buffer';
import { Slab } from './slab.js';

/**
 * Bytes. Memory of its own for each piece costs several times as much; twice the size would save a hundredth of what an echoed
 * message costs, and whoever keeps a few bytes keeps a whole slab.
 */
export const SLAB_SIZE = 32 * 1024;
/** What has fewer bytes may keep no more than a slab alive. */
export const SMALL_PIECE = SLAB_SIZE / 8;

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
