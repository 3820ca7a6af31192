/** Callbacks that throw, peers that reset or are gone: the connection is lost once, with the right error. */
import { closeSync } from 'node:fs';
import { type ErrorContext, EVENT_WRITE, Socket, StateError, SystemError } from 'iomux';
import type { Protocol, Transport } from 'iomux/streams';
import { describe, expect, it } from 'vitest';
import { native } from '../../lib/native/load.js';
import { send } from '../support/pairs.js';
import { describeReactors, type Setting } from '../support/reactors.js';
import { untilReadable } from '../support/readiness.js';
import { refusal } from '../support/refusals.js';
import { play, runFor } from '../support/running.js';
import {
  codeOf,
  connected,
  connectedByTcp,
  type Ends,
  fill,
  receiveAll,
  reset,
} from '../support/transport-peers.js';
import { LendingRecorder, Recorder } from '../support/transport-recorder.js';

const MOMENT = 20;
/** What the kernel says of a peer that has reset the connection, or is gone. */
const GONE = /^(ECONNRESET|EPIPE)$/;

interface Reported {
  readonly error: unknown;
  readonly context: ErrorContext;
}

const thrown = new Error('thrown in a callback');
const fail = (): never => {
  throw thrown;
};

/** Each callback without which a connection cannot go on, thrown in; what brings it about. */
const FATAL: Readonly<Record<string, () => [Recorder, begin: (ends: Ends<Recorder>) => void]>> = {
  connectionMade: () => [new Recorder({ connectionMade: fail }), () => {}],
  dataReceived: () => [new Recorder({ dataReceived: fail }), ({ far }) => send(far, 'data')],
  eofReceived: () => [new Recorder({ eofReceived: fail }), ({ far }) => far.shutdown('write')],
  getBuffer: () => [
    Object.defineProperty(new LendingRecorder(), 'getBuffer', { value: fail }),
    ({ far }) => send(far, 'data'),
  ],
  bufferUpdated: () => [new LendingRecorder(16, fail), ({ far }) => send(far, 'data')],
};

/** What no buffer is that can be received into. */
const NO_BUFFERS: Readonly<Record<string, () => unknown>> = {
  'an empty buffer': () => Buffer.alloc(0),
  undefined: () => undefined,
  null: () => null,
  'a string': () => 'buffer',
  'an ArrayBuffer': () => new ArrayBuffer(16),
  'a Uint16Array': () => new Uint16Array(16),
  'a DataView': () => new DataView(new ArrayBuffer(16)),
  'shared memory': () => new Uint8Array(new SharedArrayBuffer(16)),
  'a promise of one': () => Promise.resolve(Buffer.alloc(16)),
  'one that was moved away': () => {
    const buffer = new Uint8Array(16);
    structuredClone(buffer.buffer, { transfer: [buffer.buffer] });
    return buffer;
  },
};

