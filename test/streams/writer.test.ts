/** A writer: when drain() waits, how a connection is closed, and what a writer learns of its end. */
import type { Future, Reactor } from 'iomux';
import type { Connection } from 'iomux/streams';
import { value } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { collected } from '../support/garbage.js';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { play } from '../support/running.js';
import { tcpPair } from '../support/sockets.js';
import { later, type StreamEnds, stateOf, streaming, twoStreams } from '../support/stream-ends.js';
import { HOSTED, openReactor, playTask, type Reported, thrownAt } from '../support/task-scenes.js';
import { codeOf, errorOf, fill, narrow, receiveAll, receiveNow, reset } from '../support/transport-peers.js';

/** A writer above its high-water mark. */
function fullStream(reactor: Reactor): StreamEnds & { written: number } {
  const ends = streaming(reactor, {}, () => narrow(tcpPair()));
  const { transport } = ends.writer;
  let written = fill(transport);
  while (transport.write(Buffer.alloc(65_536, '.'))) written += 65_536;
  return { ...ends, written: written + 65_536 };
}

/** What ends a connection, as a reader or a writer hears of it. */
const LOST = /^(ECONNRESET|EPIPE)$/;

describeReactors((setting, open) => {
  it('moves more than fits anywhere from a writer that waits to a reader that is slow', async () => {
    const reactor = open();
    const [near, far] = twoStreams(reactor, { limit: 1000 }, () => narrow(tcpPair()));
    const chunk = Buffer.alloc(10_000, '0123456789');
    await playTask(reactor, setting, function* () {
      let most = 0;
      let length = 0;
      let waited = 0;
      for (let count = 0; count < 100; count++) {
        near.writer.write(chunk);
        most = Math.max(most, near.writer.transport.writeBufferSize);
        const draining = near.writer.drain();
        if (!draining.done()) {
          waited++;
          // Nobody else empties it.
          while (!draining.done()) length += (yield* value(far.reader.read()))?.length ?? 0;
        }
        yield draining;
      }
      const closed = near.writer.close();
      length += ((yield far.reader.readAll()) as Buffer).length;
      yield closed;
      yield far.writer.close();
      expect(length).toBe(1_000_000);
      expect(most).toBeLessThanOrEqual(65_536 + chunk.length);
      expect(waited).toBeGreaterThan(0);
    });
  });

  it('ends a loop that writes to a closed peer with an error', async () => {
    const reactor = open();
    const { writer, far } = streaming(reactor, {}, tcpPair);
    await playTask(reactor, setting, function* () {
      far.close();
      const error = yield* thrownAt(() => reactorTask(reactor, writer));
      expect(codeOf(error)).toMatch(LOST);
      expect(refusal(() => writer.write('.'))).toBe('StateError ERR_CLOSED');
    });
  });

  it('closes when all is sent, and says so when the connection is gone', async () => {
    const reactor = open();
    const { writer, far, written } = fullStream(reactor);
    await play(reactor, setting, async () => {
      const closing = [writer.close(), writer.close()];
      expect(refusal(() => writer.write('.'))).toBe('StateError ERR_CLOSED');
      await later(reactor, 10);
      expect(closing.map(stateOf)).toEqual(['pending', 'pending']);
      expect((await receiveAll(reactor, far)).length).toBe(written);
      await Promise.all(closing);
      expect(writer.transport.socket.closed).toBe(true);
      await writer.close();
    });
  });
});

/** Writes as a program does: each time waiting for room. */
function reactorTask(reactor: Reactor, writer: Connection['writer']): PromiseLike<void> {
  const ended = reactor.createFuture<void>();
  const write = (left: number) => {
    try {
      writer.write('x'.repeat(100));
    } catch (error) {
      ended.setException(error);
      return;
    }
    const draining = writer.drain();
    draining.addDoneCallback(() => {
      const error = draining.exception();
      if (error !== null || left === 0) ended.setException(error ?? new Error('it spins'));
      else write(left - 1);
    });
  };
  write(10_000);
  return ended;
}

