/** What a reader returns, when it waits, and what it refuses. */
import { StateError } from 'iomux';
import { IncompleteReadError, LimitOverrunError, type StreamReader } from 'iomux/streams';
import { describe, expect, it } from 'vitest';
import { SLAB_SIZE } from '../../lib/streams/copies.js';
import { RECEIVE_SIZE } from '../../lib/streams/receive-buffer.js';
import { collected } from '../support/garbage.js';
import { refusal } from '../support/refusals.js';
import { readerMaker, stateOf } from '../support/stream-ends.js';

const feed = (reader: StreamReader, text: string) => reader.feed(Buffer.from(text));

function fed(...chunks: string[]): StreamReader {
  const reader = readerMaker()();
  for (const chunk of chunks) feed(reader, chunk);
  return reader;
}

describe('read()', () => {
  it('returns all that is there, in one', () => {
    expect(stateOf(fed('ab', 'c', 'def').read())).toBe('abcdef');
  });

  it('returns up to so many bytes as soon as there is one', () => {
    const reader = fed('abc');
    expect([stateOf(reader.read(2)), stateOf(reader.read(2))]).toEqual(['ab', 'c']);
    const waiting = reader.read(2);
    expect(stateOf(waiting)).toBe('pending');
    feed(reader, 'd');
    expect(stateOf(waiting)).toBe('d');
  });

  it('of 0 bytes returns an empty Buffer at once, also while another waits, and at the end', () => {
    const reader = fed();
    const waiting = reader.read();
    expect(stateOf(reader.read(0))).toBe('');
    feed(reader, 'a');
    expect(stateOf(waiting)).toBe('a');
    reader.end(null, true);
    expect(stateOf(reader.read(0))).toBe('');
  });

  it('returns null at the end, as often as it is asked', () => {
    const reader = fed('a');
    reader.end(null, true);
    expect([1, 2, 3].map(() => stateOf(reader.read()))).toEqual(['a', null, null]);
  });

  it('waits no longer when the stream ends', () => {
    const reader = fed();
    const waiting = reader.read();
    reader.end(null, true);
    expect(stateOf(waiting)).toBeNull();
  });
});

describe('readExactly()', () => {
  it('waits for as many bytes as it was asked for, and takes no more', () => {
    const reader = fed('ab');
    const waiting = reader.readExactly(5);
    feed(reader, 'cd');
    expect(stateOf(waiting)).toBe('pending');
    feed(reader, 'efg');
    expect([stateOf(waiting), stateOf(reader.read())]).toEqual(['abcde', 'fg']);
  });

  it('of 0 bytes returns an empty Buffer at once', () => {
    expect(stateOf(fed().readExactly(0))).toBe('');
  });

  it('says what there was where the stream ends before', () => {
    const reader = fed('abc');
    const waiting = reader.readExactly(5);
    reader.end(null, true);
    const error = waiting.exception() as IncompleteReadError;
    expect(error).toBeInstanceOf(IncompleteReadError);
    expect({ ...error, partial: String(error.partial), cause: error.cause }).toEqual({
      name: 'IncompleteReadError',
      code: 'ERR_INCOMPLETE_READ',
      partial: 'abc',
      expected: 5,
      cause: undefined,
    });
    expect(error.message).toBe('the stream ended after 3 of 5 bytes');
    // It was read by that.
    expect([reader.atEnd, stateOf(reader.read())]).toEqual([true, null]);
  });

  it('reads more than the limit', () => {
    const reader = readerMaker()(4);
    const waiting = reader.readExactly(100);
    for (let count = 0; count < 10; count++) feed(reader, '0123456789');
    expect(stateOf(waiting)).toBe('0123456789'.repeat(10));
  });
});

