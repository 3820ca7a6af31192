/** How much is buffered for a peer that does not read, and how its writer is held back. */
import type { Reactor } from 'iomux';
import type { Transport } from 'iomux/streams';
import { describe, expect, it } from 'vitest';
import { drain } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { play, runFor } from '../support/running.js';
import { connected, type Ends, fill, receiveAll, receiveNow } from '../support/transport-peers.js';
import { Recorder } from '../support/transport-recorder.js';

const MOMENT = 20;
const HIGH = 65_536;
const LOW = 16_384;

/** Buffers exactly so many bytes; nothing runs meanwhile, so that the kernel takes no more. */
function bufferExactly(transport: Transport, size: number): void {
  transport.setWriteBufferLimits(10_000_000);
  fill(transport);
  transport.write(Buffer.alloc(size - transport.writeBufferSize));
  if (transport.writeBufferSize !== size) throw new Error(`${transport.writeBufferSize} are buffered`);
}

describeReactors((setting, open) => {
  /** Runs until the buffer has shrunk, the peer having read what it was sent so far. */
  async function shrink(reactor: Reactor, { transport, far }: Ends<Recorder>): Promise<void> {
    const before = transport.writeBufferSize;
    drain(far);
    await play(reactor, setting, async () => {
      while (transport.writeBufferSize === before) {
        const turn = reactor.createFuture<void>();
        reactor.callSoon(() => turn.setResult());
        await turn;
      }
    });
  }

  describe('writeBufferSize', () => {
    it('is what was written and the kernel has not taken, to the byte', async () => {
      const reactor = open();
      const ends = connected(reactor, new Recorder());
      const { transport, far } = ends;
      expect(transport.writeBufferSize).toBe(0);
      transport.write('the kernel takes this');
      expect(transport.writeBufferSize).toBe(0);
      let written = 21 + fill(transport);
      for (const chunk of ['a', Buffer.alloc(12_345), 'ä', '']) {
        transport.write(chunk);
        written += Buffer.byteLength(chunk);
      }
      transport.writev([Buffer.alloc(10), Buffer.alloc(0), Buffer.alloc(20)]);
      written += 30;
      let received = 0;
      for (let buffered = transport.writeBufferSize; buffered > 0; buffered = transport.writeBufferSize) {
        received += receiveNow(far).length;
        expect(transport.writeBufferSize).toBe(written - received);
        expect(transport.bytesWritten).toBe(received);
        await shrink(reactor, ends);
        received = transport.bytesWritten;
      }
      expect(transport.bytesWritten).toBe(written);
    });
  });

  describe('write()', () => {
    it('returns false, and pauses once, when more than the high-water mark is buffered', () => {
      const reactor = open();
      const { transport, protocol } = connected(reactor, new Recorder());
      bufferExactly(transport, 300_000);
      transport.setWriteBufferLimits(300_100);
      expect(transport.write(Buffer.alloc(100))).toBe(true);
      expect(protocol.count('pause')).toBe(0);
      expect(transport.write('1')).toBe(false);
      expect(protocol.count('pause')).toBe(1);
      expect(transport.write('2')).toBe(false);
      expect(transport.write('')).toBe(false);
      expect(transport.writev([Buffer.alloc(1)])).toBe(false);
      expect(protocol.count('pause')).toBe(1);
      expect(transport.writeBufferSize).toBe(300_103);
    });

    it('returns true while it is not, though something is buffered', () => {
      const reactor = open();
      const { transport, protocol } = connected(reactor, new Recorder());
      expect(transport.write('at once')).toBe(true);
      bufferExactly(transport, 300_000);
      transport.setWriteBufferLimits(400_000);
      expect(transport.write('a')).toBe(true);
      expect(transport.writev([Buffer.alloc(1), Buffer.alloc(2)])).toBe(true);
      expect(transport.write('')).toBe(true);
      expect(protocol.events).toEqual(['made']);
    });

    it('has said so when pauseWriting is called: the buffer is as large as it is', () => {
      const reactor = open();
      const sizes: number[] = [];
      const protocol = new Recorder({ pauseWriting: (paused) => sizes.push(paused.writeBufferSize) });
      const { transport } = connected(reactor, protocol);
      transport.write(Buffer.alloc(2_000_000));
      expect(sizes).toEqual([transport.writeBufferSize]);
    });
  });

  describe('the marks', () => {
    it('are 64 KiB and 16 KiB at first', async () => {
      const reactor = open();
      const sizes: number[] = [];
      const protocol = new Recorder({ resumeWriting: (resumed) => sizes.push(resumed.writeBufferSize) });
      const ends = connected(reactor, protocol);
      const { transport } = ends;
      while (transport.writeBufferSize === 0) transport.write(Buffer.alloc(10_000));
      expect(transport.write(Buffer.alloc(HIGH - transport.writeBufferSize))).toBe(true);
      expect(protocol.count('pause')).toBe(0);
      expect(transport.write('1')).toBe(false);
      expect(transport.writeBufferSize).toBe(HIGH + 1);
      expect(protocol.count('pause')).toBe(1);
      await play(reactor, setting, async () => {
        const reading = receiveAll(reactor, ends.far, transport.bytesWritten + HIGH + 1);
        await protocol.until(() => protocol.count('resume') > 0);
        await reading;
      });
      expect(sizes[0]).toBeLessThanOrEqual(LOW);
      expect(protocol.events).toEqual(['made', 'pause', 'resume']);
    });

    it('resume once, when no more than the low one is buffered', async () => {
      const reactor = open();
      const protocol = new Recorder();
      const ends = connected(reactor, protocol);
      const { transport } = ends;
      transport.setWriteBufferLimits(1_000_000, 700_000);
      transport.write(Buffer.alloc(2_000_000));
      const resumed: [before: number, count: number][] = [];
      while (transport.writeBufferSize > 0) {
        await shrink(reactor, ends);
        resumed.push([transport.writeBufferSize, protocol.count('resume')]);
      }
      for (const [size, count] of resumed) expect(count).toBe(size <= 700_000 ? 1 : 0);
      expect(resumed.some(([, count]) => count === 0)).toBe(true);
      expect(protocol.events).toEqual(['made', 'pause', 'resume']);
    });

    it('pause and resume in turn, as often as they are passed', async () => {
      const reactor = open();
      const protocol = new Recorder();
      const { transport, far } = connected(reactor, protocol);
      for (let round = 1; round <= 5; round++) {
        const written = fill(transport) + 500_000;
        transport.write(Buffer.alloc(500_000));
        expect(protocol.count('pause')).toBe(round);
        await play(reactor, setting, () => receiveAll(reactor, far, written));
        await runFor(reactor, setting, 1);
        expect(protocol.count('resume')).toBe(round);
      }
      expect(protocol.events.slice(1).join(' ')).toBe(Array(5).fill('pause resume').join(' '));
    });

    it('are a quarter of the high one apart, where the low one is left out', async () => {
      const reactor = open();
      const sizes: number[] = [];
      const protocol = new Recorder({ resumeWriting: (resumed) => sizes.push(resumed.writeBufferSize) });
      const ends = connected(reactor, protocol);
      const { transport } = ends;
      transport.setWriteBufferLimits(2_000_003);
      transport.write(Buffer.alloc(4_000_000));
      const seen: [size: number, resumed: boolean][] = [];
      while (transport.writeBufferSize > 0) {
        await shrink(reactor, ends);
        seen.push([transport.writeBufferSize, sizes.length > 0]);
      }
      for (const [size, resumed] of seen) expect(resumed).toBe(size <= 500_000);
      expect(sizes).toHaveLength(1);
    });

    it('of 0 pause with the first byte that is buffered, and resume when none is', async () => {
      const reactor = open();
      const sizes: number[] = [];
      const protocol = new Recorder({ resumeWriting: (resumed) => sizes.push(resumed.writeBufferSize) });
      const { transport, far } = connected(reactor, protocol);
      transport.setWriteBufferLimits(0);
      expect(transport.write('the kernel takes it')).toBe(true);
      expect(protocol.count('pause')).toBe(0);
      const written = 19 + fill(transport);
      expect(protocol.count('pause')).toBe(1);
      await play(reactor, setting, () => receiveAll(reactor, far, written));
      await runFor(reactor, setting, 1);
      expect(sizes).toEqual([0]);
    });

    it('that are lowered below what is buffered pause at once', () => {
      const reactor = open();
      const { transport, protocol } = connected(reactor, new Recorder());
      bufferExactly(transport, 200_000);
      transport.setWriteBufferLimits(200_000);
      expect(protocol.count('pause')).toBe(0);
      transport.setWriteBufferLimits(199_999);
      expect(protocol.count('pause')).toBe(1);
      transport.setWriteBufferLimits(1);
      expect(protocol.count('pause')).toBe(1);
    });

    it('that are raised resume when something is sent next, once', async () => {
      const reactor = open();
      const ends = connected(reactor, new Recorder());
      const { transport, protocol } = ends;
      transport.write(Buffer.alloc(1_000_000));
      expect(protocol.count('pause')).toBe(1);
      transport.setWriteBufferLimits(5_000_000, 4_000_000);
      expect(protocol.count('resume')).toBe(0);
      await shrink(reactor, ends);
      expect(protocol.count('resume')).toBe(1);
      await play(reactor, setting, () => receiveAll(reactor, ends.far, transport.writeBufferSize));
      expect(protocol.events).toEqual(['made', 'pause', 'resume']);
    });

    it.each([
      [[-1], 'RangeError ERR_OUT_OF_RANGE'],
      [[1.5], 'RangeError ERR_OUT_OF_RANGE'],
      [[Number.NaN], 'RangeError ERR_OUT_OF_RANGE'],
      [[10, 11], 'RangeError ERR_OUT_OF_RANGE'],
      [[10, -1], 'RangeError ERR_OUT_OF_RANGE'],
      [[10, 0.5], 'RangeError ERR_OUT_OF_RANGE'],
      [[0, 1], 'RangeError ERR_OUT_OF_RANGE'],
      [['10'], 'TypeError ERR_INVALID_ARG_TYPE'],
      [[undefined], 'TypeError ERR_INVALID_ARG_TYPE'],
      [[10, '1'], 'TypeError ERR_INVALID_ARG_TYPE'],
      [[10, null], 'TypeError ERR_INVALID_ARG_TYPE'],
    ])('are refused where they mean nothing, and stay as they were: %j', (limits, expected) => {
      const reactor = open();
      const { transport, protocol } = connected(reactor, new Recorder());
      bufferExactly(transport, 200_000);
      transport.setWriteBufferLimits(200_000);
      const [high, low] = limits as [number, number?];
      expect(refusal(() => transport.setWriteBufferLimits(high, ...(limits.length > 1 ? [low] : [])))).toBe(
        expected,
      );
      expect(transport.write('')).toBe(true);
      expect(protocol.count('pause')).toBe(0);
      expect(transport.write('1')).toBe(false);
    });

    it('may be equal', () => {
      const reactor = open();
      const { transport } = connected(reactor, new Recorder());
      for (const limit of [0, 1, 10_000_000]) transport.setWriteBufferLimits(limit, limit);
    });
  });

  it('2 MB written at once pause once, and close() flushes them, every byte, before the loss', async () => {
    const reactor = open();
    const { transport, protocol, far } = connected(reactor, new Recorder());
    expect(transport.write(Buffer.alloc(2_000_000, 'x'))).toBe(false);
    transport.close();
    const received = await play(reactor, setting, () => receiveAll(reactor, far));
    expect(received.equals(Buffer.alloc(2_000_000, 'x'))).toBe(true);
    expect(await play(reactor, setting, () => protocol.lost())).toBe(null);
    expect(protocol.events.filter((event) => event !== 'resume')).toEqual(['made', 'pause', 'lost']);
    expect(protocol.count('resume')).toBeLessThanOrEqual(1);
  });

  it('a producer that stops when told and goes on when told never buffers much more than the mark', async () => {
    const reactor = open();
    const TOTAL = 5_000_000;
    const CHUNK = 10_000;
    let written = 0;
    let most = 0;
    const produce = (transport: Transport) => {
      while (written < TOTAL) {
        written += CHUNK;
        const more = transport.write(Buffer.alloc(CHUNK));
        most = Math.max(most, transport.writeBufferSize);
        if (!more) return;
      }
      transport.close();
    };
    const protocol = new Recorder({ connectionMade: produce, resumeWriting: produce });
    const { far } = connected(reactor, protocol);
    const received = await play(reactor, setting, () => receiveAll(reactor, far));
    expect(received.length).toBe(TOTAL);
    expect(await play(reactor, setting, () => protocol.lost())).toBe(null);
    expect(most).toBeGreaterThan(HIGH);
    expect(most).toBeLessThanOrEqual(HIGH + CHUNK);
    expect(protocol.count('resume')).toBe(protocol.count('pause'));
    expect(protocol.count('pause')).toBeGreaterThan(3);
  });

  it('a reader that pauses holds the writer at the other end back', async () => {
    const reactor = open();
    const { transport, protocol, far } = connected(reactor, new Recorder());
    transport.pauseReading();
    const future = reactor.sockSendAll(far, Buffer.alloc(2_000_000));
    await runFor(reactor, setting, MOMENT);
    expect(future.done()).toBe(false);
    expect(protocol.length).toBe(0);
    transport.resumeReading();
    await play(reactor, setting, () => protocol.untilReceived(2_000_000));
    expect(future.done()).toBe(true);
  });
});