describe('drain()', () => {
  it('is done at once below the high-water mark', () => {
    const { writer } = streaming(openReactor());
    expect(stateOf(writer.drain())).toBeUndefined();
    writer.write('abc');
    expect(stateOf(writer.drain())).toBeUndefined();
  });

  it('lets any number wait until the low-water mark, and forgets whoever is cancelled', async () => {
    const reactor = openReactor();
    const { writer, far } = fullStream(reactor);
    await play(reactor, HOSTED, async () => {
      const draining = [writer.drain(), writer.drain(), writer.drain()];
      expect(draining[1]?.cancel()).toBe(true);
      expect(draining.map(stateOf)).toEqual(['pending', 'cancelled', 'pending']);
      while (!draining[0]?.done()) {
        expect(writer.transport.writeBufferSize).toBeGreaterThan(16_384);
        receiveNow(far);
        await later(reactor, 1);
      }
      expect(draining.map(stateOf)).toEqual([undefined, 'cancelled', undefined]);
      expect(writer.transport.writeBufferSize).toBeLessThanOrEqual(16_384);
      expect(stateOf(writer.drain())).toBeUndefined();
    });
  });

  it('rejects all that wait when the connection is lost, and whoever comes later', async () => {
    const reactor = openReactor();
    const { writer, far } = fullStream(reactor);
    await play(reactor, HOSTED, async () => {
      const errors = [writer.drain(), writer.drain(), writer.close(), writer.close()].map(errorOf);
      reset(far);
      for (const error of await Promise.all(errors)) expect(codeOf(error)).toMatch(LOST);
      expect(codeOf(await errorOf(writer.drain()))).toMatch(LOST);
      expect(codeOf(await errorOf(writer.close()))).toMatch(LOST);
    });
  });

  it('rejects after an abort that dropped what was to be sent', async () => {
    const reactor = openReactor();
    const { writer } = fullStream(reactor);
    await play(reactor, HOSTED, async () => {
      const error = errorOf(writer.drain());
      writer.abort();
      writer.abort();
      expect(await error).toMatchObject({ name: 'StateError', code: 'ERR_CLOSED' });
      expect(await errorOf(writer.drain())).toMatchObject({ code: 'ERR_CLOSED' });
      // It was closed by our own will.
      await writer.close();
    });
  });

  it('waits for the end of a connection that closes, and rejects when that was before', async () => {
    const reactor = openReactor();
    const { writer, far } = streaming(reactor);
    await play(reactor, HOSTED, async () => {
      writer.write('abc');
      const closed = writer.close();
      await writer.drain();
      await closed;
      expect(await errorOf(writer.drain())).toMatchObject({ name: 'StateError', code: 'ERR_CLOSED' });
      expect(String(receiveNow(far))).toBe('abc');
    });
  });
});

