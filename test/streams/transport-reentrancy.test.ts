/** Callbacks that call the connection they are told of: each call, in each of them. */
import { randomBytes } from 'node:crypto';
import type { Reactor } from 'iomux';
import type { Transport } from 'iomux/streams';
import { describe, expect, it } from 'vitest';
import { SocketTransport } from '../../lib/streams/socket-transport.js';
import { send } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { play, runFor } from '../support/running.js';
import { tcpPair } from '../support/sockets.js';
import { codeOf, connected, type Ends, fill, receiveAll } from '../support/transport-peers.js';
import { type Hooks, LendingRecorder, Recorder } from '../support/transport-recorder.js';

const reason = new Error('the reason');

/** What ends a connection, and what it is lost with. */
const ENDINGS: Readonly<Record<string, [end: (transport: Transport) => void, error: string]>> = {
  'close()': [(transport) => transport.close(), 'null'],
  'abort()': [(transport) => transport.abort(), 'null'],
  'abort(error)': [(transport) => transport.abort(reason), 'no SystemError but Error: the reason'],
  'socket.close()': [(transport) => transport.socket.close(), 'ECANCELED'],
};

/** Each callback in which that is done, and how it comes about. */
const CALLBACKS: Readonly<
  Record<
    string,
    (act: (transport: Transport) => void) => [protocol: Recorder, begin: (ends: Ends<Recorder>) => void]
  >
> = {
  connectionMade: (act) => [new Recorder({ connectionMade: act }), () => {}],
  dataReceived: (act) => [
    new Recorder({ dataReceived: (_, transport) => act(transport) }),
    ({ far }) => send(far, 'data'),
  ],
  bufferUpdated: (act) => [
    new LendingRecorder(2, (_, transport) => act(transport)),
    ({ far }) => send(far, 'data'),
  ],
  getBuffer: (act) => {
    class Acting extends LendingRecorder {
      override getBuffer(sizeHint: number): Uint8Array {
        act(this.transport);
        return super.getBuffer(sizeHint);
      }
    }
    return [new Acting(2), ({ far }) => send(far, 'data')];
  },
  eofReceived: (act) => {
    const hooks: Hooks = {
      eofReceived(transport) {
        act(transport);
        return true;
      },
    };
    return [new Recorder(hooks), ({ far }) => far.shutdown('write')];
  },
  pauseWriting: (act) => [
    new Recorder({ pauseWriting: act }),
    ({ transport }) => void transport.write(Buffer.alloc(1_000_000)),
  ],
  resumeWriting: (act) => [
    new Recorder({ resumeWriting: act }),
    ({ transport }) => void transport.write(Buffer.alloc(1_000_000)),
  ],
};

const inEach = Object.keys(CALLBACKS).flatMap((callback) =>
  Object.keys(ENDINGS).map((ending) => [ending, callback] as const),
);

