/** select(2), one to one. */
import { closeSync, openSync } from 'node:fs';
import { constants, type FileLike, Socket, select } from 'iomux';
import { describe, expect, it } from 'vitest';
import { thrownBy, timed } from '../support/expecting.js';
import { openPipe } from '../support/pipes.js';
import { waitUnderSignals } from '../support/signals.js';
import { refusingAddress, tcpPair } from '../support/sockets.js';

const MSG_OOB = constants['MSG_OOB'] as number;

/** A descriptor's number that is closed now and that no other test takes meanwhile. */
function closedDescriptor(): number {
  const fd = openSync('/dev/null', 'r');
  closeSync(fd);
  return fd;
}

describe('select(), results', () => {
  it('returns three new arrays that are distinct from each other and from the input', () => {
    const input: FileLike[] = [];
    const result = select(input, input, input, 0);
    expect(result).toEqual([[], [], []]);
    expect(new Set([...result, input]).size).toBe(4);
    expect(select([], [], [], 0)[0]).not.toBe(result[0]);
  });

  it('holds the very objects passed in, in input order, and not their numbers', () => {
    using one = openPipe();
    using other = openPipe();
    one.writer.write('1');
    other.writer.write('2');
    const wrapped = { fileno: () => one.reader.fileno(), label: 'wrapped' };
    const property = { fd: other.reader.fileno() };
    const input = [property, one.reader, wrapped, other.reader.fileno()] as const;
    const [readable, writable, exceptional] = select(input, [], [], 0);
    expect(readable).toHaveLength(4);
    for (const [index, file] of input.entries()) expect(readable[index]).toBe(file);
    expect(writable).toEqual([]);
    expect(exceptional).toEqual([]);
  });

  it('keeps duplicates', () => {
    using pipe = openPipe();
    pipe.writer.write('x');
    const { reader, writer } = pipe;
    expect(select([reader, reader, reader.fileno(), reader], [writer, writer], [], 0)).toEqual([
      [reader, reader, reader.fileno(), reader],
      [writer, writer],
      [],
    ]);
  });

  it('leaves out what is not ready, and keeps the order of the rest', () => {
    using idle = openPipe();
    using one = openPipe();
    using other = openPipe();
    one.writer.write('1');
    other.writer.write('2');
    const [readable] = select([other.reader, idle.reader, one.reader], [], [], 0);
    expect(readable).toEqual([other.reader, one.reader]);
  });

  it('reports a file that is ready both ways in both arrays', () => {
    const [here, there] = Socket.pair();
    there.send(Buffer.from('x'));
    expect(select([here], [here], [here], 0)).toEqual([[here], [here], []]);
    here.close();
    there.close();
  });

  it('takes any iterable, and reads it once', () => {
    using pipe = openPipe();
    pipe.writer.write('x');
    let reads = 0;
    function* once(): Generator<FileLike> {
      reads++;
      yield pipe.reader;
    }
    expect(select(once(), new Set([pipe.writer]), new Map().values(), 0)).toEqual([
      [pipe.reader],
      [pipe.writer],
      [],
    ]);
    expect(reads).toBe(1);
  });

  it('delivers what is in a pipe and then its end, with every kind of timeout', () => {
    for (const timeout of [0, 1000, undefined, null, Number.POSITIVE_INFINITY]) {
      using pipe = openPipe();
      pipe.writer.write('line');
      expect(select([pipe.reader], [], [], timeout)).toEqual([[pipe.reader], [], []]);
      expect(pipe.reader.read()).toBe('line');
      expect(select([pipe.reader], [], [], 0)).toEqual([[], [], []]);
      pipe.writer.close();
      expect(select([pipe.reader], [], [], timeout)).toEqual([[pipe.reader], [], []]);
      expect(pipe.reader.read()).toBe('');
    }
  });

  it('always finds a regular file ready', () => {
    const fd = openSync(process.execPath, 'r');
    expect(select([fd], [fd], [], 0)).toEqual([[fd], [fd], []]);
    closeSync(fd);
  });

  it('reports out-of-band data as exceptional, and not as readable', () => {
    const [client, server] = tcpPair();
    client.send(Buffer.from('!'), 0, 1, MSG_OOB);
    expect(select([], [], [server], 5000)).toEqual([[], [], [server]]);
    expect(select([server], [], [server], 0)).toEqual([[], [], [server]]);
    const buffer = Buffer.alloc(8);
    expect(server.recv(buffer, 0, 8, MSG_OOB)).toBe(1);
    expect(select([server], [], [server], 0)).toEqual([[], [], []]);
    client.close();
    server.close();
  });

  it('reports a refused connect as readable and writable', () => {
    using socket = new Socket();
    const address = refusingAddress();
    const refused = thrownBy(() => {
      socket.connect(address);
      expect(select([socket], [socket], [], 5000)).toEqual([[socket], [socket], []]);
      socket.finishConnect();
    });
    expect(refused['code']).toBe('ECONNREFUSED');
  });
});

