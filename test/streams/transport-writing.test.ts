/** What a connection sends: every byte, in order, and none of it the caller's memory. */
import { randomBytes } from 'node:crypto';
import type { Transport } from 'iomux/streams';
import { describe, expect, it, vi } from 'vitest';
import { Boaster, Odd, takeAway } from '../support/memory.js';
import { describeReactors } from '../support/reactors.js';
import { isReadable } from '../support/readiness.js';
import { play, runFor } from '../support/running.js';
import {
  codeOf,
  connected,
  connectedByTcp,
  errorOf,
  fill,
  PAIRS,
  receiveAll,
  receiveNow,
} from '../support/transport-peers.js';
import { Recorder } from '../support/transport-recorder.js';

const MOMENT = 20;

/** Cuts `data` into pieces of changing sizes, some of them empty. */
function pieces(data: Buffer, count: number): Buffer[] {
  const cut: Buffer[] = [];
  const size = Math.ceil((2 * data.length) / count) + 1;
  for (let start = 0, index = 0; start < data.length; index++) {
    const end = Math.min(data.length, start + ((index * 7919) % size));
    cut.push(data.subarray(start, end));
    start = end;
  }
  return cut;
}

describeReactors((setting, open) => {
  describe('write()', () => {
    it('sends at once what the kernel takes, before the reactor runs', () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      expect(transport.write(Buffer.from('at '))).toBe(true);
      expect(transport.write('once')).toBe(true);
      expect(receiveNow(far).toString()).toBe('at once');
      expect(transport.writeBufferSize).toBe(0);
    });

    it.each(Object.entries(PAIRS))('sends 4 MB over %s, byte for byte', async (_, pair) => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder(), pair);
      const data = randomBytes(4_000_000);
      expect(transport.write(data)).toBe(false);
      const received = await play(reactor, setting, () => receiveAll(reactor, far, data.length));
      expect(received.equals(data)).toBe(true);
      await runFor(reactor, setting, 1);
      expect(transport.bytesWritten).toBe(data.length);
      expect(transport.writeBufferSize).toBe(0);
      expect(isReadable(far)).toBe(false);
    });

    it('keeps the order of many, small and large, while others are read', async () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      const data = randomBytes(2_000_000);
      const received = await play(reactor, setting, async () => {
        const reading = receiveAll(reactor, far, data.length);
        for (const [index, piece] of pieces(data, 300).entries()) {
          transport.write(piece);
          // Now and then the reactor has its turn.
          if (index % 50 === 0) await transport.flush();
        }
        return reading;
      });
      expect(received.equals(data)).toBe(true);
    });

    it('takes strings as UTF-8, of every kind of character', async () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      const text = 'aé€😀\u0000\ud800z'.repeat(50_000);
      transport.write(text);
      transport.write('é');
      const expected = Buffer.from(`${text}é`);
      const received = await play(reactor, setting, () => receiveAll(reactor, far, expected.length));
      expect(received.equals(expected)).toBe(true);
    });

    it('takes a part of a buffer, and a plain Uint8Array', () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      transport.write(Buffer.from('not this, but this').subarray(14));
      transport.write(new Uint8Array([33, 34, 35, 36]).subarray(1, 3));
      expect(receiveNow(far).toString()).toBe('this"#');
    });

    it('sends what a buffer has, whatever its class says that has, and asks nothing of that', async () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      const other = connected(reactor, new Recorder());
      class Meddler extends Uint8Array {
        override get length(): number {
          other.transport.write('of another');
          return 1000;
        }
      }
      transport.write(Meddler.of(1, 2, 3));
      expect([...receiveNow(far)]).toEqual([1, 2, 3]);
      const before = fill(transport);
      transport.write(Meddler.of(4, 5, 6));
      const received = await play(reactor, setting, () => receiveAll(reactor, far, before + 3));
      expect([...received.subarray(before)]).toEqual([4, 5, 6]);
      expect(transport.writeBufferSize).toBe(0);
      expect(isReadable(other.far)).toBe(false);
    });

    it.each(['write', 'writev'] as const)('sends the rest of one of any class: %s()', async (method) => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      const data = randomBytes(2_000_000);
      const odd = Odd.copyOf(data);
      if (method === 'write') transport.write(odd);
      else transport.writev([odd.slice(0, 10), odd]);
      expect(transport.writeBufferSize).toBeGreaterThan(0);
      const expected = method === 'write' ? data : Buffer.concat([data.subarray(0, 10), data]);
      const received = await play(reactor, setting, () => receiveAll(reactor, far, expected.length));
      expect(received.equals(expected)).toBe(true);
      await runFor(reactor, setting, 1);
      expect(isReadable(far)).toBe(false);
    });

    it('asks the descriptor of nobody who could move the bytes away, or write meanwhile', () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      const bytes = new Uint8Array(8).fill(65);
      const other = connected(reactor, new Recorder());
      const fileno = vi.fn(() => {
        takeAway(bytes.buffer);
        for (const text of ['of another', 'and once more']) other.transport.write(text);
        return -1;
      });
      Object.defineProperty(transport.socket, 'fileno', { value: fileno, configurable: true });
      transport.write(bytes);
      Reflect.deleteProperty(transport.socket, 'fileno');
      expect(fileno).not.toHaveBeenCalled();
      expect(receiveNow(far).toString()).toBe('A'.repeat(8));
    });

    it('of nothing does nothing', () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder());
      for (const nothing of ['', Buffer.alloc(0), new Uint8Array(0)]) {
        expect(transport.write(nothing)).toBe(true);
      }
      expect(isReadable(far)).toBe(false);
      fill(transport);
      const { writeBufferSize } = transport;
      for (const nothing of ['', Buffer.alloc(0)]) transport.write(nothing);
      expect(transport.writeBufferSize).toBe(writeBufferSize);
      expect(transport.flush().done()).toBe(false);
      expect(protocol.count('lost')).toBe(0);
    });

    it('is done with the memory when it returns, and leaves it as it was', async () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      const data = randomBytes(1_000_000);
      const expected = Buffer.concat([data, data, data]);
      const memory = Buffer.from(data);
      for (let round = 0; round < 3; round++) {
        memory.set(data);
        transport.write(memory);
        expect(memory.equals(data)).toBe(true);
        memory.fill(0);
      }
      const received = await play(reactor, setting, () => receiveAll(reactor, far, expected.length));
      expect(received.equals(expected)).toBe(true);
      expect(memory.every((byte) => byte === 0)).toBe(true);
    });

    it('is done with the memory also where that is moved away then', async () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      const memory = new Uint8Array(1_000_000).fill(7);
      transport.write(memory);
      structuredClone(memory.buffer, { transfer: [memory.buffer] });
      expect(memory.length).toBe(0);
      const received = await play(reactor, setting, () => receiveAll(reactor, far, 1_000_000));
      expect(received.equals(Buffer.alloc(1_000_000, 7))).toBe(true);
    });
  });

  describe('writev()', () => {
    it('sends chunks in order as one, at once where the kernel takes them', () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      const chunks = [Buffer.from('one '), new Uint8Array(0), Buffer.from('after '), Buffer.from('another')];
      expect(transport.writev(chunks)).toBe(true);
      expect(receiveNow(far).toString()).toBe('one after another');
      expect(chunks).toHaveLength(4);
    });

    it('of no chunk, or only of empty ones, does nothing', () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      expect(transport.writev([])).toBe(true);
      expect(transport.writev([Buffer.alloc(0), new Uint8Array(0)])).toBe(true);
      expect(isReadable(far)).toBe(false);
      expect(transport.flush().done()).toBe(true);
    });

    it.each([
      ['5,000 small ones', 5_000, 20_000],
      ['5,000 ones that the kernel takes bit by bit', 5_000, 3_000_000],
      ['3 large ones', 3, 3_000_000],
      ['1,024 ones', 1_024, 500_000],
      ['1,025 ones', 1_025, 500_000],
    ])('sends %s, byte for byte', async (_, count, length) => {
      const reactor = open();
      const { transport, far } = connectedByTcp(reactor, new Recorder());
      const data = randomBytes(length);
      const chunks = pieces(data, count);
      transport.writev(chunks);
      expect(Buffer.concat(chunks).equals(data)).toBe(true);
      const received = await play(reactor, setting, () => receiveAll(reactor, far, length));
      expect(received.equals(data)).toBe(true);
      await runFor(reactor, setting, 1);
      expect([transport.bytesWritten, transport.writeBufferSize]).toEqual([length, 0]);
      expect(isReadable(far)).toBe(false);
    });

    it('sends what chunks have, whatever their classes say that they have', () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      transport.writev([Boaster.of(1, 2, 3), Odd.copyOf(Buffer.of(4, 5)), Buffer.of(6)]);
      expect([...receiveNow(far)]).toEqual([1, 2, 3, 4, 5, 6]);
      expect(transport.writeBufferSize).toBe(0);
    });

    it('sends single bytes by the thousand', async () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      const data = randomBytes(20_000);
      transport.writev(Array.from(data, (byte) => Uint8Array.of(byte)));
      const received = await play(reactor, setting, () => receiveAll(reactor, far, data.length));
      expect(received.equals(data)).toBe(true);
    });

    it('and write() keep the order of their calls, whatever is buffered', async () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      const data = randomBytes(3_000_000);
      const cut = pieces(data, 2_000);
      const received = await play(reactor, setting, async () => {
        const reading = receiveAll(reactor, far, data.length);
        for (let index = 0; index < cut.length; index += 10) {
          const [first = Buffer.alloc(0), ...rest] = cut.slice(index, index + 10);
          transport.write(first);
          transport.writev(rest);
          if (index % 500 === 0) await transport.flush();
        }
        return reading;
      });
      expect(received.equals(data)).toBe(true);
    });

    it('is done with the memory of each chunk, and with the array, when it returns', async () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      const data = randomBytes(1_500_000);
      const chunks = pieces(Buffer.from(data), 40);
      const given = [...chunks];
      transport.writev(chunks);
      expect(chunks.length).toBe(given.length);
      expect(chunks.every((chunk, index) => chunk === given[index])).toBe(true);
      for (const chunk of chunks) chunk.fill(0);
      chunks.length = 0;
      const received = await play(reactor, setting, () => receiveAll(reactor, far, data.length));
      expect(received.equals(data)).toBe(true);
    });
  });

  describe('flush()', () => {
    it('is done at once where nothing is buffered', () => {
      const reactor = open();
      const { transport } = connected(reactor, new Recorder());
      expect(transport.flush().result()).toBeUndefined();
      transport.write('taken at once');
      expect(transport.flush().result()).toBeUndefined();
    });

    it('waits until the kernel has everything', async () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      const written = fill(transport);
      const flushed = transport.flush();
      await runFor(reactor, setting, MOMENT);
      expect(flushed.done()).toBe(false);
      let sizeThen = -1;
      flushed.addDoneCallback(() => {
        sizeThen = transport.writeBufferSize;
      });
      await play(reactor, setting, async () => {
        const reading = receiveAll(reactor, far, written);
        await flushed;
        await reading;
      });
      expect(sizeThen).toBe(0);
      expect(transport.bytesWritten).toBe(written);
    });

    it('tells everybody who waits, in order', async () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      const written = fill(transport);
      const order: number[] = [];
      const futures = [1, 2, 3].map((number) => {
        const future = transport.flush();
        future.addDoneCallback(() => order.push(number));
        return future;
      });
      await play(reactor, setting, async () => {
        const reading = receiveAll(reactor, far, written);
        await Promise.all(futures);
        await reading;
      });
      await runFor(reactor, setting, 1);
      expect(order).toEqual([1, 2, 3]);
    });

    it('that is cancelled leaves the others waiting, and what is buffered', async () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      const written = fill(transport);
      const [first, cancelled, last] = [transport.flush(), transport.flush(), transport.flush()];
      expect(cancelled.cancel()).toBe(true);
      expect(cancelled.cancelled()).toBe(true);
      const received = await play(reactor, setting, async () => {
        const reading = receiveAll(reactor, far, written);
        await first;
        await last;
        return reading;
      });
      expect(received.length).toBe(written);
      expect(cancelled.cancelled()).toBe(true);
    });

    it('that was the only one, and is cancelled, leaves what is buffered to be sent', async () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      const written = fill(transport);
      transport.flush().cancel();
      await play(reactor, setting, () => receiveAll(reactor, far, written));
      expect(transport.bytesWritten).toBe(written);
    });

    it('is done before the connection is lost, where close() flushes', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder());
      fill(transport);
      const order: string[] = [];
      transport.flush().addDoneCallback((future) => order.push(`flushed ${future.result()}`));
      transport.close();
      transport.flush().addDoneCallback((future) => order.push(`flushed ${future.result()}`));
      await play(reactor, setting, async () => {
        await Promise.all([receiveAll(reactor, far), protocol.lost().then(() => order.push('lost'))]);
      });
      expect(order).toEqual(['flushed undefined', 'flushed undefined', 'lost']);
      expect(transport.flush().result()).toBeUndefined();
    });

    it.each([
      ['aborted', (transport: Transport) => transport.abort(), 'StateError ERR_CLOSED'],
      [
        'aborted with an error',
        (transport: Transport) => transport.abort(new Error('enough')),
        'Error enough',
      ],
    ])('fails where the connection is %s', async (_, end, expected) => {
      const reactor = open();
      const { transport, protocol } = connected(reactor, new Recorder());
      fill(transport);
      const futures = [transport.flush(), transport.flush()];
      end(transport);
      futures.push(transport.flush());
      await play(reactor, setting, () => protocol.lost());
      futures.push(transport.flush());
      for (const future of futures) {
        const error = await play(reactor, setting, () => errorOf(future));
        const { name, code = error.message } = error as { name?: string; code?: unknown; message: string };
        expect(`${name} ${code}`).toBe(expected);
      }
    });

    it('fails with the error of the connection where the peer goes', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder());
      fill(transport);
      const flushed = transport.flush();
      far.close();
      const error = await play(reactor, setting, () => errorOf(flushed));
      expect(codeOf(error)).toMatch(/^(EPIPE|ECONNRESET)$/);
      expect(await play(reactor, setting, () => protocol.lost())).toBe(error);
    });

    it('that is pending when nobody looks leaves no error behind', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder());
      fill(transport);
      const flushed = transport.flush();
      flushed.cancel();
      far.close();
      await play(reactor, setting, () => protocol.lost());
      expect(flushed.cancelled()).toBe(true);
    });
  });
});