describeReactors((setting, open) => {
  /** Reads what there is, so that what is buffered goes; an error of the peer's is not what this is about. */
  async function readAway(reactor: Reactor, { far }: Ends<Recorder>): Promise<void> {
    await receiveAll(reactor, far).catch(() => {});
  }

  describe('a connection is ended', () => {
    it.each(inEach)('by %s in %s, and hears of nothing but its loss', async (ending, callback) => {
      const reactor = open();
      const [end, expected] = ENDINGS[ending] ?? [];
      let inside: string[] | null = null;
      let times = 0;
      const [protocol, begin] = CALLBACKS[callback]?.((transport) => {
        times++;
        end?.(transport);
        inside = [...protocol.events];
      }) ?? [new Recorder(), () => {}];
      const ends = connected(reactor, protocol);
      begin(ends);
      const error = await play(reactor, setting, async () => {
        void readAway(reactor, ends);
        return protocol.lost();
      });
      await runFor(reactor, setting, 2);
      expect(codeOf(error)).toBe(expected);
      expect(times).toBe(1);
      // In the callback nothing was told yet, and afterwards nothing but the loss, and that close() flushes.
      const after = protocol.events.slice((inside ?? []).length);
      const [last, ...others] = [...after].reverse();
      expect(last).toBe('lost');
      expect(others.filter((event) => event !== 'resume')).toEqual([]);
      expect(ends.transport.socket.closed).toBe(true);
    });

    it.each(Object.entries(ENDINGS))('by %s in connectionLost, which changes nothing', async (_, [end]) => {
      const reactor = open();
      const refused: string[] = [];
      const protocol = new Recorder({
        connectionLost(_error, transport) {
          end(transport);
          refused.push(
            refusal(() => transport.write('x')),
            refusal(() => transport.writev([])),
          );
          for (const call of ['pauseReading', 'resumeReading', 'writeEof'] as const) {
            refused.push(refusal(() => transport[call]()));
          }
          transport.flush().addDoneCallback(() => {});
          transport.setProtocol(new Recorder());
        },
      });
      const { far } = connected(reactor, protocol);
      far.close();
      expect(await play(reactor, setting, () => protocol.lost())).toBe(null);
      await runFor(reactor, setting, 5);
      expect(protocol.errors).toEqual([null]);
      const closed = 'StateError ERR_CLOSED';
      expect(refused).toEqual([closed, closed, 'nothing', 'nothing', 'nothing']);
    });

    it('by abort() in resumeWriting, with somebody who waits for the flush', async () => {
      const reactor = open();
      const protocol = new Recorder({ resumeWriting: (transport) => transport.abort(reason) });
      const { transport, far } = connected(reactor, protocol);
      transport.setWriteBufferLimits(500_000, 400_000);
      transport.write(Buffer.alloc(2_000_000));
      const flushed = transport.flush();
      await play(reactor, setting, async () => {
        void receiveAll(reactor, far).catch(() => {});
        await protocol.lost();
      });
      expect(protocol.errors).toEqual([reason]);
      expect(flushed.exception()).toBe(reason);
      expect(transport.writeBufferSize).toBe(0);
    });

    it.each([
      ['close', (transport: Transport) => transport.close()],
      ['abort', (transport: Transport) => transport.abort()],
    ])('by %s() in resumeWriting when all is sent, with a flush that is fulfilled', async (_, end) => {
      const reactor = open();
      const protocol = new Recorder({ resumeWriting: end });
      const { transport, far } = connected(reactor, protocol);
      transport.setWriteBufferLimits(0);
      const written = fill(transport);
      const flushed = transport.flush();
      const received = await play(reactor, setting, () => receiveAll(reactor, far));
      expect(received.length).toBe(written);
      expect(await play(reactor, setting, () => protocol.lost())).toBe(null);
      expect(flushed.done()).toBe(true);
      expect(flushed.result()).toBeUndefined();
    });

    it('by its peer, which is ended in the same callback', async () => {
      const reactor = open();
      const [one, other] = tcpPair();
      const far = new Recorder();
      const near = new Recorder({
        dataReceived() {
          far.transport.abort();
          near.transport.abort();
        },
      });
      SocketTransport.start(reactor, one, near);
      SocketTransport.start(reactor, other, far).write('x');
      await play(reactor, setting, () => Promise.all([near.lost(), far.lost()]));
      expect(near.events).toEqual(['made', 'data', 'lost']);
      expect(far.events).toEqual(['made', 'lost']);
    });

    it('by another that is served in the same batch: what was found for it is not delivered', async () => {
      const reactor = open();
      const all: Ends<Recorder>[] = [];
      const hooks: Hooks = {
        dataReceived(_, transport) {
          for (const other of all) if (other.transport !== transport) other.transport.abort();
        },
      };
      for (let index = 0; index < 3; index++) all.push(connected(reactor, new Recorder(hooks)));
      for (const { far } of all) send(far);
      await runFor(reactor, setting, 5);
      expect(all.filter(({ protocol }) => protocol.count('data') > 0)).toHaveLength(1);
      expect(all.filter(({ protocol }) => protocol.count('lost') > 0)).toHaveLength(2);
    });
  });

  describe('a write', () => {
    it('in connectionMade is the first that the peer gets', async () => {
      const reactor = open();
      const data = randomBytes(600_000);
      const { transport, far } = connected(
        reactor,
        new Recorder({ connectionMade: (made) => void made.write(data) }),
      );
      transport.write('and this');
      const received = await play(reactor, setting, () => receiveAll(reactor, far, data.length + 8));
      expect(received.equals(Buffer.concat([data, Buffer.from('and this')]))).toBe(true);
    });

    it('in dataReceived goes out in order', async () => {
      const reactor = open();
      const protocol = new LendingRecorder(3, (length, transport) => {
        transport.write(Buffer.from(protocol.buffer.subarray(0, length)));
        transport.writev([Buffer.from('|')]);
      });
      const { far } = connected(reactor, protocol);
      send(far, 'abcdefgh');
      const received = await play(reactor, setting, () => receiveAll(reactor, far, 11));
      expect(received.toString()).toBe('abc|def|gh|');
    });

    it('in eofReceived is sent before the connection closes', async () => {
      const reactor = open();
      const data = randomBytes(1_000_000);
      const protocol = new Recorder({
        eofReceived(transport) {
          transport.write(data);
          return false;
        },
      });
      const { far } = connected(reactor, protocol);
      far.shutdown('write');
      const received = await play(reactor, setting, () => receiveAll(reactor, far));
      expect(received.equals(data)).toBe(true);
      expect(await play(reactor, setting, () => protocol.lost())).toBe(null);
    });

    it('in pauseWriting is buffered, in order, and pauses no more', async () => {
      const reactor = open();
      const protocol = new Recorder({ pauseWriting: (transport) => void transport.write('second') });
      const { transport, far } = connected(reactor, protocol);
      const first = randomBytes(1_000_000);
      expect(transport.write(first)).toBe(false);
      transport.write('third');
      expect(protocol.count('pause')).toBe(1);
      const received = await play(reactor, setting, () => receiveAll(reactor, far, first.length + 11));
      expect(received.equals(Buffer.concat([first, Buffer.from('secondthird')]))).toBe(true);
    });

    it('in resumeWriting that is too much pauses again', async () => {
      const reactor = open();
      const protocol = new Recorder({
        resumeWriting(transport) {
          if (protocol.count('resume') < 4) expect(transport.write(Buffer.alloc(1_000_000))).toBe(false);
          else transport.close();
        },
      });
      const { transport, far } = connected(reactor, protocol);
      transport.write(Buffer.alloc(1_000_000));
      const received = await play(reactor, setting, () => receiveAll(reactor, far));
      expect(received.length).toBe(4_000_000);
      await play(reactor, setting, () => protocol.lost());
      const expected = [...Array(4).fill(['pause', 'resume']).flat(), 'lost'];
      expect(protocol.events.slice(1)).toEqual(expected);
    });

    it('to another connection, whose peer is this one, goes to and fro', async () => {
      const reactor = open();
      const [one, other] = tcpPair();
      const answer: Hooks = {
        dataReceived(data, transport) {
          const number = Number(data.toString()) + 1;
          if (number > 200) transport.close();
          else transport.write(String(number));
        },
      };
      const [near, far] = [new Recorder(answer), new Recorder(answer)];
      SocketTransport.start(reactor, one, near).write('1');
      SocketTransport.start(reactor, other, far);
      await play(reactor, setting, () => Promise.all([near.lost(), far.lost()]));
      expect(near.count('data') + far.count('data')).toBe(200);
      expect([...near.errors, ...far.errors]).toEqual([null, null]);
    });
  });

  describe('the marks', () => {
    it('may be set in pauseWriting and resumeWriting', async () => {
      const reactor = open();
      const protocol = new Recorder({
        pauseWriting: (transport) => transport.setWriteBufferLimits(100_000, 50_000),
        resumeWriting: (transport) => transport.setWriteBufferLimits(0),
      });
      const { transport, far } = connected(reactor, protocol);
      transport.write(Buffer.alloc(1_000_000));
      await play(reactor, setting, () => receiveAll(reactor, far, 1_000_000));
      await runFor(reactor, setting, 2);
      const pauses = protocol.count('pause');
      expect(protocol.count('resume')).toBe(pauses);
      expect(pauses).toBeLessThanOrEqual(2);
    });
  });

  describe('a new connection', () => {
    it('begins in a callback of another, and is served', async () => {
      const reactor = open();
      const inner = new Recorder();
      const outer = new Recorder({
        dataReceived() {
          if (outer.count('data') > 1) return;
          const { far } = connected(reactor, inner);
          send(far, 'inner');
        },
        connectionLost() {
          const { far } = connected(reactor, last);
          far.close();
        },
      });
      const last = new Recorder();
      const { transport, far } = connected(reactor, outer);
      send(far, 'outer');
      await play(reactor, setting, () => inner.untilReceived(5));
      transport.close();
      expect(await play(reactor, setting, () => last.lost())).toBe(null);
      expect(inner.events).toEqual(['made', 'data']);
    });

    it('that is aborted in connectionMade of a full batch leaves the others alone', async () => {
      const reactor = open();
      const others = Array.from({ length: 5 }, (_, index) =>
        connected(
          reactor,
          new Recorder({ connectionMade: (transport) => index % 2 === 0 && transport.abort() }),
        ),
      );
      for (const { far } of others) far.send(Buffer.from('x'));
      await runFor(reactor, setting, 5);
      expect(others.map(({ protocol }) => protocol.events.join(' '))).toEqual(
        others.map((_, index) => (index % 2 === 0 ? 'made lost' : 'made data')),
      );
    });
  });

  it('a flush that is done in the middle of a batch finds the connection open', async () => {
    const reactor = open();
    const { transport, far } = connected(reactor, new Recorder());
    const written = fill(transport);
    let more = false;
    transport.flush().addDoneCallback(() => {
      more = transport.write('more');
    });
    const received = await play(reactor, setting, () => receiveAll(reactor, far, written + 4));
    expect(received.toString('utf8', written)).toBe('more');
    expect(more).toBe(true);
  });
});