describe('select(), descriptors', () => {
  it('asks each fileno() once, after it has copied the input', () => {
    using pipe = openPipe();
    pipe.writer.write('x');
    const asked: number[] = [];
    const input = Array.from({ length: 10 }, (_, index) => ({
      fileno(): number {
        asked.push(index);
        return pipe.reader.fileno();
      },
    }));
    expect(select(input, [], [], 0)[0]).toEqual(input);
    expect(asked).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('does not mind a fileno() that empties, grows or replaces the input while it is read', () => {
    using pipe = openPipe();
    pipe.writer.write('x');
    const doing = (change: () => unknown): FileLike => ({
      fileno() {
        change();
        return pipe.reader.fileno();
      },
    });
    const shrinking: FileLike[] = [];
    const growing: FileLike[] = [];
    const replacing: FileLike[] = [];
    for (let i = 0; i < 10; i++) {
      shrinking.push(doing(() => shrinking.pop()));
      growing.push(doing(() => growing.push(-1)));
      replacing.push(doing(() => replacing.fill('nothing' as unknown as FileLike)));
    }
    for (const input of [shrinking, growing, replacing]) {
      const before = [...input];
      expect(select(input, [], [], 0)[0]).toEqual(before);
    }
    expect(shrinking).toHaveLength(0);
    expect(growing).toHaveLength(20);
  });

  it('does not mind a fileno() that calls select() itself', () => {
    using pipe = openPipe();
    pipe.writer.write('x');
    const inner: unknown[] = [];
    const file = {
      fileno(): number {
        inner.push(select([pipe.reader], [], [], 0)[0].length);
        return pipe.reader.fileno();
      },
    };
    expect(select([file], [], [], 0)[0]).toEqual([file]);
    expect(inner).toEqual([1]);
  });

  it('throws what a fileno() throws', () => {
    const failure = new Error('no number');
    const file = {
      fileno(): number {
        throw failure;
      },
    };
    expect(thrownBy(() => select([], [file], [], 0))).toBe(failure);
  });

  it('throws EBADF that names the closed descriptor, in whichever set it is', () => {
    using pipe = openPipe();
    const fd = closedDescriptor();
    for (const sets of [
      [[pipe.reader, fd], [], []],
      [[], [pipe.writer, fd], []],
      [[], [], [pipe.reader, fd]],
    ] as FileLike[][][]) {
      const [readers = [], writers = [], exceptional = []] = sets;
      const error = thrownBy(() => select(readers, writers, exceptional, 1000));
      expect(error).toMatchObject({ name: 'SystemError', code: 'EBADF', syscall: 'select', fd });
      expect(error.message).toBe(`select EBADF (fd ${fd})`);
    }
    pipe.writer.write('x');
    expect(select([pipe.reader], [], [], 0)[0], 'the others are untouched').toEqual([pipe.reader]);
  });

  it('throws EBADF for closed descriptors far above those the process ever had', () => {
    for (const fd of [9999, 100_000, 2 ** 24 - 1, 2 ** 24, 2 ** 31 - 1]) {
      expect(
        thrownBy(() => select([fd], [], [], 0)),
        `fd ${fd}`,
      ).toMatchObject({ code: 'EBADF', fd });
    }
  });

  it('throws ERR_CLOSED for an object that is closed', () => {
    const socket = new Socket();
    socket.close();
    expect(thrownBy(() => select([socket], [], [], 0))['code']).toBe('ERR_CLOSED');
  });

  it('waits on descriptors above FD_SETSIZE', () => {
    const fillers: number[] = [];
    try {
      while ((fillers.at(-1) ?? 0) < 1100) fillers.push(openSync('/dev/null', 'r'));
      using pipe = openPipe();
      const { reader, writer } = pipe;
      expect(reader.fileno()).toBeGreaterThan(1024);
      expect(select([reader], [writer], [reader], 0)).toEqual([[], [writer], []]);
      writer.write('x');
      expect(select([reader, fillers[0] as number], [writer], [], 0)).toEqual([
        [reader, fillers[0]],
        [writer],
        [],
      ]);
    } finally {
      for (const fd of fillers) closeSync(fd);
    }
  });

  it('takes more files than FD_SETSIZE', () => {
    using pipe = openPipe();
    pipe.writer.write('x');
    expect(select(new Array(5000).fill(pipe.reader), [], [], 0)[0]).toHaveLength(5000);
  });

  it('refuses what is no file, before it waits', () => {
    const wrong = ['1', null, undefined, {}, true, [], { fd: '1' }, { fileno: 1 }, () => 1] as FileLike[];
    for (const file of wrong) {
      for (const position of [0, 1, 2]) {
        const sets: FileLike[][] = [[], [], []];
        sets[position] = [file];
        const [r = [], w = [], x = []] = sets;
        const error = thrownBy(() => select(r, w, x));
        expect(error).toBeInstanceOf(TypeError);
        expect(error['code']).toBe('ERR_INVALID_ARG_TYPE');
      }
    }
  });

  it('refuses numbers that are no descriptor', () => {
    for (const fd of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, -(2 ** 40)]) {
      const error = thrownBy(() => select([fd], [], []));
      expect(error).toBeInstanceOf(RangeError);
      expect(error['code']).toBe('ERR_OUT_OF_RANGE');
    }
  });

  it('refuses sets that cannot be iterated', () => {
    for (const set of [1, null, undefined, {}, true] as unknown as FileLike[][]) {
      const error = thrownBy(() => select(set, [], [], 0));
      expect(error).toBeInstanceOf(TypeError);
      expect(error['code'], `for ${set}`).toBe('ERR_INVALID_ARG_TYPE');
    }
  });
});

describe('select(), time', () => {
  it('sleeps where all sets are empty, and not shorter than asked', () => {
    for (const timeout of [0.1, 1.5, 20]) {
      const [result, elapsed] = timed(() => select([], [], [], timeout));
      expect(result).toEqual([[], [], []]);
      expect(elapsed).toBeGreaterThanOrEqual(timeout);
    }
  });

  it('does not wait with 0 and less', () => {
    using pipe = openPipe();
    for (const timeout of [0, -0, -1, -1e-100, -(2 ** 40), Number.NEGATIVE_INFINITY]) {
      const [result, elapsed] = timed(() => select([pipe.reader], [], [], timeout));
      expect(result).toEqual([[], [], []]);
      expect(elapsed).toBeLessThan(5000);
    }
  });

  it('returns before a long timeout as soon as something is ready', () => {
    using pipe = openPipe();
    for (const timeout of [60_000, 2 ** 31, 2 ** 40, 1e12, Number.MAX_VALUE]) {
      const [result] = timed(() => select([], [pipe.writer], [], timeout));
      expect(result).toEqual([[], [pipe.writer], []]);
    }
  });

  it('refuses a timeout that is no number', () => {
    for (const timeout of ['1', {}, true, 1n, Symbol('timeout')] as unknown as number[]) {
      const error = thrownBy(() => select([], [], [], timeout));
      expect(error).toBeInstanceOf(TypeError);
      expect(error['code']).toBe('ERR_INVALID_ARG_TYPE');
    }
    const error = thrownBy(() => select([], [], [], Number.NaN));
    expect(error).toBeInstanceOf(RangeError);
    expect(error['code']).toBe('ERR_OUT_OF_RANGE');
  });

  it('waits on through signals, to its full time', async () => {
    const { ready, elapsed, handled } = await waitUnderSignals('select', 300);
    expect(ready).toEqual([]);
    expect(elapsed).toBeGreaterThanOrEqual(300);
    expect(handled).toBeGreaterThan(0);
  });
});
