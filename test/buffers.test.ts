/** Memory that the kernel may read and write. */
import { AF_UNIX, SOCK_DGRAM, Socket, WOULD_BLOCK } from 'iomux';
import { describe, expect, it, vi } from 'vitest';
import { checkBuffer, checkSlice } from '../lib/buffers.js';
import { thrownBy } from './support/expecting.js';
import { collected } from './support/garbage.js';

/** Of each kind that is no number. */
const NO_NUMBERS = [undefined, null, true, '1', '', 1n, Symbol('one'), {}, [], [1], () => 1, new Number(1)];
/** That are no whole numbers. */
const NO_INTEGERS = [0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

function detached(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

describe('checkBuffer', () => {
  it('takes Uint8Arrays and Buffers, views and empty ones included', () => {
    for (const buffer of [
      new Uint8Array(4),
      new Uint8Array(0),
      new Uint8Array(8).subarray(2, 4),
      Buffer.alloc(4),
      Buffer.from('pooled'),
    ]) {
      expect(() => checkBuffer(buffer, 'buffer')).not.toThrow();
      expect(() => checkBuffer(buffer, 'buffer'), 'again').not.toThrow();
    }
  });

  it('tells the views of one memory apart', () => {
    const memory = new ArrayBuffer(16);
    const views = [0, 4, 8, 12].map((start) => new Uint8Array(memory, start, 4));
    for (const buffer of [...views, ...views.reverse()]) {
      expect(checkBuffer(buffer, 'buffer')).toEqual({ buffer, memory, start: buffer.byteOffset });
    }
  });

  it('believes the memory, and not what a class of the caller says of it', () => {
    class Lying extends Uint8Array {
      override get byteOffset() {
        return 8;
      }
    }
    const buffer = new Lying(new ArrayBuffer(16), 4, 4);
    expect(checkBuffer(buffer, 'buffer')).toEqual({ buffer, memory: buffer.buffer, start: 4 });
  });

  it.each([0, 1, 2])('answers for the buffer, whose length checks another: %i others after it', (count) => {
    const buffer = new Uint8Array(8);
    const others = Array.from({ length: count }, () => new Uint8Array(8));
    for (const one of [buffer, ...others]) checkBuffer(one, 'buffer');
    let asked = false;
    Object.defineProperty(buffer, 'length', {
      get() {
        if (!asked) {
          asked = true;
          checkBuffer(new Uint8Array(8), 'buffer');
        }
        return 8;
      },
    });
    const checked = checkBuffer(buffer, 'buffer');
    expect(checked.buffer).toBe(buffer);
    expect(checked.memory).toBe(buffer.buffer);
  });

  it('refuses other kinds of bytes as of a wrong type', () => {
    for (const buffer of [
      ...NO_NUMBERS,
      1,
      'text',
      new ArrayBuffer(4),
      new DataView(new ArrayBuffer(4)),
      new Uint16Array(4),
      new Uint8ClampedArray(4),
      new Float64Array(4),
      // Which say that they are Uint8Arrays.
      Object.setPrototypeOf(new DataView(new ArrayBuffer(4)), Uint8Array.prototype),
      Object.setPrototypeOf(new Float64Array(4), Uint8Array.prototype),
      { buffer: new ArrayBuffer(4), byteLength: 4, byteOffset: 0 },
      new Proxy(new Uint8Array(4), {}),
      Object.create(Uint8Array.prototype),
    ]) {
      const error = thrownBy(() => checkBuffer(buffer as Uint8Array, 'buffer'));
      expect(error).toBeInstanceOf(TypeError);
      expect(error['code']).toBe('ERR_INVALID_ARG_TYPE');
    }
  });

  it('refuses memory that is shared or can be resized, each time it is asked', () => {
    const resizable = new (ArrayBuffer as new (length: number, options: object) => ArrayBuffer)(4, {
      maxByteLength: 8,
    });
    for (const buffer of [
      new Uint8Array(new SharedArrayBuffer(4)),
      Buffer.from(new SharedArrayBuffer(4)),
      new Uint8Array(resizable),
      new Uint8Array(resizable, 0, 2),
    ]) {
      for (let i = 0; i < 2; i++) {
        const error = thrownBy(() => checkBuffer(buffer, 'buffer'));
        expect(error).toBeInstanceOf(TypeError);
        expect(error['code']).toBe('ERR_INVALID_ARG_VALUE');
      }
    }
  });
});

describe('a buffer that was used', () => {
  it.each<[string, (buffer: Uint8Array, here: Socket, there: Socket) => void]>([
    ['checked', (buffer) => checkBuffer(buffer, 'buffer')],
    ['sent', (buffer, here) => here.send(buffer, 0, 1)],
    [
      'received into',
      (buffer, here, there) => {
        there.send(Uint8Array.of(1));
        here.recv(buffer);
      },
    ],
  ])('is not kept alive for having been %s, where it is large', async (_, use) => {
    const [here, there] = Socket.pair();
    const used = (() => {
      const buffer = new Uint8Array(2 ** 20 + 1);
      use(buffer, here, there);
      return new WeakRef(buffer.buffer);
    })();
    expect(used.deref()).toBeDefined();
    await collected(() => used.deref() === undefined);
    expect(used.deref()).toBeUndefined();
    here.close();
    there.close();
  });
});

describe('buffers that take turns', () => {
  // Of one memory two parts, and others of their own.
  const slab = new ArrayBuffer(64);
  const buffers = [
    new Uint8Array(slab, 8, 8),
    new Uint8Array(slab, 40, 8),
    Buffer.alloc(8),
    new Uint8Array(8),
    // Of memory that is not kept.
    new Uint8Array(new ArrayBuffer(2 ** 20 + 1), 2 ** 19, 8),
  ];
  const turns = [0, 0, 1, 2, 2, 0, 3, 1, 1, 3, 2, 0, 2, 0, 4, 0, 4, 4, 0, 0, 4, 2, 2];

  it('are each received into, and no other', () => {
    const [here, there] = Socket.pair();
    for (const [turn, index] of turns.entries()) {
      for (const buffer of buffers) buffer.fill(0);
      there.send(Uint8Array.of(turn + 1, turn + 2, turn + 3));
      expect(here.recv(buffers[index] as Uint8Array, 2)).toBe(3);
      const filled = [0, 0, turn + 1, turn + 2, turn + 3, 0, 0, 0];
      const expected = buffers.map((_, other) => (other === index ? filled : new Array(8).fill(0)));
      expect(buffers.map((buffer) => [...buffer])).toEqual(expected);
    }
    here.close();
    there.close();
  });

  it('are each sent, and no other', () => {
    const [here, there] = Socket.pair();
    const received = new Uint8Array(8);
    for (const [index, buffer] of buffers.entries()) buffer.fill(index + 1);
    for (const index of turns) {
      expect(here.send(buffers[index] as Uint8Array, 3, 4)).toBe(4);
      expect(there.recv(received)).toBe(4);
      expect([...received.subarray(0, 4)]).toEqual(new Array(4).fill(index + 1));
    }
    here.close();
    there.close();
  });

  it('may be one that is received into and sent', () => {
    const [here, there] = Socket.pair();
    const buffer = new Uint8Array(8);
    for (let turn = 1; turn <= 3; turn++) {
      there.send(Uint8Array.of(turn));
      expect(here.recv(buffer)).toBe(1);
      expect(here.send(buffer, 0, 1)).toBe(1);
      expect(there.recv(buffer, 4)).toBe(1);
      expect([...buffer]).toEqual([turn, 0, 0, 0, turn, 0, 0, 0]);
    }
    here.close();
    there.close();
  });
});

describe('memory that is moved away between two calls', () => {
  class Lying extends Uint8Array {
    override get length() {
      return 8;
    }
  }
  const kinds = [
    ['a Uint8Array', Uint8Array],
    ['one of a class that says otherwise', Lying],
  ] as const;
  const move = (memory: ArrayBuffer) => new Uint8Array(structuredClone(memory, { transfer: [memory] }));

  it.each(kinds)('is not received into any more: %s', (_, Type) => {
    const [here, there] = Socket.pair();
    const memory = new ArrayBuffer(8);
    const buffer = new Type(memory);
    for (const byte of [1, 2, 3]) {
      there.send(Uint8Array.of(byte));
      expect(here.recv(buffer)).toBe(1);
    }
    const moved = move(memory);
    there.send(Uint8Array.of(4));
    expect(thrownBy(() => here.recv(buffer))['code']).toBe('ERR_INVALID_ARG_VALUE');
    expect([...moved]).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
    expect(here.recv(moved)).toBe(1);
    here.close();
    there.close();
  });

  it.each(kinds)('is not sent any more: %s', (_, Type) => {
    const [here, there] = Socket.pair();
    const memory = new ArrayBuffer(8);
    const buffer = new Type(memory);
    for (let turn = 0; turn < 3; turn++) {
      expect(here.send(buffer)).toBe(8);
      expect(there.recv(new Uint8Array(16))).toBe(8);
    }
    move(memory);
    expect(thrownBy(() => here.send(buffer))['code']).toBe('ERR_INVALID_ARG_VALUE');
    expect(there.recv(new Uint8Array(16))).toBe(WOULD_BLOCK);
    here.close();
    there.close();
  });

  it.each(kinds)('is no empty datagram: %s', (_, Type) => {
    const [here, there] = Socket.pair(AF_UNIX, SOCK_DGRAM);
    const memory = new ArrayBuffer(8);
    const buffer = new Type(memory);
    expect(here.send(buffer)).toBe(8);
    expect(there.recv(new Uint8Array(16))).toBe(8);
    move(memory);
    expect(thrownBy(() => here.send(buffer))['code']).toBe('ERR_INVALID_ARG_VALUE');
    expect(there.recv(new Uint8Array(16))).toBe(WOULD_BLOCK);
    here.close();
    there.close();
  });
});

it('is received into no further than it reaches, whatever a class says of its length', () => {
  class Lying extends Uint8Array {
    override get length() {
      return 16;
    }
  }
  const [here, there] = Socket.pair();
  const memory = new ArrayBuffer(16);
  const buffer = new Lying(memory, 0, 8);
  there.send(Buffer.from('0123456789'));
  expect(here.recv(buffer)).toBe(8);
  expect(thrownBy(() => here.recv(buffer, 4, 5))['code']).toBe('ERR_OUT_OF_RANGE');
  expect(here.recv(buffer, 4, 1)).toBe(1);
  expect(Buffer.from(memory).toString()).toBe(`01238567${'\0'.repeat(8)}`);
  here.close();
  there.close();
});

it('is received into, and sent, where the library is loaded twice in a thread, whose addon is one', async () => {
  vi.resetModules();
  const other = await import('iomux');
  expect(other.Socket).not.toBe(Socket);
  const pairs = [Socket.pair(), other.Socket.pair()];
  const buffers = [new Uint8Array(4), new Uint8Array(4)] as const;
  const received = [new Uint8Array(4), new Uint8Array(4)] as const;
  for (const turn of [1, 2, 3]) {
    for (const [index, [here, there]] of pairs.entries()) {
      buffers[index]?.fill(10 * index + turn);
      here.send(buffers[index] as Uint8Array);
      there.recv(received[index] as Uint8Array);
      expect(received[index]).toEqual(buffers[index]);
    }
  }
  for (const socket of pairs.flat()) socket.close();
});

describe('a buffer over more memory than 32 bits count', () => {
  // Only what is written to takes room.
  const memory = new ArrayBuffer(2 ** 32 + 8);

  it('is taken where it ends within them, and filled in its place', () => {
    const buffer = new Uint8Array(memory, 2 ** 32 - 9, 8);
    expect(checkBuffer(buffer, 'buffer')).toMatchObject({ start: 2 ** 32 - 9 });
    const [here, there] = Socket.pair();
    there.send(Buffer.from('0123456789'));
    expect(here.recv(buffer, 2, 3)).toBe(3);
    expect([...new Uint8Array(memory, 2 ** 32 - 10, 10)]).toEqual([0, 0, 0, 48, 49, 50, 0, 0, 0, 0]);
    // As much as one call can take, where no length is given.
    expect(here.recv(new Uint8Array(memory, 0, 2 ** 31 + 1))).toBe(7);
    expect(Buffer.from(memory, 0, 8).toString()).toBe('3456789\0');
    here.close();
    there.close();
  });

  it('is refused beyond them', () => {
    for (const [start, length] of [
      [2 ** 32 - 9, 9],
      [2 ** 32, 1],
      [0, 2 ** 32],
    ]) {
      expect(thrownBy(() => checkBuffer(new Uint8Array(memory, start, length), 'buffer'))).toMatchObject({
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
        message: `buffer must be within the first 4 GiB of its memory, not at byte ${start}`,
      });
    }
  });
});

describe('checkSlice', () => {
  const buffer = new Uint8Array(10);

  it('takes each part of at least one byte', () => {
    for (let offset = 0; offset < 10; offset++) {
      for (let length = 1; length <= 10 - offset; length++) {
        expect(() => checkSlice(buffer, offset, length)).not.toThrow();
      }
    }
  });

  it('refuses offsets and lengths out of range, and names which', () => {
    const wrong: [number, number, RegExp][] = [
      [-1, 1, /^offset must be a whole number from 0 to 9/],
      [10, 1, /^offset/],
      [11, 0, /^offset/],
      [0, 0, /^length must be a whole number from 1 to 10/],
      [0, -1, /^length/],
      [0, 11, /^length/],
      [9, 2, /^length must be a whole number from 1 to 1/],
      [2 ** 31, 1, /^offset/],
      [2 ** 32, 1, /^offset/],
      [0, 2 ** 32, /^length/],
      [0, 2 ** 32 + 1, /^length/],
      [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, /^offset/],
      ...NO_INTEGERS.map((value): [number, number, RegExp] => [value, 1, /^offset/]),
      ...NO_INTEGERS.map((value): [number, number, RegExp] => [0, value, /^length/]),
    ];
    for (const [offset, length, message] of wrong) {
      const error = thrownBy(() => checkSlice(buffer, offset, length));
      expect(error).toBeInstanceOf(RangeError);
      expect(error['code']).toBe('ERR_OUT_OF_RANGE');
      expect(error.message).toMatch(message);
    }
  });

  it('refuses what is no number, also what could be made one', () => {
    for (const value of NO_NUMBERS) {
      for (const [offset, length] of [
        [value, 1],
        [0, value],
      ] as [number, number][]) {
        const error = thrownBy(() => checkSlice(buffer, offset, length));
        expect(error).toBeInstanceOf(TypeError);
        expect(error['code'], `for ${typeof value}`).toBe('ERR_INVALID_ARG_TYPE');
      }
    }
  });

  it('refuses every part of an empty or a detached buffer', () => {
    for (const none of [new Uint8Array(0), Buffer.alloc(0), buffer.subarray(4, 4), detached(10)]) {
      for (const [offset, length] of [
        [0, 0],
        [0, 1],
        [1, 1],
      ] as const) {
        const error = thrownBy(() => checkSlice(none, offset, length));
        expect(error).toBeInstanceOf(TypeError);
        expect(error['code']).toBe('ERR_INVALID_ARG_VALUE');
      }
    }
  });

  it('notices that a buffer was detached after it was found good', () => {
    const bytes = new Uint8Array(10);
    checkBuffer(bytes, 'buffer');
    checkSlice(bytes, 0, 10);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    expect(thrownBy(() => checkBuffer(bytes, 'buffer'))['code']).toBe('ERR_INVALID_ARG_VALUE');
    expect(thrownBy(() => checkSlice(bytes, 0, 10))['code']).toBe('ERR_INVALID_ARG_VALUE');
  });
});
