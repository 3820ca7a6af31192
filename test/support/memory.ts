/** Buffers over memory that the kernel must not be given. */
import { setFlagsFromString } from 'node:v8';

/** The memory was moved elsewhere; this buffer has none. */
export function detach(buffer: Uint8Array): Uint8Array {
  structuredClone(buffer.buffer, { transfer: [buffer.buffer as ArrayBuffer] });
  return buffer;
}

export function detachedBuffer(): Uint8Array {
  return detach(new Uint8Array(8));
}

/** The same of memory that must not be transferred: newer V8 has a method that does not ask, for an older one it stands in here. */
export function takeAway(memory: ArrayBufferLike & { transfer?: () => unknown }): void {
  if (memory.transfer !== undefined) {
    memory.transfer();
    return;
  }
  setFlagsFromString('--allow-natives-syntax');
  new Function('memory', '%ArrayBufferDetach(memory)')(memory);
  setFlagsFromString('--no-allow-natives-syntax');
}

/** Other threads may write to it at any time. */
export function sharedBuffer(): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(8));
}

/** It may shrink under the kernel's hands. */
export function resizableBuffer(): Uint8Array {
  const memory: ArrayBuffer = Reflect.construct(ArrayBuffer, [8, { maxByteLength: 64 }]);
  return new Uint8Array(memory);
}

/** Bytes of a class whose views cannot be made as Uint8Array's are, and which says that it has none from anywhere on. */
export class Odd extends Uint8Array {
  static copyOf(bytes: Uint8Array): Odd {
    const odd = new Odd(bytes.length);
    odd.set(bytes);
    return odd;
  }

  // It takes no memory, as a view’s has to.
  constructor(length: number) {
    super(length);
  }

  override subarray(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(0);
  }
}

/** Bytes of a class that says that it has more than there are. */
export class Boaster extends Uint8Array {
  override get length(): number {
    return 1000;
  }
}

/** Things that are no bytes, though some look like them. */
export const noBuffers: readonly unknown[] = [
  undefined,
  null,
  'text',
  {},
  [1, 2, 3],
  new ArrayBuffer(8),
  new DataView(new ArrayBuffer(8)),
  new Uint16Array(4),
  new Uint8ClampedArray(8),
  { byteLength: 8, buffer: new ArrayBuffer(8) },
];