describe('readUntil()', () => {
  it('returns the separator with what stands before it', () => {
    const reader = fed('ab;cd;');
    expect([stateOf(reader.readUntil(';')), stateOf(reader.readUntil(Buffer.from(';')))]).toEqual([
      'ab;',
      'cd;',
    ]);
  });

  it('finds a separator that came in pieces', () => {
    const reader = fed();
    const waiting = reader.readUntil('aab');
    for (const piece of ['x', 'a', 'a', 'a']) feed(reader, piece);
    expect(stateOf(waiting)).toBe('pending');
    feed(reader, 'bc');
    expect([stateOf(waiting), stateOf(reader.read())]).toEqual(['xaaab', 'c']);
  });

  it('takes of several separators the one that ends first', () => {
    expect(stateOf(fed('one\r\n\r\ntwo').readUntil(['\r\n\r\n', '\n\r', '#']))).toBe('one\r\n\r');
    expect(stateOf(fed('abcd').readUntil(['abc', 'b']))).toBe('ab');
  });

  it('finds one of several that begins where its look at one stretch ends', () => {
    for (let before = 1018; before < 1030; before++) {
      const text = '.'.repeat(before);
      expect(stateOf(fed(`${text}\r\n\r\nx`).readUntil(['\r\n\r\n', '#']))).toBe(`${text}\r\n\r\n`);
    }
  });

  it('wins against an end that came with the separator', () => {
    const reader = fed();
    const waiting = reader.readUntil(';');
    feed(reader, 'a;b');
    reader.end(null, true);
    expect(stateOf(waiting)).toBe('a;');
    const error = reader.readUntil(';').exception() as IncompleteReadError;
    expect([String(error.partial), error.expected]).toEqual(['b', Number.POSITIVE_INFINITY]);
    expect(error.message).toBe('the stream ended after 1 bytes');
  });

  it('goes on with the separator that it was given, whatever becomes of that memory', () => {
    const reader = fed('ab');
    const separator = Buffer.from(';');
    const waiting = reader.readUntil(separator);
    separator.fill('#');
    feed(reader, '#;');
    expect(stateOf(waiting)).toBe('ab#;');
  });

  it('allows as many bytes before the separator as the limit has, and not one more', () => {
    const readers = [readerMaker()(10), readerMaker()(10)] as const;
    feed(readers[0], '0123456789;');
    feed(readers[1], '0123456789A;');
    expect(stateOf(readers[0].readUntil(';'))).toBe('0123456789;');
    const error = readers[1].readUntil(';').exception() as LimitOverrunError;
    expect(error).toBeInstanceOf(LimitOverrunError);
    expect({ ...error }).toEqual({ name: 'LimitOverrunError', code: 'ERR_LIMIT_OVERRUN', consumed: 11 });
    expect(error.message).toContain('limit of 10 bytes');
  });

  it('loses nothing beyond the limit, and says how much can be skipped', () => {
    const reader = readerMaker()(10);
    const waiting = reader.readUntil('<>');
    feed(reader, '0123456789AB<');
    const { consumed } = waiting.exception() as LimitOverrunError;
    expect(consumed).toBe(12);
    feed(reader, '>next<>');
    expect(stateOf(reader.readExactly(consumed))).toBe('0123456789AB');
    expect([stateOf(reader.readUntil('<>')), stateOf(reader.readUntil('<>'))]).toEqual(['<>', 'next<>']);
  });
});

