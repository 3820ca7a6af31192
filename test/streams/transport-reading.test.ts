/** What a connection receives: held back, taken in turns, and into whose memory. */
import { randomBytes } from 'node:crypto';
import { Reactor } from 'iomux';
import type { Protocol, Transport } from 'iomux/streams';
import { describe, expect, it, vi } from 'vitest';
import { SLAB_SIZE, SMALL_PIECE } from '../../lib/streams/copies.js';
import { takeAway } from '../support/memory.js';
import { drain, send } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { isReadable } from '../support/readiness.js';
import { play, runFor, runToStop } from '../support/running.js';
import { connected, PAIRS } from '../support/transport-peers.js';
import { LendingRecorder, Recorder } from '../support/transport-recorder.js';

const MOMENT = 20;
const ONE_RECEIVE = 65_536;

describeReactors((setting, open) => {
  describe('pauseReading()', () => {
    it('in connectionMade holds from the first byte on', async () => {
      const reactor = open();
      const protocol = new Recorder({ connectionMade: (transport) => transport.pauseReading() });
      const { transport, far } = connected(reactor, protocol);
      send(far, 'waits');
      await runFor(reactor, setting, MOMENT);
      expect(protocol.events).toEqual(['made']);
      expect(transport.bytesRead).toBe(0);
      transport.resumeReading();
      await play(reactor, setting, () => protocol.untilReceived(5));
      expect(protocol.received.toString()).toBe('waits');
    });

    it('leaves what comes with the kernel, and costs nothing', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder());
      await runFor(reactor, setting, 1);
      transport.pauseReading();
      send(far, 'waits');
      const { waits } = reactor.selector.stats;
      await runFor(reactor, setting, MOMENT);
      expect(protocol.events).toEqual(['made']);
      expect(isReadable(transport.socket)).toBe(true);
      expect(reactor.selector.stats.waits - waits).toBeLessThan(100);
    });

    it('again, and resumeReading() again, do nothing more than once', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder());
      transport.resumeReading();
      transport.pauseReading();
      transport.pauseReading();
      send(far, 'a');
      await runFor(reactor, setting, MOMENT);
      expect(protocol.events).toEqual(['made']);
      // One is enough, however often it was paused.
      transport.resumeReading();
      transport.resumeReading();
      await play(reactor, setting, () => protocol.untilReceived(1));
      send(far, 'b');
      await play(reactor, setting, () => protocol.untilReceived(2));
      expect(protocol.events).toEqual(['made', 'data', 'data']);
    });

    it('in dataReceived holds at once, whatever has come by then', async () => {
      const reactor = open();
      const protocol = new Recorder({
        dataReceived(_, transport) {
          transport.pauseReading();
          send(far, 'more');
        },
      });
      const { transport, far } = connected(reactor, protocol);
      send(far, 'some');
      for (let round = 1; round <= 3; round++) {
        await play(reactor, setting, () => protocol.until(() => protocol.count('data') === round));
        await runFor(reactor, setting, 5);
        expect(protocol.count('data')).toBe(round);
        transport.resumeReading();
      }
    });

    it('between reads of one turn holds at once, too', async () => {
      const reactor = open();
      const protocol = new LendingRecorder(4, (_, paused) => {
        if (protocol.length === 8) paused.pauseReading();
      });
      const { transport, far } = connected(reactor, protocol);
      send(far, 'abcdefghijkl');
      await play(reactor, setting, () => protocol.untilReceived(8));
      await runFor(reactor, setting, 5);
      expect(protocol.received.toString()).toBe('abcdefgh');
      transport.resumeReading();
      await play(reactor, setting, () => protocol.untilReceived(12));
      expect(protocol.received.toString()).toBe('abcdefghijkl');
    });

    it('and resumeReading() in one callback change nothing', async () => {
      const reactor = open();
      const protocol = new Recorder({
        dataReceived(_, transport) {
          transport.pauseReading();
          transport.resumeReading();
        },
      });
      const { far } = connected(reactor, protocol);
      const data = randomBytes(500_000);
      await play(reactor, setting, async () => {
        await reactor.sockSendAll(far, data);
        await protocol.untilReceived(data.length);
      });
      expect(protocol.received.equals(data)).toBe(true);
    });

    it('holds only its own connection, and not what this one writes', async () => {
      const reactor = open();
      const paused = connected(reactor, new Recorder());
      const other = connected(reactor, new Recorder());
      paused.transport.pauseReading();
      send(paused.far);
      send(other.far);
      paused.transport.write('out');
      await play(reactor, setting, () => other.protocol.untilReceived(1));
      expect(paused.protocol.events).toEqual(['made']);
      expect(drain(paused.far)).toBe(3);
    });
  });

  describe('a flood on one connection', () => {
    /** Reads of the flood that may come between two of another connection: those of a few turns. */
    const MOST_READS = 64;
    const chunk = Buffer.alloc(65_536);

    /** How many reads of a flooded connection came between those of another, each of which is answered at once. */
    async function readsBetween(
      reactor: Reactor,
      flooded: (read: () => void) => Recorder,
    ): Promise<number[]> {
      let reads = 0;
      const source = connected(
        reactor,
        flooded(() => {
          reads++;
          source.far.send(chunk);
        }),
      );
      while (source.far.send(chunk) > 0);
      const between: number[] = [];
      let before = 0;
      const other = connected(
        reactor,
        new Recorder({
          dataReceived() {
            between.push(reads - before);
            before = reads;
            if (between.length === 20) reactor.stop();
            else send(other.far);
          },
        }),
      );
      send(other.far);
      await runToStop(reactor, setting);
      expect(reads).toBeGreaterThan(20);
      return between;
    }

    it('that fills the receive buffer each time leaves the others their turn', async () => {
      const between = await readsBetween(open(), (read) => new Recorder({ dataReceived: read }));
      expect(between).toHaveLength(20);
      expect(Math.max(...between)).toBeLessThanOrEqual(MOST_READS);
    });

    it('that is received into a few bytes leaves the others their turn', async () => {
      const between = await readsBetween(open(), (read) => new LendingRecorder(16, read));
      expect(between).toHaveLength(20);
      expect(Math.max(...between)).toBeLessThanOrEqual(MOST_READS);
    });

    it('lets callbacks and timers come', async () => {
      const reactor = open();
      const source = connected(
        reactor,
        new Recorder({
          dataReceived() {
            source.far.send(chunk);
          },
        }),
      );
      while (source.far.send(chunk) > 0);
      let ticks = 0;
      const tick = () => {
        ticks++;
        if (ticks === 20) reactor.stop();
        else reactor.callSoon(() => reactor.callLater(0.5, tick));
      };
      tick();
      await runToStop(reactor, setting);
      expect(ticks).toBe(20);
    });
  });

  describe('a stop of the reactor in a callback', () => {
    it('loses nothing of what is read in the next run', async () => {
      const reactor = open();
      const data = randomBytes(300_000);
      const protocol = new LendingRecorder(1000, () => {
        if (protocol.count('data') % 7 === 0) reactor.stop();
      });
      const { far } = connected(reactor, protocol);
      const sent = reactor.sockSendAll(far, data);
      for (let runs = 0; protocol.length < data.length && runs < 1000; runs++) {
        await runFor(reactor, setting, 0);
      }
      expect(sent.done()).toBe(true);
      expect(protocol.received.equals(data)).toBe(true);
    });
  });

  describe('the receive buffer', () => {
    it('is one for all connections of a reactor, and a view into it is a Buffer', async () => {
      const reactor = open();
      const views: Buffer[] = [];
      const both = [1, 2].map(() => {
        const hooks = { dataReceived: (data: Buffer) => void views.push(data) };
        return connected(reactor, new Recorder(hooks));
      });
      for (const { far } of both) send(far, 'here');
      await play(reactor, setting, () => Promise.all(both.map(({ protocol }) => protocol.untilReceived(4))));
      expect(views).toHaveLength(2);
      for (const view of views) expect([Buffer.isBuffer(view), view.length]).toEqual([true, 4]);
      expect(views[0]?.buffer).toBe(views[1]?.buffer);
    });

    it('of another reactor is another', async () => {
      const reactor = open();
      using other = new Reactor();
      const memory: ArrayBufferLike[] = [];
      for (const one of [reactor, other]) {
        const hooks = { dataReceived: (data: Buffer) => void memory.push(data.buffer) };
        const { far } = connected(one, new Recorder(hooks));
        send(far);
      }
      await runFor(reactor, setting, 1);
      await new Promise<void>((resolve) => {
        setImmediate(() => {
          other.runOnce(0);
          resolve();
        });
      });
      expect(memory).toHaveLength(2);
      expect(memory[0]).not.toBe(memory[1]);
    });

    it('cannot be moved away by one of them', async () => {
      const reactor = open();
      const protocol = new Recorder({
        dataReceived({ buffer }) {
          try {
            structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
          } catch {
            // Refused, or copied: which, depends on the version of Node.
          }
        },
      });
      const { far } = connected(reactor, protocol);
      const other = connected(reactor, new Recorder());
      send(far, 'one');
      await play(reactor, setting, () => protocol.untilReceived(3));
      send(far, 'two');
      send(other.far, 'another');
      await play(reactor, setting, () =>
        Promise.all([protocol.untilReceived(6), other.protocol.untilReceived(7)]),
      );
      expect(protocol.received.toString()).toBe('onetwo');
    });

    it('is another from then on where it was moved away all the same', async () => {
      const reactor = open();
      const taking = new Recorder({ dataReceived: ({ buffer }) => takeAway(buffer) });
      const keeping = new Recorder({
        dataReceived: (data, transport) => void takeAway(transport.keep(data).buffer),
      });
      const ends = [taking, keeping].map((protocol) => connected(reactor, protocol));
      const other = connected(reactor, new Recorder());
      await play(reactor, setting, async () => {
        for (let count = 1; count <= 3; count++) {
          for (const { far, protocol } of [...ends, other]) {
            send(far, 'some');
            await protocol.untilReceived(4 * count);
          }
        }
      });
      expect(other.protocol.received.toString()).toBe('some'.repeat(3));
    });

    it('is another from then on where a whole one was moved away, whatever it says of its length', async () => {
      const reactor = open();
      const protocol = new Recorder({
        dataReceived(data) {
          if (data.length < ONE_RECEIVE) return;
          Object.defineProperty(data, 'length', { value: ONE_RECEIVE });
          takeAway(data.buffer);
        },
      });
      const { far } = connected(reactor, protocol);
      const bytes = 'x'.repeat(ONE_RECEIVE);
      await play(reactor, setting, async () => {
        for (let count = 1; count <= 3; count++) {
          send(far, bytes);
          await protocol.untilReceived(count * (ONE_RECEIVE + 4) - 4);
          send(far, 'more');
          await protocol.untilReceived(count * (ONE_RECEIVE + 4));
        }
      });
      expect(protocol.events.filter((event) => event === 'data').length).toBeGreaterThanOrEqual(6);
    });

    it('for which there is no room is received later: nothing is lost, and no end seen', async () => {
      const errors: unknown[] = [];
      const reactor = open({ onError: (error) => errors.push(error) });
      const none = new RangeError('Array buffer allocation failed');
      const protocol = new Recorder({
        dataReceived(data, transport) {
          if (data.length < ONE_RECEIVE) return;
          const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow').mockImplementationOnce(() => {
            allocate.mockRestore();
            throw none;
          });
          transport.keep(data);
        },
      });
      const { far } = connected(reactor, protocol);
      const bytes = 'x'.repeat(ONE_RECEIVE);
      await play(reactor, setting, async () => {
        send(far, bytes);
        await protocol.untilReceived(ONE_RECEIVE);
        send(far, 'after all');
        await protocol.untilReceived(ONE_RECEIVE + 9);
      });
      expect(errors).toEqual([none]);
      expect(protocol.received.subarray(ONE_RECEIVE).toString()).toBe('after all');
      expect(protocol.count('eof')).toBe(0);
    });

    it('may be written, as an echo does, though the peer takes it late', async () => {
      const reactor = open();
      const protocol = new Recorder({ dataReceived: (data, transport) => void transport.write(data) });
      const { far } = connected(reactor, protocol);
      const other = connected(reactor, new Recorder());
      const data = randomBytes(150_000);
      const echoed = await play(reactor, setting, async () => {
        for (let round = 0; round < 6; round++) {
          await reactor.sockSendAll(far, data);
          // Others receive into the same memory.
          await reactor.sockSendAll(other.far, Buffer.alloc(50_000));
        }
        await protocol.untilReceived(6 * data.length);
        const chunks: Buffer[] = [];
        const buffer = Buffer.alloc(65_536);
        for (let length = 0; length < 6 * data.length; ) {
          const count = await reactor.sockRecv(far, buffer);
          chunks.push(Buffer.from(buffer.subarray(0, count)));
          length += count;
        }
        return Buffer.concat(chunks);
      });
      expect(echoed.equals(Buffer.concat(Array(6).fill(data)))).toBe(true);
    });

    it('leaves alone what a protocol keeps, whatever comes later, and for whom', async () => {
      const reactor = open();
      const kept: Buffer[] = [];
      const keeper = connected(
        reactor,
        new Recorder({ dataReceived: (data, transport) => void kept.push(transport.keep(data)) }),
      );
      const reader = connected(reactor, new Recorder());
      const sent: Buffer[] = [];
      await play(reactor, setting, async () => {
        for (const length of [
          10,
          1000,
          3000,
          9,
          70_000,
          5,
          100_000,
          20_000,
          4096,
          1,
          ...Array(60).fill(700),
        ]) {
          const data = randomBytes(length);
          sent.push(data);
          await reactor.sockSendAll(keeper.far, data);
          await reactor.sockSendAll(reader.far, randomBytes(length));
          await Promise.all([keeper, reader].map(({ protocol }) => protocol.untilReceived(length)));
          for (const { protocol } of [keeper, reader]) protocol.length -= length;
        }
      });
      expect(Buffer.concat(kept).equals(Buffer.concat(sent))).toBe(true);
      for (const data of kept) {
        expect(Buffer.isBuffer(data)).toBe(true);
        if (data.length < SMALL_PIECE) expect(data.buffer.byteLength).toBeLessThanOrEqual(SLAB_SIZE);
      }
    });

    it('copies nothing for one who keeps all', async () => {
      const reactor = open();
      const places: [ArrayBufferLike, number][] = [];
      const { far, protocol } = connected(
        reactor,
        new Recorder({
          dataReceived(data, transport) {
            const kept = transport.keep(data);
            if (kept === data) places.push([kept.buffer, kept.byteOffset]);
          },
        }),
      );
      await play(reactor, setting, async () => {
        for (let count = 1; count <= 5; count++) {
          send(far, 'four');
          await protocol.untilReceived(4 * count);
        }
      });
      // All but the first, with which nothing was known of it.
      expect(places.map(([, offset]) => offset)).toEqual([0, 4, 8, 12]);
      expect(new Set(places.map(([memory]) => memory)).size).toBe(1);
    });

    it('is kept by one: another one who asks gets a copy, as for bytes that came from elsewhere', async () => {
      const reactor = open();
      const kept: Buffer[] = [];
      const { far, protocol } = connected(
        reactor,
        new Recorder({
          dataReceived(data, transport) {
            kept.push(transport.keep(data), transport.keep(data), transport.keep(data.subarray(1)));
          },
        }),
      );
      send(far, 'abcd'.repeat(2000));
      await play(reactor, setting, () => protocol.untilReceived(8000));
      kept[0]?.fill('1');
      expect(kept.map((data) => data.toString('utf8', 0, 4))).toEqual(['1111', 'abcd', 'bcda']);
    });

    it('has room for much, also after another connection has kept little', async () => {
      const reactor = open();
      const keeper = connected(
        reactor,
        new Recorder({ dataReceived: (data, transport) => void transport.keep(data) }),
      );
      const lengths: number[] = [];
      const reader = connected(
        reactor,
        new Recorder({ dataReceived: ({ length }) => void lengths.push(length) }),
      );
      const data = Buffer.alloc(2 * ONE_RECEIVE);
      await play(reactor, setting, async () => {
        send(keeper.far, 'little');
        await keeper.protocol.untilReceived(6);
        await reactor.sockSendAll(reader.far, data);
        await reader.protocol.untilReceived(data.length);
      });
      expect(Math.max(...lengths)).toBe(ONE_RECEIVE);
    });

    it('brings a large stream over byte for byte', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder(), PAIRS['TCP']);
      const data = randomBytes(3_000_000);
      await play(reactor, setting, async () => {
        await reactor.sockSendAll(far, data);
        await protocol.untilReceived(data.length);
      });
      expect(protocol.received.equals(data)).toBe(true);
      expect(transport.bytesRead).toBe(data.length);
    });
  });

  describe('a buffer that is lent', () => {
    it('gets the bytes at its beginning, and its protocol their number', async () => {
      const reactor = open();
      const lengths: number[] = [];
      const protocol = new LendingRecorder(100, (length) => lengths.push(length));
      let dataCalls = 0;
      Object.defineProperty(protocol, 'dataReceived', { value: () => dataCalls++ });
      const { transport, far } = connected(reactor, protocol);
      expect(protocol.hints).toEqual([]);
      send(far, 'twelve bytes');
      await play(reactor, setting, () => protocol.untilReceived(12));
      expect(protocol.buffer.toString('latin1', 0, 13)).toBe('twelve bytes\0');
      expect(lengths).toEqual([12]);
      expect(dataCalls).toBe(0);
      expect(transport.bytesRead).toBe(12);
      for (const hint of protocol.hints) expect(Number.isInteger(hint)).toBe(true);
    });

    it('may be a part of another, and the rest of that is left alone', async () => {
      const reactor = open();
      const whole = Buffer.alloc(12, '-');
      const part = new Uint8Array(whole.buffer, whole.byteOffset + 4, 4);
      let received = 0;
      const protocol: Protocol = {
        getBuffer: () => part,
        bufferUpdated(length) {
          received += length;
          if (received === 10) reactor.stop();
        },
      };
      const { far } = connected(reactor, protocol);
      send(far, 'abcdefghij');
      await runToStop(reactor, setting);
      expect(whole.toString()).toBe('----ijgh----');
    });

    it('of one byte gets every byte in turn', async () => {
      const reactor = open();
      const { protocol, far } = connected(reactor, new LendingRecorder(1));
      const data = randomBytes(500);
      far.send(data);
      await play(reactor, setting, () => protocol.untilReceived(500));
      expect(protocol.received.equals(data)).toBe(true);
      expect(protocol.count('data')).toBe(500);
    });

    it('may be another each time', async () => {
      const reactor = open();
      const lent: Buffer[] = [];
      const received: Buffer[] = [];
      const protocol: Protocol = {
        getBuffer() {
          const buffer = Buffer.alloc(lent.length + 1);
          lent.push(buffer);
          return buffer;
        },
        bufferUpdated(length) {
          received.push((lent.at(-1) as Buffer).subarray(0, length));
          if (Buffer.concat(received).length === 55) reactor.stop();
        },
      };
      const { far } = connected(reactor, protocol);
      const data = randomBytes(55);
      far.send(data);
      await runToStop(reactor, setting);
      expect(Buffer.concat(received).equals(data)).toBe(true);
    });
  });

  describe('setProtocol()', () => {
    it('has another told from then on, of everything but the connection', async () => {
      const reactor = open();
      const first = new Recorder();
      const second = new Recorder();
      const { transport, far } = connected(reactor, first);
      send(far, 'one');
      await play(reactor, setting, () => first.untilReceived(3));
      transport.setProtocol(second);
      second.transport = transport;
      send(far, 'two');
      await play(reactor, setting, () => second.untilReceived(3));
      transport.write(Buffer.alloc(1_000_000));
      transport.abort();
      await play(reactor, setting, () => second.lost());
      expect(first.events).toEqual(['made', 'data']);
      expect(second.events).toEqual(['data', 'pause', 'lost']);
      expect([first.received.toString(), second.received.toString()]).toEqual(['one', 'two']);
    });

    const kinds: Readonly<Record<string, (received: (transport: Transport) => void) => Recorder>> = {
      'is given views': (received) => new Recorder({ dataReceived: (_, transport) => received(transport) }),
      'lends a buffer': (received) => new LendingRecorder(8, (_, transport) => received(transport)),
    };
    const switches = Object.keys(kinds).flatMap((from) =>
      Object.keys(kinds).map((to) => [from, to] as const),
    );

    it.each(switches)('in a callback of one that %s goes on with one that %s', async (from, to) => {
      const reactor = open();
      const next = kinds[to]?.(() => {}) as Recorder;
      const protocol = kinds[from]?.((transport) => {
        if (protocol.length < 8 || next.length > 0) return;
        next.transport = transport;
        transport.setProtocol(next);
        send(far, 'and this by another');
      }) as Recorder;
      const { far } = connected(reactor, protocol);
      send(far, 'by one..');
      await play(reactor, setting, () => next.untilReceived(19));
      far.close();
      await play(reactor, setting, () => next.lost());
      expect(protocol.received.toString()).toBe('by one..');
      expect(next.received.toString()).toBe('and this by another');
      expect(protocol.events).toEqual(['made', 'data']);
      expect(next.events.filter((event) => event !== 'data')).toEqual(['eof', 'lost']);
    });

    it('in getBuffer leaves the bytes to whom the buffer belongs', async () => {
      const reactor = open();
      const next = new Recorder();
      class Leaving extends LendingRecorder {
        override getBuffer(sizeHint: number): Uint8Array {
          next.transport = this.transport;
          this.transport.setProtocol(next);
          return super.getBuffer(sizeHint);
        }
      }
      const protocol = new Leaving();
      const { far } = connected(reactor, protocol);
      send(far, 'one');
      await play(reactor, setting, () => protocol.untilReceived(3));
      send(far, 'two');
      await play(reactor, setting, () => next.untilReceived(3));
      expect([protocol.received.toString(), next.received.toString()]).toEqual(['one', 'two']);
    });

    it('takes over a connection that was paused, which stays so', async () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      transport.pauseReading();
      const next = new Recorder();
      next.transport = transport;
      transport.setProtocol(next);
      send(far, 'later');
      await runFor(reactor, setting, MOMENT);
      expect(next.events).toEqual([]);
      transport.resumeReading();
      await play(reactor, setting, () => next.untilReceived(5));
    });
  });
});