describeReactors((setting, open) => {
  function reporting(): { reactor: ReturnType<typeof open>; reported: Reported[] } {
    const reported: Reported[] = [];
    const reactor = open({ onError: (error, context) => reported.push({ error, context }) });
    return { reactor, reported };
  }

  /** The connection is lost, and in a moment nothing else is told. */
  async function lost(
    reactor: ReturnType<typeof open>,
    { protocol, transport }: Ends<Recorder>,
  ): Promise<Error | null> {
    const error = await play(reactor, setting, () => protocol.lost());
    await runFor(reactor, setting, 5);
    expect(protocol.errors).toEqual([error]);
    expect(protocol.events.at(-1)).toBe('lost');
    expect(transport.socket.closed).toBe(true);
    expect(transport.closing).toBe(true);
    expect(refusal(() => transport.write('x'))).toBe('StateError ERR_CLOSED');
    expect(reactor.selector.getMap().size).toBe(0);
    return error;
  }

  describe('an exception', () => {
    it.each(Object.entries(FATAL))(
      'of %s is reported, and ends the connection with it',
      async (callback, make) => {
        const { reactor, reported } = reporting();
        const [protocol, begin] = make();
        const ends = connected(reactor, protocol);
        begin(ends);
        expect(await lost(reactor, ends)).toBe(thrown);
        expect(reported).toHaveLength(1);
        expect(reported[0]?.error).toBe(thrown);
        expect(reported[0]?.context.source).toBe('transport');
        expect(reported[0]?.context.message).toContain(callback);
        expect(typeof reported[0]?.context.fd).toBe('number');
      },
    );

    it.each(Object.entries(FATAL))('of %s drops what was not sent', async (_, make) => {
      const { reactor } = reporting();
      const [protocol, begin] = make();
      const ends = connected(reactor, protocol);
      if (ends.transport.closing) expect(refusal(() => fill(ends.transport))).toBe('StateError ERR_CLOSED');
      else fill(ends.transport);
      begin(ends);
      expect(await lost(reactor, ends)).toBe(thrown);
      expect(ends.transport.writeBufferSize).toBe(0);
    });

    it('of dataReceived leaves the other connections alone', async () => {
      const { reactor } = reporting();
      const bad = connected(reactor, new Recorder({ dataReceived: fail }));
      const good = connected(reactor, new Recorder());
      for (const { far } of [bad, good, bad, good]) send(far, 'data');
      await play(reactor, setting, () => Promise.all([bad.protocol.lost(), good.protocol.untilReceived(8)]));
      expect(bad.protocol.count('data')).toBe(1);
      expect(good.transport.closing).toBe(false);
    });

    it.each(['a string', undefined, null, 0])('that is no Error (%j) ends it with one', async (value) => {
      const { reactor, reported } = reporting();
      const ends = connected(
        reactor,
        new Recorder({
          dataReceived() {
            throw value;
          },
        }),
      );
      send(ends.far);
      const error = await lost(reactor, ends);
      expect(error).toBeInstanceOf(Error);
      expect(error?.cause).toBe(value);
      expect(reported.map((report) => report.error)).toEqual([value]);
    });

    it('of pauseWriting is reported, and nothing else', async () => {
      const { reactor, reported } = reporting();
      const ends = connected(reactor, new Recorder({ pauseWriting: fail }));
      expect(ends.transport.write(Buffer.alloc(1_000_000))).toBe(false);
      expect(reported.map(({ error, context }) => [error, context.source])).toEqual([[thrown, 'transport']]);
      expect(ends.transport.closing).toBe(false);
      await play(reactor, setting, () => receiveAll(reactor, ends.far, 1_000_000));
      expect(ends.protocol.events).toEqual(['made', 'pause', 'resume']);
    });

    it('of pauseWriting does not come out of setWriteBufferLimits() either', () => {
      const { reactor, reported } = reporting();
      const { transport } = connected(reactor, new Recorder({ pauseWriting: fail }));
      transport.setWriteBufferLimits(10_000_000);
      fill(transport);
      transport.setWriteBufferLimits(0);
      expect(reported).toHaveLength(1);
    });

    it('of resumeWriting is reported, and nothing else', async () => {
      const { reactor, reported } = reporting();
      const ends = connected(reactor, new Recorder({ resumeWriting: fail }));
      ends.transport.write(Buffer.alloc(1_000_000));
      const flushed = ends.transport.flush();
      await play(reactor, setting, async () => {
        await receiveAll(reactor, ends.far, 1_000_000);
        await flushed;
      });
      expect(reported.map(({ error, context }) => [error, context.source])).toEqual([[thrown, 'transport']]);
      expect(ends.transport.closing).toBe(false);
      expect(ends.transport.bytesWritten).toBe(1_000_000);
    });

    it('of connectionLost is reported, and the socket closed', async () => {
      const { reactor, reported } = reporting();
      const ends = connected(reactor, new Recorder({ connectionLost: fail }));
      ends.transport.abort(new Error('the reason'));
      expect((await lost(reactor, ends))?.message).toBe('the reason');
      expect(reported.map(({ error, context }) => [error, context.source])).toEqual([[thrown, 'transport']]);
    });

    it('of two callbacks is reported twice, and the first is why it ended', async () => {
      const { reactor, reported } = reporting();
      const second = new Error('second');
      const ends = connected(
        reactor,
        new Recorder({
          dataReceived: fail,
          connectionLost() {
            throw second;
          },
        }),
      );
      send(ends.far);
      expect(await lost(reactor, ends)).toBe(thrown);
      expect(reported.map(({ error }) => error)).toEqual([thrown, second]);
    });

    it('after abort() in the same callback is reported, and does not change why it ended', async () => {
      const { reactor, reported } = reporting();
      const reason = new Error('the reason');
      const ends = connected(
        reactor,
        new Recorder({
          dataReceived(_, transport) {
            transport.abort(reason);
            fail();
          },
        }),
      );
      send(ends.far);
      expect(await lost(reactor, ends)).toBe(reason);
      expect(reported.map(({ error }) => error)).toEqual([thrown]);
    });
  });

  describe('getBuffer() that returns', () => {
    it.each(Object.entries(NO_BUFFERS))('%s ends the connection, and says why', async (_, lend) => {
      const { reactor, reported } = reporting();
      const protocol = Object.defineProperty(new LendingRecorder(), 'getBuffer', { value: lend });
      const ends = connected(reactor, protocol);
      send(ends.far, 'data');
      const error = await lost(reactor, ends);
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_INVALID_ARG_(TYPE|VALUE)$/) });
      expect(reported.map((report) => [report.error, report.context.source])).toEqual([[error, 'transport']]);
      expect(protocol.length).toBe(0);
    });
  });

  describe('a reset by the peer', () => {
    const untilReset = ({ transport }: Ends<Recorder>) => untilReadable(transport.socket);

    /** What comes before the reset, and what a connection hears of it, in its own words. */
    const STATES: Readonly<Record<string, (ends: Ends<Recorder>) => void>> = {
      idle: () => {},
      'with buffered writes': ({ transport }) => void fill(transport),
      'with buffered writes, paused': ({ transport }) => {
        transport.pauseReading();
        fill(transport);
      },
      'closing, with buffered writes': ({ transport }) => {
        fill(transport);
        transport.close();
      },
      'ended here': ({ transport }) => transport.writeEof(),
      'ended here, with buffered writes': ({ transport }) => {
        fill(transport);
        transport.writeEof();
      },
    };

    it.each(Object.entries(STATES))('ends a connection that is %s, once', async (_, bring) => {
      const reactor = open();
      const ends = connectedByTcp(reactor, new Recorder());
      bring(ends);
      await runFor(reactor, setting, 2);
      expect(ends.protocol.count('lost')).toBe(0);
      reset(ends.far);
      const error = await lost(reactor, ends);
      expect(codeOf(error)).toMatch(GONE);
      expect(error).toHaveProperty('syscall');
      expect(ends.protocol.count('eof')).toBe(0);
      expect(ends.transport.writeBufferSize).toBe(0);
    });

    it.each(Object.entries(STATES))('before the reactor ran ends it as well: %s', async (_, bring) => {
      const reactor = open();
      const ends = connectedByTcp(reactor, new Recorder());
      bring(ends);
      reset(ends.far);
      untilReset(ends);
      expect(codeOf(await lost(reactor, ends))).toMatch(GONE);
    });

    it('of a paused connection is told when it goes on', async () => {
      const reactor = open();
      const ends = connectedByTcp(reactor, new Recorder());
      ends.transport.pauseReading();
      reset(ends.far);
      untilReset(ends);
      await runFor(reactor, setting, MOMENT);
      expect(ends.protocol.count('lost')).toBeLessThanOrEqual(1);
      if (!ends.transport.closing) ends.transport.resumeReading();
      expect(codeOf(await lost(reactor, ends))).toBe('ECONNRESET');
    });

    it('is told by the next write of a connection that only writes', async () => {
      const reactor = open();
      const ends = connectedByTcp(reactor, new Recorder({ eofReceived: () => true }));
      ends.far.shutdown('write');
      await play(reactor, setting, () => ends.protocol.until(() => ends.protocol.count('eof') > 0));
      reset(ends.far);
      untilReset(ends);
      ends.transport.write('into nowhere');
      expect(codeOf(await lost(reactor, ends))).toMatch(GONE);
    });

    it('is told as one by writeEof(), too', async () => {
      const reactor = open();
      const ends = connectedByTcp(reactor, new Recorder());
      reset(ends.far);
      untilReset(ends);
      expect(refusal(() => ends.transport.writeEof())).toBe('nothing');
      expect(codeOf(await lost(reactor, ends))).toMatch(GONE);
    });

    it('of a connection that both ended is no error where it is closed', async () => {
      const reactor = open();
      const ends = connectedByTcp(reactor, new Recorder({ eofReceived: () => true }));
      ends.transport.writeEof();
      ends.far.shutdown('write');
      await play(reactor, setting, () => ends.protocol.until(() => ends.protocol.count('eof') > 0));
      reset(ends.far);
      await runFor(reactor, setting, MOMENT);
      ends.transport.close();
      expect(await lost(reactor, ends)).toBe(null);
    });

    it('delivers first what came before it, where that can still be read', async () => {
      const reactor = open();
      const ends = connectedByTcp(reactor, new Recorder());
      send(ends.far, 'an answer');
      reset(ends.far);
      untilReset(ends);
      expect(codeOf(await lost(reactor, ends))).toBe('ECONNRESET');
      expect(['an answer', '']).toContain(ends.protocol.received.toString());
    });

    it('that a write finds first delivers what came before it as well', async () => {
      const reactor = open();
      const ends = connected(reactor, new Recorder());
      send(ends.far, 'an answer');
      ends.far.close();
      ends.transport.write('a question too long');
      const error = await lost(reactor, ends);
      expect(ends.protocol.received.toString()).toBe('an answer');
      if (error !== null) expect(codeOf(error)).toMatch(GONE);
    });
  });

  describe('a write to a peer that is gone', () => {
    it('delivers all that came before, also what does not come in one piece', async () => {
      const reactor = open();
      const ends = connected(reactor, new Recorder());
      // A descriptor that goes with some bytes parts them from those that follow.
      for (const text of ['one', 'two', 'three'])
        ends.far.sendMessage(Buffer.from(text), { fds: [ends.far] });
      ends.far.shutdown('read');
      ends.transport.write('nobody reads this');
      expect(codeOf(await lost(reactor, ends))).toBe('EPIPE');
      expect(ends.protocol.received.toString()).toBe('onetwothree');
    });

    it.each([
      ['close', 'a view'],
      ['abort', 'a view'],
      ['close', 'its own buffer'],
      ['abort', 'its own buffer'],
    ] as const)('delivers nothing of that after %s(), called with %s', async (end, memory) => {
      const reactor = open();
      const stop = (_: unknown, transport: Transport) => transport[end]();
      const protocol =
        memory === 'a view' ? new Recorder({ dataReceived: stop }) : new LendingRecorder(4096, stop);
      const ends = connected(reactor, protocol);
      for (const text of ['one', 'two', 'three'])
        ends.far.sendMessage(Buffer.from(text), { fds: [ends.far] });
      ends.far.shutdown('read');
      ends.transport.write('nobody reads this');
      expect(codeOf(await lost(reactor, ends))).toBe('EPIPE');
      expect(ends.protocol.received.toString()).toBe('one');
      expect(ends.protocol.events).toEqual(['made', 'data', 'lost']);
    });

    it.each(['close', 'abort'] as const)('delivers nothing of that after %s() in getBuffer', async (end) => {
      const reactor = open();
      const protocol = new LendingRecorder();
      const lend = () => {
        protocol.transport[end]();
        return protocol.buffer;
      };
      const ends = connected(reactor, Object.defineProperty(protocol, 'getBuffer', { value: lend }));
      send(ends.far, 'an answer');
      ends.far.shutdown('read');
      ends.transport.write('nobody reads this');
      expect(codeOf(await lost(reactor, ends))).toBe('EPIPE');
      expect(ends.protocol.events).toEqual(['made', 'lost']);
    });

    it('delivers all that came before, however little is lent at a time', async () => {
      const reactor = open();
      const ends = connected(reactor, new LendingRecorder(512));
      const sent = Buffer.alloc(128_000, '0123456789');
      expect(ends.far.send(sent)).toBe(sent.length);
      ends.far.shutdown('read');
      ends.transport.write('nobody reads this');
      expect(codeOf(await lost(reactor, ends))).toBe('EPIPE');
      expect(ends.protocol.received.equals(sent)).toBe(true);
    });

    it('does not wait for the end of one that goes on sending', async () => {
      const reactor = open();
      const chunk = Buffer.alloc(65_536);
      let sent = 0;
      const ends = connected(
        reactor,
        new Recorder({
          dataReceived() {
            if (sent++ < 5_000) ends.far.send(chunk);
          },
        }),
      );
      ends.far.send(chunk);
      ends.far.send(chunk);
      ends.far.shutdown('read');
      ends.transport.write('nobody reads this');
      expect(codeOf(await lost(reactor, ends))).toBe('EPIPE');
      expect(sent).toBeLessThan(1_000);
    });

    it.each([
      ['write', (transport: Transport) => transport.write('x')],
      ['writev', (transport: Transport) => transport.writev([Buffer.from('x'), Buffer.from('y')])],
    ])('does not throw, but ends the connection with the error: %s()', async (_, call) => {
      const reactor = open();
      const ends = connectedByTcp(reactor, new Recorder());
      reset(ends.far);
      untilReadable(ends.transport.socket);
      call(ends.transport);
      expect(ends.protocol.events).toEqual(['made']);
      // Nobody was told yet: one who does not know is not punished for it.
      expect(refusal(() => ends.transport.write('y'))).toMatch(/^(nothing|StateError ERR_CLOSED)$/);
      expect(ends.transport.writeBufferSize).toBe(0);
      expect(codeOf(await lost(reactor, ends))).toMatch(GONE);
    });

    it('of a connection that is paused ends it', async () => {
      const reactor = open();
      const ends = connected(reactor, new Recorder());
      ends.transport.pauseReading();
      ends.far.close();
      ends.transport.write('x');
      const error = await lost(reactor, ends);
      expect(codeOf(error)).toBe('EPIPE');
      expect(error).toMatchObject({ syscall: expect.stringMatching(/^send/) });
    });

    it('fails in the middle of many, and the connection is lost once', async () => {
      const reactor = open();
      const ends = connectedByTcp(reactor, new Recorder());
      fill(ends.transport);
      const flushed = ends.transport.flush();
      reset(ends.far);
      ends.transport.writev(Array.from({ length: 5_000 }, () => Buffer.alloc(100)));
      const error = await lost(reactor, ends);
      expect(codeOf(error)).toMatch(GONE);
      expect(flushed.exception()).toBe(error);
    });

    it('that never reads, and closes with all of it unread, resets', async () => {
      const reactor = open();
      const ends = connectedByTcp(reactor, new Recorder());
      ends.transport.write('nobody reads this');
      untilReadable(ends.far);
      ends.far.close();
      expect(codeOf(await lost(reactor, ends))).toBe('ECONNRESET');
      expect(ends.protocol.events).toEqual(['made', 'lost']);
    });
  });

  describe('a write that has to wait where somebody else waits', () => {
    it.each([
      ['write', (transport: Transport) => transport.write(Buffer.alloc(8_000_000))],
      ['writev', (transport: Transport) => transport.writev([Buffer.alloc(8_000_000), Buffer.alloc(1)])],
    ])('throws nothing, and ends the connection: %s()', async (_, call) => {
      const reactor = open();
      const ends = connected(reactor, new Recorder());
      reactor.watch(ends.transport.socket, EVENT_WRITE, () => {});
      expect(refusal(() => call(ends.transport))).toBe('nothing');
      expect(ends.protocol.events).toEqual(['made']);
      expect(ends.transport.writeBufferSize).toBe(0);
      const error = await lost(reactor, ends);
      expect(error).toBeInstanceOf(StateError);
      expect(error).toMatchObject({ code: 'ERR_ALREADY_REGISTERED' });
    });
  });

  describe('a descriptor that is closed behind our back', () => {
    it.runIf(tells(setting))('ends the connection with EBADF, and no other', async () => {
      const { reactor, reported } = reporting();
      const ends = connected(reactor, new Recorder());
      const other = connected(reactor, new Recorder());
      reactor.callSoon(() => {
        const fd = ends.transport.socket.fileno();
        closeSync(fd);
        // The addon would close it once more at the end, and with it whatever has the number by then.
        native.descriptorDisown(fd);
      });
      const error = await play(reactor, setting, () => ends.protocol.lost());
      expect(codeOf(error)).toBe('EBADF');
      await runFor(reactor, setting, MOMENT);
      expect(ends.protocol.errors).toHaveLength(1);
      expect(ends.transport.socket.closed).toBe(true);
      send(other.far, 'alive');
      await play(reactor, setting, () => other.protocol.untilReceived(5));
      expect(reported.filter(({ error: cause }) => !(cause instanceof SystemError))).toEqual([]);
    });
  });

  it('a protocol whose callback is another each time is asked each time', async () => {
    const { reactor } = reporting();
    const seen: string[] = [];
    const protocol: Protocol = {
      dataReceived() {
        seen.push('first');
        protocol.dataReceived = () => {
          seen.push('second');
          reactor.stop();
        };
        send(far);
      },
    };
    const { far } = connected(reactor, protocol);
    send(far);
    await runFor(reactor, setting, MOMENT);
    expect(seen).toEqual(['first', 'second']);
  });

  it('a pair whose peer closes unread ends without an error, or with a reset', async () => {
    const reactor = open();
    const ends = connected(reactor, new Recorder(), () => Socket.pair());
    ends.transport.write('nobody reads this');
    ends.far.close();
    const error = await lost(reactor, ends);
    expect(codeOf(error)).toMatch(/^(ECONNRESET|null)$/);
  });
});

/** poll and select see that a descriptor is closed; epoll forgets it. */
function tells({ backend }: Setting): boolean {
  return backend === 'poll' || backend === 'select';
}