describe('close()', () => {
  it('resolves however often and late it is asked for; cancelling one changes nothing', async () => {
    const reactor = openReactor();
    const { writer, far } = streaming(reactor);
    await play(reactor, HOSTED, async () => {
      const [first, second] = [writer.close(), writer.close()];
      expect(first.cancel()).toBe(true);
      await second;
      await writer.close();
      await writer[Symbol.asyncDispose]();
      expect(far.recv(Buffer.alloc(1))).toBe(0);
    });
  });

  it('with data that nobody read resolves as well', async () => {
    const reactor = openReactor();
    const { reader, writer, far } = streaming(reactor, { limit: 10 });
    await play(reactor, HOSTED, async () => {
      far.send(Buffer.alloc(50_000));
      await later(reactor, 5);
      await writer.close();
      expect((await reader.readAll()).length).toBe(50_000);
    });
  });

  it('rejects where somebody else drops what was written, however late it is asked for', async () => {
    const reactor = openReactor();
    const { writer } = fullStream(reactor);
    await play(reactor, HOSTED, async () => {
      const errors = [writer.close(), writer.close()].map(errorOf);
      writer.transport.abort();
      for (const error of await Promise.all(errors)) {
        expect(error).toMatchObject({ name: 'StateError', code: 'ERR_CLOSED' });
      }
      expect(await errorOf(writer.close())).toMatchObject({ name: 'StateError', code: 'ERR_CLOSED' });
    });
  });

  it('resolves where somebody else aborts a connection that has nothing to send', async () => {
    const reactor = openReactor();
    const { writer, far } = streaming(reactor);
    await play(reactor, HOSTED, async () => {
      writer.write('abc');
      writer.transport.abort();
      await writer.close();
      await writer.close();
      expect(String(receiveNow(far))).toBe('abc');
    });
  });

  it('resolves after an abort of its own, which dropped what was written', async () => {
    const reactor = openReactor();
    const { writer } = fullStream(reactor);
    await play(reactor, HOSTED, async () => {
      const closing = [writer.close(), writer.close()];
      writer.abort();
      await Promise.all(closing);
      await writer.close();
      expect(writer.transport.socket.closed).toBe(true);
    });
  });

  it('that nobody waits for reports no error', async () => {
    const reported: Reported[] = [];
    const reactor = openReactor(reported);
    await play(reactor, HOSTED, async () => {
      const { reader, writer, far } = fullStream(reactor);
      writer.close();
      reset(far);
      await errorOf(reader.read());
      const forgotten = [writer.close(), writer.drain()].map((future) => new WeakRef(future));
      await collected(() => forgotten.every((future) => future.deref() === undefined));
    });
    expect(reported).toEqual([]);
  });

  it('as disposal closes the connection', async () => {
    const reactor = openReactor();
    const { writer, far } = streaming(reactor);
    await play(reactor, HOSTED, async () => {
      {
        await using closing = writer;
        closing.write('bye');
      }
      expect(writer.transport.socket.closed).toBe(true);
      expect(String(await receiveAll(reactor, far))).toBe('bye');
    });
  });
});

describe('what it passes on', () => {
  it('is written in order: text, bytes, chunks', () => {
    const { writer, far } = streaming(openReactor());
    expect(writer.write('ä')).toBe(true);
    expect(writer.writev([Buffer.from('b'), Buffer.from('c')])).toBe(true);
    expect(writer.write(Buffer.from('d'))).toBe(true);
    expect(String(receiveNow(far))).toBe('äbcd');
  });

  it('says when it is time to drain', async () => {
    const reactor = openReactor();
    const { writer, far } = fullStream(reactor);
    expect(writer.write('.')).toBe(false);
    await play(reactor, HOSTED, async () => {
      const flushed: Future<void> = writer.flush();
      expect(stateOf(flushed)).toBe('pending');
      while (!flushed.done()) {
        receiveNow(far);
        await later(reactor, 1);
      }
      expect(writer.transport.writeBufferSize).toBe(0);
      expect(writer.write('.')).toBe(true);
    });
  });

  it('is an end for the peer after writeEof(), after which nothing can be written but all be read', async () => {
    const reactor = openReactor();
    const { reader, writer, far } = streaming(reactor);
    await play(reactor, HOSTED, async () => {
      writer.write('question');
      writer.writeEof();
      writer.writeEof();
      expect(String(await receiveAll(reactor, far))).toBe('question');
      expect(refusal(() => writer.write('.'))).toBe('StateError ERR_CLOSED');
      far.send(Buffer.from('answer'));
      expect(String(await reader.read())).toBe('answer');
    });
  });

  it.each([undefined, null, 1, {}, [1]])('is refused where it is %s', (data) => {
    const { writer, far } = streaming(openReactor());
    expect(refusal(() => writer.write(data as never))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    expect(refusal(() => writer.writev([Buffer.from('a'), data] as never))).toBe(
      'TypeError ERR_INVALID_ARG_TYPE',
    );
    expect(receiveNow(far).length).toBe(0);
  });
});
