/** A reader over a real connection: held back where nobody reads, to its end, in each mode of the reactor. */
import type { Reactor } from 'iomux';
import type { IncompleteReadError, StreamReader } from 'iomux/streams';
import { createTask, value, waitFor } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { describeReactors } from '../support/reactors.js';
import { play } from '../support/running.js';
import { tcpPair } from '../support/sockets.js';
import { later, stateOf, streaming, twoStreams } from '../support/stream-ends.js';
import { HOSTED, iterations, openReactor, playTask, thrownAt } from '../support/task-scenes.js';
import { codeOf, errorOf, reset } from '../support/transport-peers.js';

const LIMIT = 1000;
/** As much as one receive brings. */
const ONE_RECEIVE = 65_536;
const LARGE = Buffer.alloc(400_000, '0123456789');

describeReactors((setting, open) => {
  it('holds the peer back above twice the limit, and goes on when there is room', async () => {
    const reactor = open();
    const { reader, writer, far } = streaming(reactor, { limit: LIMIT });
    await play(reactor, setting, async () => {
      const sent = reactor.sockSendAll(far, LARGE);
      await later(reactor, 20);
      const { bytesRead } = writer.transport;
      expect(bytesRead).toBeGreaterThan(2 * LIMIT);
      expect(bytesRead).toBeLessThanOrEqual(2 * LIMIT + ONE_RECEIVE);
      expect(reader.peek().length).toBe(bytesRead);
      // One byte more than the limit is left.
      await reader.readExactly(bytesRead - LIMIT - 1);
      await later(reactor, 20);
      expect(writer.transport.bytesRead).toBe(bytesRead);
      await reader.readExactly(1);
      const rest = await reader.readExactly(LARGE.length - bytesRead + LIMIT);
      expect(rest.equals(LARGE.subarray(bytesRead - LIMIT))).toBe(true);
      await sent;
    });
  });

  it('reads more than the limit allows to be buffered, where a read waits for it', async () => {
    const reactor = open();
    const { reader, far } = streaming(reactor, { limit: 1 });
    await play(reactor, setting, async () => {
      const sent = reactor.sockSendAll(far, LARGE);
      // By now it pauses.
      await later(reactor, 20);
      const first = await reader.readExactly(300_000);
      const rest = reader.readAll();
      await sent;
      far.shutdown('write');
      expect(Buffer.concat([first, await rest]).equals(LARGE)).toBe(true);
    });
  });

  it('works for coroutines, which cancelled in any moment lose nothing', async () => {
    const reactor = open();
    const [near, far] = twoStreams(reactor, { limit: 64 });
    const text = Array.from({ length: 300 }, (_, index) => `line ${index}\r\n`).join('');
    await playTask(reactor, setting, function* () {
      const writing = createTask(function* () {
        for (let start = 0; start < text.length; start += 7) {
          far.writer.write(text.slice(start, start + 7));
          yield far.writer.drain();
          yield* iterations(start % 3);
        }
        far.writer.writeEof();
      });
      const lines: string[] = [];
      for (let patience = 0; lines.at(-1) !== 'end'; patience = (patience + 1) % 5) {
        const reading = createTask(function* () {
          const line = yield* value(near.reader.readLine());
          lines.push(line ?? 'end');
        });
        yield* iterations(patience);
        reading.cancel();
        while (!reading.done()) yield;
      }
      yield writing;
      expect(lines).toEqual([...text.split('\r\n').slice(0, -1), 'end']);
    });
  });

  it('stays open for writing when the peer has ended', async () => {
    const reactor = open();
    const [near, far] = twoStreams(reactor);
    await playTask(reactor, setting, function* () {
      far.writer.write('question');
      far.writer.writeEof();
      expect(String(yield near.reader.readAll())).toBe('question');
      expect(near.reader.atEnd).toBe(true);
      yield later(reactor, 5);
      near.writer.write('answer');
      yield near.writer.close();
      expect(String(yield far.reader.readAll())).toBe('answer');
      yield far.writer.close();
    });
  });

  it('delivers what came before a reset, and then the reset', async () => {
    const reactor = open();
    const { reader, far } = streaming(reactor, {}, tcpPair);
    await playTask(reactor, setting, function* () {
      far.send(Buffer.from('one\ntwo\nthree'));
      expect(yield reader.readLine()).toBe('one');
      reset(far);
      yield later(reactor, 5);
      expect(yield reader.readLine()).toBe('two');
      const incomplete = (yield* thrownAt(() => reader.readExactly(6))) as IncompleteReadError;
      expect([String(incomplete.partial), codeOf(incomplete.cause)]).toEqual(['three', 'ECONNRESET']);
      expect(codeOf(yield* thrownAt(() => reader.read()))).toBe('ECONNRESET');
      expect(codeOf(yield* thrownAt(() => reader.readLine()))).toBe('ECONNRESET');
    });
  });
});