describe('readLine()', () => {
  it('returns lines without their ends, of either kind', () => {
    const reader = fed('one\ntwo\r\n\n\r\nthr\ree\r\r\n');
    const lines = Array.from({ length: 5 }, () => stateOf(reader.readLine()));
    expect(lines).toEqual(['one', 'two', '', '', 'thr\ree\r']);
  });

  it('returns a last line that nothing ends, and then null', () => {
    const reader = fed('one\ntwo\r');
    const lines = [stateOf(reader.readLine())];
    const waiting = reader.readLine();
    expect(stateOf(waiting)).toBe('pending');
    reader.end(null, true);
    lines.push(stateOf(waiting), stateOf(reader.readLine()), stateOf(reader.readLine()));
    expect(lines).toEqual(['one', 'two\r', null, null]);
  });

  it('decodes UTF-8 whose bytes come one by one', () => {
    const reader = fed();
    const waiting = reader.readLine();
    for (const byte of Buffer.from('Grüße, 世界 🌍\n')) reader.feed(Buffer.of(byte));
    expect(stateOf(waiting)).toBe('Grüße, 世界 🌍');
  });

  it('refuses a line beyond the limit, which is there still, and counts no line end', () => {
    const reader = readerMaker()(4);
    feed(reader, '1234\r\n1234\n12345\nnext\n');
    expect([stateOf(reader.readLine()), stateOf(reader.readLine())]).toEqual(['1234', '1234']);
    const error = reader.readLine().exception() as LimitOverrunError;
    expect([error.code, error.consumed]).toEqual(['ERR_LIMIT_OVERRUN', 5]);
    expect(stateOf(reader.readLine())).toBe('ERR_LIMIT_OVERRUN');
    expect(stateOf(reader.readExactly(6))).toBe('12345\n');
    expect(stateOf(reader.readLine())).toBe('next');
  });

  it('refuses a last line beyond the limit as well', () => {
    const reader = readerMaker()(4);
    feed(reader, '12345');
    reader.end(null, true);
    expect([stateOf(reader.readLine()), stateOf(reader.read()), stateOf(reader.readLine())]).toEqual([
      'ERR_LIMIT_OVERRUN',
      '12345',
      null,
    ]);
  });
});

describe('readAll()', () => {
  it('returns everything up to the end, whatever the limit', () => {
    const reader = readerMaker()(4);
    const waiting = reader.readAll();
    for (let count = 0; count < 100; count++) feed(reader, '0123456789');
    expect(stateOf(waiting)).toBe('pending');
    reader.end(null, true);
    expect([stateOf(waiting), stateOf(reader.readAll())]).toEqual(['0123456789'.repeat(100), '']);
  });
});

describe('peek()', () => {
  it('shows what is there, of all chunks, and takes nothing', () => {
    const reader = fed('abc', 'x'.repeat(1024), 'def');
    expect([reader.peek().length, String(reader.peek(2)), reader.peek(0).length]).toEqual([1030, 'ab', 0]);
    reader.readExactly(1);
    expect(String(reader.peek(1026))).toBe(`bc${'x'.repeat(1024)}`);
    expect(stateOf(reader.read(3))).toBe('bcx');
    expect(fed().peek().length).toBe(0);
  });
});

describe('atEnd', () => {
  it('is true when the stream has ended and all of it was read', () => {
    const reader = fed('ab');
    const seen = [reader.atEnd];
    reader.end(null, true);
    seen.push(reader.atEnd);
    reader.read(1);
    seen.push(reader.atEnd);
    reader.read(1);
    seen.push(reader.atEnd);
    expect(seen).toEqual([false, false, false, true]);
  });
});

describe('the memory of what is read', () => {
  /** Bytes of objects, without garbage. */
  async function heap(): Promise<number> {
    await collected(() => true);
    return process.memoryUsage().heapUsed;
  }

  it("is the reader's own copy, however large the piece", () => {
    for (const length of [10, 5000, 70_000]) {
      const received = Buffer.alloc(length, 'a');
      const reader = fed();
      reader.feed(received);
      received.fill('#');
      const one = reader.readExactly(length / 2).result();
      const peeked = reader.peek();
      const other = reader.read().result() as Buffer;
      expect(String(one) + String(other)).toBe('a'.repeat(length));
      // Nobody else has it: neither what was peeked at nor the other piece.
      one.fill('1');
      peeked.fill('2');
      expect(String(other)).toBe('a'.repeat(length / 2));
    }
  });

  it('does not keep a large chunk alive for a small piece', () => {
    // By its size the memory of a receive is told from a slab.
    expect(SLAB_SIZE).toBeLessThan(RECEIVE_SIZE);
    const reader = fed();
    reader.feed(Buffer.alloc(65_536, 'line\n'));
    for (const piece of [reader.readUntil('\n'), reader.read(10), reader.readExactly(4000)]) {
      expect(piece.result()?.buffer.byteLength).toBeLessThanOrEqual(SLAB_SIZE);
    }
  });

  it('is little even where each byte comes alone', async () => {
    const reader = fed();
    const before = await heap();
    for (let count = 0; count < 100_000; count++) reader.feed(Buffer.of(count % 251));
    // An object for each of them would take 10 MB and more.
    expect((await heap()) - before).toBeLessThan(2_000_000);
    const all = reader.read().result() as Buffer;
    expect(all.every((byte, index) => byte === index % 251)).toBe(true);
    expect(all.length).toBe(100_000);
  });
});

