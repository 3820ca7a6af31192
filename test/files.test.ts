/** What carries a file descriptor, and the number in it. */
import { open } from 'node:fs/promises';
import * as iomux from 'iomux';
import { describe, expect, it } from 'vitest';
import { descriptorOf, descriptorOrClosed, type FileLike } from '../lib/files.js';
import { thrownBy } from './support/expecting.js';

const { Socket, StateError } = iomux;

describe('descriptorOf', () => {
  it('takes a number as it is, open or not', () => {
    for (const fd of [0, 1, 1024, 0x7fff_ffff]) expect(descriptorOf(fd)).toBe(fd);
  });

  it('asks fileno(), as a method of its object', () => {
    class File {
      readonly #fd = 7;
      fileno(): number {
        return this.#fd;
      }
    }
    expect(descriptorOf(new File())).toBe(7);
    expect(descriptorOf({ __proto__: new File(), fileno: () => 8 } as FileLike)).toBe(8);
  });

  it('reads fd, a getter too', () => {
    expect(descriptorOf({ fd: 7 })).toBe(7);
    class Stream {
      get fd(): number {
        return 8;
      }
    }
    expect(descriptorOf(new Stream())).toBe(8);
  });

  it('asks fileno() where an object has both', () => {
    expect(descriptorOf({ fileno: () => 3, fd: 4 })).toBe(3);
  });

  it('takes what Node has: a FileHandle, and standard input', async () => {
    const handle = await open('/dev/null');
    expect(descriptorOf(handle)).toBe(handle.fd);
    await handle.close();
    const error = thrownBy(() => descriptorOf(handle));
    expect(error).toBeInstanceOf(StateError);
    expect(error['code']).toBe('ERR_CLOSED');
    expect(descriptorOf(process.stdin as unknown as FileLike)).toBe(0);
  });

  it('throws ERR_CLOSED for an object whose number is negative', () => {
    const socket = new Socket();
    expect(descriptorOf(socket)).toBe(socket.fileno());
    socket.close();
    for (const file of [socket, { fileno: () => -1 }, { fd: -1 }, { fd: Number.NEGATIVE_INFINITY }]) {
      const error = thrownBy(() => descriptorOf(file));
      expect(error).toMatchObject({ name: 'StateError', code: 'ERR_CLOSED' });
    }
  });

  it('throws ERR_OUT_OF_RANGE for a number that is none of a descriptor', () => {
    for (const fd of [-1, -2, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 53]) {
      const error = thrownBy(() => descriptorOf(fd));
      expect(error).toBeInstanceOf(RangeError);
      expect(error['code']).toBe('ERR_OUT_OF_RANGE');
    }
    for (const fd of [0.5, Number.NaN, 2 ** 31]) {
      expect(thrownBy(() => descriptorOf({ fileno: () => fd }))['code']).toBe('ERR_OUT_OF_RANGE');
      expect(thrownBy(() => descriptorOf({ fd }))['code']).toBe('ERR_OUT_OF_RANGE');
    }
  });

  it('throws ERR_INVALID_ARG_TYPE for what carries none, and names the argument', () => {
    const wrong: unknown[] = [
      undefined,
      null,
      true,
      '1',
      '',
      1n,
      Symbol('fd'),
      {},
      [],
      [1],
      () => 1,
      Object.assign(() => 1, { fileno: () => 1, fd: 1 }),
      { fileno: 1 },
      { fileno: 'one', fd: 1 },
      { fileno: () => '1' },
      { fileno: () => undefined },
      { fileno: () => null },
      { fileno: async () => 1 },
      { fd: '1' },
      { fd: null },
      { fd: undefined },
      { fd: 1n },
      Object.create(null),
      new Number(1),
    ];
    for (const file of wrong) {
      const error = thrownBy(() => descriptorOf(file as FileLike, 'reader'));
      expect(error).toBeInstanceOf(TypeError);
      expect(error['code']).toBe('ERR_INVALID_ARG_TYPE');
      expect(error.message).toMatch(
        /^reader must be a file descriptor or an object with fileno\(\) or fd, not /,
      );
    }
  });

  it('lets through what fileno() throws', () => {
    const failure = new Error('no');
    const file = {
      fileno(): number {
        throw failure;
      },
    };
    expect(thrownBy(() => descriptorOf(file))).toBe(failure);
  });

  it('asks once', () => {
    let asked = 0;
    descriptorOf({ fileno: () => ++asked });
    descriptorOf({
      get fd() {
        return ++asked;
      },
    });
    expect(asked).toBe(2);
  });
});

describe('descriptorOrClosed', () => {
  it('is -1 for an object that is closed, and the number otherwise', () => {
    expect(descriptorOrClosed({ fileno: () => -1 })).toBe(-1);
    expect(descriptorOrClosed({ fd: -5 })).toBe(-1);
    expect(descriptorOrClosed({ fd: 5 })).toBe(5);
    expect(descriptorOrClosed(5)).toBe(5);
  });

  it('asks once', () => {
    let asked = 0;
    descriptorOrClosed({ fileno: () => ++asked });
    expect(asked).toBe(1);
  });

  it('refuses a bare negative number, and what carries none', () => {
    expect(thrownBy(() => descriptorOrClosed(-1))['code']).toBe('ERR_OUT_OF_RANGE');
    expect(thrownBy(() => descriptorOrClosed('1' as unknown as number))['code']).toBe('ERR_INVALID_ARG_TYPE');
    expect(thrownBy(() => descriptorOrClosed(null as unknown as number))['code']).toBe(
      'ERR_INVALID_ARG_TYPE',
    );
  });
});
