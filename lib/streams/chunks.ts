/** Bytes in the order in which they came, in the chunks in which they came: joined only where somebody wants them so. */
import { Buffer } from 'node:buffer';
import { copyOf, SLAB_SIZE, SMALL_PIECE } from './copies.js';

/** A chunk that is smaller takes in what comes after it, so that bytes which come one by one do not cost an object each. */
const SMALL_CHUNK = 1024;

export class Chunks {
  readonly #chunks: Buffer[] = [];
  // Bytes of the first chunk that are gone.
  #start = 0;
  #length = 0;
  #turn = 0;
  // The chunk that was looked at last, and how many bytes the chunks before it have. Whoever searches as bytes arrive goes
  // on there: from the front the way would be longer each time.
  #index = 0;
  #before = 0;

  /** Another after each change at the front: what was counted from there is counted anew. */
  get turn(): number {
    return this.#turn;
  }

  /** In bytes. */
  get length(): number {
    return this.#length;
  }

  /** Copies a few bytes to the end of a chunk that is small. @returns whether there is one. */
  join(bytes: Uint8Array): boolean {
    const last = this.#chunks.at(-1);
    if (last === undefined || last.length + bytes.length > SMALL_CHUNK) return false;
    this.#chunks[this.#chunks.length - 1] = Buffer.concat([last, bytes]);
    this.#length += bytes.length;
    return true;
  }

  /** Adds a chunk, whose memory is nobody else's. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** Puts bytes back that were taken. */
  prepend(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#turn++;
    this.#index = this.#before = 0;
    const [first] = this.#chunks;
    if (first !== undefined && this.#start > 0) this.#chunks[0] = first.subarray(this.#start);
    this.#start = 0;
    this.#chunks.unshift(bytes);
    this.#length += bytes.length;
  }

  /** Takes the first `length` bytes, of which there are as many: whose they are now is free to change and to keep them. */
  take(length: number): Buffer {
    const first = this.#chunks[0];
    const bytes = this.cut(length);
    // A view of a chunk keeps all of its memory alive. A small piece is copied instead, unless the chunk stands in a slab,
    // which is smaller and kept by many. A larger one keeps up to sixteen times its own size, of a receive; of what came in
    // larger chunks, or was put back, as much as that has. To ask for the memory costs more than all the rest.
    if (bytes === first) return bytes;
    if (bytes.length >= SMALL_PIECE || bytes.buffer.byteLength <= SLAB_SIZE) return bytes;
    return copyOf(bytes);
  }

  /** The same for a short while: a few bytes may keep a large chunk alive. */
  cut(length: number): Buffer {
    this.#turn++;
    this.#index = this.#before = 0;
    const start = this.#start;
    const end = start + length;
    const first = this.#chunks[0] ?? NOTHING;
    if (end > first.length) {
      const bytes = this.copy(length);
      this.#drop(length);
      return bytes;
    }
    this.#length -= length;
    if (end < first.length) {
      this.#start = end;
    } else {
      this.#start = 0;
      this.#chunks.shift();
    }
    return length === first.length ? first : first.subarray(start, end);
  }

  /** A copy of the first `length` bytes, of which there are as many. */
  copy(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    this.#copyTo(bytes, 0);
    return bytes;
  }

  /** Where `bytes` stand first within `from` to `to`; -1: nowhere. */
  indexOf(bytes: Buffer, from: number, to: number): number {
    this.#seek(from);
    const chunks = this.#chunks;
    let index = this.#index;
    // Where the chunk begins, counted as the caller does.
    let begin = this.#before - this.#start;
    for (let chunk = chunks[index]; chunk !== undefined; chunk = chunks[++index]) {
      const end = begin + chunk.length;
      const found = indexWithin(chunk, bytes, Math.max(from - begin, 0), Math.min(to - begin, chunk.length));
      if (found !== -1) return begin + found;
      if (end >= to) return -1;
      const across = this.#indexAcross(bytes, Math.max(from, end - bytes.length + 1), end, to);
      if (across !== -1) return across;
      begin = end;
    }
    return -1;
  }

  /** Looks for `bytes` that begin before the boundary and end after it. */
  #indexAcross(bytes: Buffer, from: number, boundary: number, to: number): number {
    if (bytes.length === 1) return -1;
    const end = Math.min(boundary + bytes.length - 1, to, this.#length);
    if (end - from < bytes.length) return -1;
    const around = Buffer.allocUnsafe(end - from);
    this.#copyTo(around, from);
    const found = around.indexOf(bytes);
    return found === -1 ? -1 : from + found;
  }

  /** Fills `target` with what stands at `from`. */
  #copyTo(target: Buffer, from: number): void {
    this.#seek(from);
    const chunks = this.#chunks;
    let index = this.#index;
    let start = from - (this.#before - this.#start);
    let filled = 0;
    for (let chunk = chunks[index]; chunk !== undefined; chunk = chunks[++index]) {
      filled += chunk.copy(target, filled, start);
      if (filled === target.length) return;
      start = 0;
    }
  }

  /** Goes to the chunk in which a byte stands; to the last one, which may grow, where it is still to come. */
  #seek(position: number): void {
    const chunks = this.#chunks;
    const target = this.#start + position;
    while (this.#before > target) {
      this.#index--;
      this.#before -= this.#lengthAt(this.#index);
    }
    const last = chunks.length - 1;
    while (this.#index < last && this.#before + this.#lengthAt(this.#index) <= target) {
      this.#before += this.#lengthAt(this.#index);
      this.#index++;
    }
  }

  #lengthAt(index: number): number {
    return this.#chunks[index]?.length ?? 0;
  }

  #drop(length: number): void {
    const chunks = this.#chunks;
    this.#length -= length;
    let left = this.#start + length;
    let count = 0;
    for (let chunk = chunks[0]; chunk !== undefined && left >= chunk.length; chunk = chunks[count]) {
      left -= chunk.length;
      count++;
    }
    chunks.splice(0, count);
    this.#start = left;
  }
}

const NOTHING = Buffer.alloc(0);

function indexWithin(chunk: Buffer, bytes: Buffer, from: number, to: number): number {
  if (to - from < bytes.length) return -1;
  const part = to === chunk.length ? chunk : chunk.subarray(0, to);
  return bytes.length === 1 ? part.indexOf(bytes[0] as number, from) : part.indexOf(bytes, from);
}