describe('a reader that has paused', () => {
  /** Data that no reader would let in, and then an error; nothing is read. */
  function lost(reactor: Reactor): { reader: StreamReader; sent: Buffer; met: () => Promise<void> } {
    const { reader, writer, far } = streaming(reactor, { limit: LIMIT });
    const sent = LARGE.subarray(0, 128_000);
    expect(far.send(sent)).toBe(sent.length);
    const met = async () => {
      await later(reactor, 20);
      // It has paused, and there is more.
      expect(writer.transport.bytesRead).toBeGreaterThan(2 * LIMIT);
      expect(writer.transport.bytesRead).toBeLessThan(sent.length);
      far.shutdown('read');
      writer.write('nobody reads this');
      await later(reactor, 5);
      expect(writer.transport.socket.closed).toBe(true);
    };
    return { reader, sent, met };
  }

  it('gets all that came before an error, and then the error', async () => {
    const reactor = openReactor();
    await play(reactor, HOSTED, async () => {
      const { reader, sent, met } = lost(reactor);
      await met();
      const chunks: Buffer[] = [];
      const loop = async () => {
        for await (const chunk of reader) chunks.push(chunk);
      };
      expect(codeOf(await errorOf(loop()))).toBe('EPIPE');
      expect(Buffer.concat(chunks).equals(sent)).toBe(true);
    });
  });

  it('has it in what readAll() rejects with', async () => {
    const reactor = openReactor();
    await play(reactor, HOSTED, async () => {
      const { reader, sent, met } = lost(reactor);
      await met();
      const error = (await errorOf(reader.readAll())) as unknown as IncompleteReadError;
      expect([error.code, codeOf(error.cause)]).toEqual(['ERR_INCOMPLETE_READ', 'EPIPE']);
      expect(error.partial.equals(sent)).toBe(true);
    });
  });
});

describe('a reset', () => {
  const reads: Readonly<Record<string, (reader: StreamReader) => PromiseLike<unknown>>> = {
    'read()': (reader) => reader.read(),
    'readExactly()': (reader) => reader.readExactly(5),
    'readUntil()': (reader) => reader.readUntil(';'),
    'readLine()': (reader) => reader.readLine(),
    'readAll()': (reader) => reader.readAll(),
    'lines()': (reader) => collect(reader.lines()),
    'a loop over chunks': (reader) => collect(reader),
  };

  it.each(Object.keys(reads))('rejects a %s that waits', async (name) => {
    const reactor = openReactor();
    const { reader, far } = streaming(reactor, {}, tcpPair);
    await play(reactor, HOSTED, async () => {
      const waiting = errorOf((reads[name] ?? reads['read()'])?.(reader) ?? Promise.resolve());
      await later(reactor, 1);
      reset(far);
      expect(codeOf(await waiting)).toBe('ECONNRESET');
      expect(reader.atEnd).toBe(false);
    });
  });
});