describe('two reads at a time', () => {
  const reads: Readonly<Record<string, (reader: StreamReader) => unknown>> = {
    read: (reader) => reader.read(),
    readExactly: (reader) => reader.readExactly(10),
    readUntil: (reader) => reader.readUntil('#'),
    readLine: (reader) => reader.readLine(),
    readAll: (reader) => reader.readAll(),
  };

  it.each(Object.keys(reads))('refuses a %s() that would have to wait for a stream as well', (name) => {
    const reader = fed();
    const first = reader.readExactly(3);
    expect(refusal(() => reads[name]?.(reader))).toBe('StateError ERR_INVALID_STATE');
    feed(reader, 'abc');
    expect(stateOf(first)).toBe('abc');
  });

  it('serves one from what is there while another waits for more, which then looks at all again', () => {
    const reader = fed('ab');
    const waiting = reader.readUntil(';');
    expect(stateOf(reader.read(1))).toBe('a');
    feed(reader, ';c');
    expect([stateOf(waiting), stateOf(reader.read())]).toEqual(['b;', 'c']);
    const again = reader.readUntil(';;');
    feed(reader, '1234');
    expect(stateOf(reader.readExactly(3))).toBe('123');
    feed(reader, ';;');
    expect(stateOf(again)).toBe('4;;');
  });

  it('waits anew after the first was cancelled', () => {
    const reader = fed('ab');
    const first = reader.readExactly(3);
    expect(first.cancel()).toBe(true);
    expect(stateOf(reader.readExactly(2))).toBe('ab');
    const second = reader.readExactly(1);
    feed(reader, 'c');
    expect([stateOf(first), stateOf(second)]).toEqual(['cancelled', 'c']);
  });
});

describe('what is given back', () => {
  it('is at the front again, with the end of the line', () => {
    const reader = fed('one\r\ntwo\n', 'x'.repeat(2000));
    const line = reader.readLine();
    const next = reader.readUntil('\n');
    next.giveBack();
    line.giveBack();
    expect([stateOf(line), stateOf(reader.readExactly(9))]).toEqual(['cancelled', 'one\r\ntwo\n']);
    expect(stateOf(reader.read())).toBe('x'.repeat(2000));
  });

  it('goes to the read that waits, which looks at it too', () => {
    const reader = fed('a;');
    const taken = reader.read();
    const waiting = reader.readUntil(';');
    feed(reader, 'bc');
    taken.giveBack();
    expect([stateOf(waiting), stateOf(reader.read())]).toEqual(['a;', 'bc']);
  });

  it('is still there when the stream has ended meanwhile', () => {
    const reader = fed('a');
    const last = reader.read();
    reader.end(null, true);
    expect(reader.atEnd).toBe(true);
    last.giveBack();
    expect([reader.atEnd, stateOf(reader.readLine()), stateOf(reader.readLine())]).toEqual([
      false,
      'a',
      null,
    ]);
  });

  it('is nothing where the end was read', () => {
    const reader = fed();
    reader.end(null, true);
    const [end, line] = [reader.read(), reader.readLine()];
    end.giveBack();
    line.giveBack();
    expect([reader.peek().length, reader.atEnd]).toEqual([0, true]);
  });
});

