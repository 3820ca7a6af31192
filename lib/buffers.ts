/** Memory that the kernel may read and write, checked before it is handed over. */
import { types } from 'node:util';
import { checkInteger } from './arguments.js';
import { Description, invalidType, invalidValue, outOfRange } from './native/errors.js';

/** A buffer that was found good, and what the addon takes for it: its memory, and where in that it starts. */
export interface CheckedBuffer {
  buffer: Uint8Array;
  memory: ArrayBuffer;
  start: number;
}

// The last two; nobody's at first. What a buffer stands on cannot change, but for being moved away, and asking it costs 40 ns
// a call, which a loop over one buffer would pay for each message. Buffers of their own often are views of one slab, and of
// that as much is known. Nothing of the caller's is called until a record is returned: it could check another buffer.
let accepted = noBuffer();
let before = noBuffer();
// What a view stands on. Asked by their names, V8 looks the getters up each time, which costs as much as they do.
const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
const kindOf = getterOf<unknown, string | undefined>(typedArray, Symbol.toStringTag);
const memoryOf = getterOf<Uint8Array, ArrayBufferLike>(typedArray, 'buffer');
const startOf = getterOf<Uint8Array, number>(typedArray, 'byteOffset');
/** A view's true length, 0 where its memory was moved away: its own may be what a class of the caller makes of it. */
export const lengthOf = getterOf<Uint8Array, number>(typedArray, 'length');
/** Memory beyond this is not kept alive for the next call, which may be with it again. */
export const MOST_KEPT = 1 << 20;

/** What no buffer of anybody is. */
export function noBuffer(): CheckedBuffer {
  return { buffer: new Uint8Array(0), memory: new ArrayBuffer(0), start: 0 };
}

/**
 * Bytes that the kernel may read or write: a Uint8Array over memory of its own that neither moves nor is shared. What is
 * returned is good until the next call.
 */
export function checkBuffer(buffer: Uint8Array, name: string): CheckedBuffer {
  return buffer === accepted.buffer && lengthOf.call(buffer) > 0 ? accepted : accept(buffer, name);
}

/** The same, where the caller notices by itself that a buffer has no bytes, moved away since it was found good. */
export function onceChecked(buffer: Uint8Array, name: string): CheckedBuffer {
  // Small enough that V8 puts it into every caller; what is seldom needed is out of line.
  const last = accepted;
  if (buffer !== last.buffer) return accept(buffer, name);
  return last;
}

function accept(buffer: Uint8Array, name: string): CheckedBuffer {
  const oldest = before;
  if (buffer === oldest.buffer && lengthOf.call(buffer) > 0) {
    before = accepted;
    accepted = oldest;
    return oldest;
  }
  // What has the prototype of one and is none, a Proxy or another view, has no such memory of its own to be asked for.
  if (kindOf.call(buffer) !== 'Uint8Array' || !(buffer instanceof Uint8Array)) {
    throw invalidType(name, 'a Buffer or Uint8Array', buffer);
  }
  const length = lengthOf.call(buffer);
  const start = startOf.call(buffer);
  const memory = memoryOf.call(buffer) as ArrayBuffer;
  // What was good for one view is good for another: only to be moved away can it come to, and that leaves no bytes.
  const known = length > 0 && (memory === accepted.memory || memory === oldest.memory);
  if (!known) {
    checkMemory(memory, start, length, name);
    if (memory.byteLength > MOST_KEPT) return { buffer, memory, start };
  }
  before = accepted;
  accepted = oldest;
  accepted.buffer = buffer;
  // Compared: to store a young object in an old one is to tell the collector.
  if (accepted.memory !== memory) accepted.memory = memory;
  accepted.start = start;
  return accepted;
}

/** What was checked, which has `length` bytes, from `from` on: a view of them that no class of the caller's has a say in. */
export function plainView({ memory, start }: CheckedBuffer, length: number, from = 0): Uint8Array {
  return new Uint8Array(memory, start + from, length - from);
}

/** The getter itself, which no class and no property of the caller's stands before. */
export function getterOf<T, V>(prototype: object, name: string | symbol): (this: T) => V {
  return Object.getOwnPropertyDescriptor(prototype, name)?.get as (this: T) => V;
}

function checkMemory(
  memory: ArrayBufferLike & { readonly resizable?: boolean },
  start: number,
  length: number,
  name: string,
): void {
  if (!types.isArrayBuffer(memory)) {
    throw invalidValue(name, 'over memory of one thread (copy a shared one)', memory);
  }
  if (memory.resizable === true) {
    throw invalidValue(name, 'over memory of a fixed size', new Description('a resizable ArrayBuffer'));
  }
  if (length === 0 && isDetached(memory)) {
    throw invalidValue(name, 'over memory that was not moved away', new Description('a detached one'));
  }
  // The addon counts in 32 bits.
  if (start + length > 0xffff_ffff) {
    const given = new Description(`at byte ${start}`);
    throw outOfRange(name, 'within the first 4 GiB of its memory', given);
  }
}

/** Whether memory went elsewhere (a transfer to a worker): it then has no bytes, and no view can be made of it. */
export function isDetached(memory: ArrayBufferLike): boolean {
  if (memory.byteLength > 0) return false;
  try {
    new Uint8Array(memory);
    return false;
  } catch {
    return true;
  }
}

/** A part of a buffer that has at least one byte. A detached buffer has none. */
export function checkSlice(buffer: Uint8Array, offset: number, length: number): void {
  const size = lengthOf.call(buffer);
  if (size === 0)
    throw invalidValue('buffer', 'of at least one byte', new Description('an empty or detached one'));
  checkInteger(offset, 'offset', 0, size - 1);
  checkInteger(length, 'length', 1, size - offset);
}