describe('a loop', () => {
  it('over the reader gets chunks to the end, and leaves the rest to whoever comes after it', async () => {
    const reactor = openReactor();
    const { reader, far } = streaming(reactor);
    await play(reactor, HOSTED, async () => {
      far.send(Buffer.from('one'));
      for await (const chunk of reader) {
        expect(String(chunk)).toBe('one');
        far.send(Buffer.from('two'));
        break;
      }
      far.shutdown('write');
      expect((await collect(reader)).map(String)).toEqual(['two']);
    });
  });

  it('over the reader is refused a step while another read waits, which goes on', async () => {
    const reactor = openReactor();
    const { reader, far } = streaming(reactor);
    await play(reactor, HOSTED, async () => {
      const chunks = reader[Symbol.asyncIterator]();
      const first = chunks.next();
      await expect(chunks.next()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
      far.send(Buffer.from('one'));
      expect(await first).toEqual({ value: Buffer.from('one'), done: false });
      far.shutdown('write');
      expect(await chunks.next()).toEqual({ value: undefined, done: true });
      expect(await chunks.next()).toEqual({ value: undefined, done: true });
    });
  });

  it('over the reader ends with the error of the connection, after what came before it', async () => {
    const reactor = openReactor();
    const { reader, writer, far } = streaming(reactor);
    await play(reactor, HOSTED, async () => {
      const heard: string[] = [];
      far.send(Buffer.from('one'));
      await expect(async () => {
        for await (const chunk of reader) {
          heard.push(String(chunk));
          writer.transport.abort(new Error('given up'));
        }
      }).rejects.toThrow('given up');
      expect(heard).toEqual(['one']);
    });
  });

  it('over lines() gets lines to the end, the last as it is', async () => {
    const reactor = openReactor();
    const { reader, far } = streaming(reactor);
    await play(reactor, HOSTED, async () => {
      far.send(Buffer.from('one\ntwo\r\n\nthr'));
      for await (const line of reader.lines()) {
        expect(line).toBe('one');
        break;
      }
      far.send(Buffer.from('ee'));
      far.shutdown('write');
      expect(await collect(reader.lines())).toEqual(['two', '', 'three']);
    });
  });
});

it('pauses again where a read that waited for much is cancelled', async () => {
  const reactor = openReactor();
  const { reader, writer, far } = streaming(reactor, { limit: LIMIT });
  await play(reactor, HOSTED, async () => {
    const reading = reader.readExactly(100_000_000);
    const sending = reactor.sockSendAll(far, Buffer.alloc(50_000_000, '0123456789'));
    while (writer.transport.bytesRead < 200_000) await later(reactor, 1);
    // No pause was in force for it; now there is one, at once.
    reading.cancel();
    const { bytesRead } = writer.transport;
    await later(reactor, 20);
    expect(writer.transport.bytesRead).toBe(bytesRead);
    expect(reader.peek().length).toBe(bytesRead);
    expect((await reader.readExactly(bytesRead + 10)).subarray(-10).toString()).toMatch(/^\d{10}$/);
    sending.cancel();
  });
});

it('can be given up in time, and read on', async () => {
  const reactor = openReactor();
  const { reader, far } = streaming(reactor);
  await play(reactor, HOSTED, async () => {
    far.send(Buffer.from('abc'));
    expect((await errorOf(waitFor(reader.readExactly(6), 5)))['code']).toBe('ERR_TIMEOUT');
    far.send(Buffer.from('def'));
    expect(String(await reader.readExactly(6))).toBe('abcdef');
  });
});

it('is at its end after close(), behind what had come', async () => {
  const reactor = openReactor();
  const { reader, writer, far } = streaming(reactor);
  await play(reactor, HOSTED, async () => {
    far.send(Buffer.from('abc'));
    await later(reactor, 5);
    const closed = writer.close();
    expect(String(await reader.read())).toBe('abc');
    const waiting = reader.read();
    expect(stateOf(waiting)).toBe('pending');
    await closed;
    expect([await waiting, reader.atEnd]).toEqual([null, true]);
  });
});

it('ends with ECANCELED when the socket or the reactor is closed by somebody', async () => {
  const reactor = openReactor();
  const { reader, writer } = streaming(reactor);
  const other = streaming(reactor);
  const waiting = [reader.read(), other.reader.readLine()];
  await play(reactor, HOSTED, async () => {
    writer.transport.socket.close();
    expect(codeOf(await errorOf(waiting[0] ?? Promise.resolve()))).toBe('ECANCELED');
  });
  reactor.close();
  expect(stateOf(waiting[1] as never)).toBe('ECANCELED');
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