describe('an error of the connection', () => {
  const error = new StateError('ERR_CLOSED', 'lost');

  function lostAfter(text: string): StreamReader {
    const reader = fed(text);
    reader.end(error);
    return reader;
  }

  it('comes after all that had arrived, and again each time', () => {
    const reader = lostAfter('ab');
    expect(reader.atEnd).toBe(false);
    expect([1, 2, 3].map(() => stateOf(reader.read(1)))).toEqual(['a', 'b', 'ERR_CLOSED']);
    expect([stateOf(reader.readLine()), stateOf(reader.readAll()), reader.atEnd]).toEqual([
      'ERR_CLOSED',
      'ERR_CLOSED',
      false,
    ]);
    expect([stateOf(reader.readExactly(1)), stateOf(reader.readUntil('x'))]).toEqual([
      'ERR_CLOSED',
      'ERR_CLOSED',
    ]);
  });

  it('comes in place of a line that was broken off, whose bytes can be read', () => {
    const reader = lostAfter('one\ntwo');
    expect([1, 2].map(() => stateOf(reader.readLine()))).toEqual(['one', 'ERR_CLOSED']);
    expect([1, 2].map(() => stateOf(reader.read()))).toEqual(['two', 'ERR_CLOSED']);
  });

  it.each([
    ['readExactly', (reader: StreamReader) => reader.readExactly(3), 3],
    ['readUntil', (reader: StreamReader) => reader.readUntil(';'), Number.POSITIVE_INFINITY],
    ['readAll', (reader: StreamReader) => reader.readAll(), Number.POSITIVE_INFINITY],
  ] as const)('is the cause of a %s() that has too little', (_name, read, expected) => {
    const reader = lostAfter('ab');
    const incomplete = read(reader).exception() as IncompleteReadError;
    expect(incomplete).toBeInstanceOf(IncompleteReadError);
    expect([String(incomplete.partial), incomplete.expected, incomplete.cause]).toEqual([
      'ab',
      expected,
      error,
    ]);
    expect(stateOf(read(reader))).toBe('ERR_CLOSED');
  });

  it('rejects the read that waits', () => {
    const reader = fed();
    const waiting = reader.read();
    reader.end(error);
    expect(waiting.exception()).toBe(error);
  });

  it('says nothing to a reader whose stream has ended in order before', () => {
    const reader = fed();
    reader.end(null, true);
    reader.end(error);
    expect([reader.atEnd, stateOf(reader.read())]).toEqual([true, null]);
  });
});

describe('bad arguments', () => {
  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('a length of %d is out of range', (length) => {
    const reader = fed('abc');
    for (const call of ['read', 'readExactly', 'peek'] as const) {
      expect(refusal(() => reader[call](length))).toBe('RangeError ERR_OUT_OF_RANGE');
    }
    expect(String(reader.peek())).toBe('abc');
  });

  it.each(['1', null, {}, 1n])('a length that is %s is no number', (length) => {
    const reader = fed('abc');
    for (const call of ['read', 'readExactly', 'peek'] as const) {
      expect(refusal(() => reader[call](length as never))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    }
  });

  it('more than a Buffer can hold is out of range', () => {
    expect(refusal(() => fed().readExactly(Number.MAX_SAFE_INTEGER))).toBe('RangeError ERR_OUT_OF_RANGE');
    expect(refusal(() => fed().readExactly(undefined as never))).toBe('TypeError ERR_INVALID_ARG_TYPE');
  });

  it.each([[''], [new Uint8Array(0)], [['\n', '']], [[]]])('refuses the empty separator %j', (separator) => {
    const reader = fed('abc');
    expect(refusal(() => reader.readUntil(separator as string))).toBe('TypeError ERR_INVALID_ARG_VALUE');
  });

  it.each([undefined, null, 10, /\n/, [[1]], [[['\n']]], new ArrayBuffer(1)])(
    'refuses %s as a separator',
    (separator) => {
      const reader = fed('abc');
      expect(refusal(() => reader.readUntil(separator as never))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    },
  );
});
