/** Memory for copies of what was received, cut from slabs that all connections of a thread share. */
import { markAsUntransferable } from 'node:worker_threads';

/**
 * Bytes. Memory of its own for each copy costs three times as much, the slabs of 8 KiB that Node shares among small Buffers
 * twice. Larger ones gain nothing more, and whoever keeps a few bytes keeps a whole slab.
 */
export const SLAB_SIZE = 16 * 1024;

let slab = makeSlab();
let used = 0;

/** A copy, which is the caller's own. */
export function copyOf(bytes: Uint8Array): Buffer {
  const { length } = bytes;
  if (length > SLAB_SIZE / 4) {
    const copy = Buffer.allocUnsafeSlow(length);
    copy.set(bytes);
    return copy;
  }
  if (used + length > SLAB_SIZE) {
    slab = makeSlab();
    used = 0;
  }
  const copy = slab.subarray(used, used + length);
  used += length;
  copy.set(bytes);
  return copy;
}

/** Whoever posts a copy to a worker must not take the others with it. */
function makeSlab(): Buffer {
  const memory = Buffer.allocUnsafeSlow(SLAB_SIZE);
  markAsUntransferable(memory.buffer);
  return memory;
}
