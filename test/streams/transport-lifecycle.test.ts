/** The life of a connection: made, data, end, lost; and each way to close it. */
import { type Reactor, Socket } from 'iomux';
import type { Transport } from 'iomux/streams';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SocketTransport } from '../../lib/streams/socket-transport.js';
import { drain, send } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { isReadable } from '../support/readiness.js';
import { refusal } from '../support/refusals.js';
import { play, runFor } from '../support/running.js';
import { expectOver, untilEnded } from '../support/transport-endings.js';
import { connected, connectedByTcp, fill, PAIRS, receiveAll } from '../support/transport-peers.js';
import { LendingRecorder, Recorder } from '../support/transport-recorder.js';

/** Long enough for what should not happen. */
const MOMENT = 20;

describeReactors((setting, open) => {
  const ended = (reactor: Reactor, protocol: Recorder) => untilEnded(reactor, setting, protocol);

  describe.each(Object.entries(PAIRS))('a connection over %s', (_, pair) => {
    it('is made, gets data, sees the end and is lost, in this order and each once', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder(), pair);
      expect(protocol.events).toEqual(['made']);
      expect(protocol.transport).toBe(transport);
      send(far, 'the last words');
      far.close();
      expect(protocol.events).toEqual(['made']);
      expect(await ended(reactor, protocol)).toBe(null);
      expect(protocol.events).toEqual(['made', 'data', 'eof', 'lost']);
      expect(protocol.received.toString()).toBe('the last words');
      expect(transport.bytesRead).toBe(14);
      expectOver(transport);
    });

    it('that is closed sends what was written, and is lost without an error', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder(), pair);
      const written = fill(transport);
      expect(transport.closing).toBe(false);
      transport.close();
      expect(transport.closing).toBe(true);
      expect(transport.writeBufferSize).toBeGreaterThan(0);
      const received = await play(reactor, setting, () => receiveAll(reactor, far));
      expect(received.length).toBe(written);
      expect(await ended(reactor, protocol)).toBe(null);
      expect(transport.bytesWritten).toBe(written);
      expect(protocol.count('data') + protocol.count('eof')).toBe(0);
    });
  });

  describe('close()', () => {
    it('of a connection that has nothing to send ends it in a later iteration', async () => {
      const reactor = open();
      const { transport, protocol } = connected(reactor, new Recorder());
      transport.close();
      expect(protocol.events).toEqual(['made']);
      expect(transport.closing).toBe(true);
      expect(await ended(reactor, protocol)).toBe(null);
      expect(protocol.events).toEqual(['made', 'lost']);
    });

    it('refuses further writes at once, and every other call does nothing', async () => {
      const reactor = open();
      const { transport, protocol } = connected(reactor, new Recorder());
      fill(transport);
      transport.close();
      const { writeBufferSize } = transport;
      for (const data of ['x', '']) {
        expect(refusal(() => transport.write(data))).toBe('StateError ERR_CLOSED');
      }
      for (const action of [
        () => transport.pauseReading(),
        () => transport.resumeReading(),
        () => transport.writeEof(),
        () => transport.close(),
      ]) {
        expect(refusal(action)).toBe('nothing');
      }
      expect(transport.writeBufferSize).toBe(writeBufferSize);
      transport.abort();
      expectOver(transport);
      expect(await ended(reactor, protocol)).toBe(null);
      expectOver(transport);
    });

    it('again does nothing: what is buffered is sent all the same, and the connection lost once', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder());
      const written = fill(transport);
      for (let times = 0; times < 3; times++) transport.close();
      const received = await play(reactor, setting, () => receiveAll(reactor, far));
      expect(received.length).toBe(written);
      expect(await ended(reactor, protocol)).toBe(null);
    });

    it('delivers nothing that comes afterwards, nor the end', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder());
      const written = fill(transport);
      send(far, 'too late');
      transport.close();
      transport.resumeReading();
      send(far, 'later still');
      far.shutdown('write');
      await runFor(reactor, setting, MOMENT);
      expect(protocol.count('data') + protocol.count('eof')).toBe(0);
      await play(reactor, setting, () => receiveAll(reactor, far, written));
      await ended(reactor, protocol);
      expect(protocol.events).not.toContain('data');
      expect(protocol.events).not.toContain('eof');
    });

    it('waits for a peer that never reads, until it is aborted', async () => {
      const reactor = open();
      const { transport, protocol } = connected(reactor, new Recorder());
      fill(transport);
      transport.close();
      await runFor(reactor, setting, MOMENT);
      expect(protocol.events).not.toContain('lost');
      expect(transport.socket.closed).toBe(false);
      transport.abort();
      expect(await ended(reactor, protocol)).toBe(null);
      expect(transport.writeBufferSize).toBe(0);
    });

    it('of a paused connection ends it as well', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder());
      transport.pauseReading();
      send(far);
      transport.close();
      expect(await ended(reactor, protocol)).toBe(null);
      expect(protocol.events).toEqual(['made', 'lost']);
    });

    it('shows the peer the end of the stream', async () => {
      const reactor = open();
      const { transport, protocol, far } = connectedByTcp(reactor, new Recorder());
      transport.write('good-bye');
      transport.close();
      await ended(reactor, protocol);
      const received = await play(reactor, setting, () => receiveAll(reactor, far));
      expect(received.toString()).toBe('good-bye');
    });
  });

  describe('abort()', () => {
    it('drops what is buffered, and ends the connection in a later iteration', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder());
      const written = fill(transport);
      const kept = transport.writeBufferSize;
      transport.abort();
      expect(transport.writeBufferSize).toBe(0);
      expect(protocol.events).not.toContain('lost');
      expectOver(transport);
      expect(await ended(reactor, protocol)).toBe(null);
      expect(drain(far)).toBe(written - kept);
    });

    it('tells its error, as it is', async () => {
      const reactor = open();
      const { transport, protocol } = connected(reactor, new Recorder());
      const reason = new Error('no longer wanted');
      transport.abort(reason);
      expect(await ended(reactor, protocol)).toBe(reason);
    });

    it('tells the first error only', async () => {
      const reactor = open();
      const { transport, protocol } = connected(reactor, new Recorder());
      const reason = new Error('first');
      transport.abort(reason);
      transport.abort(new Error('second'));
      transport.abort();
      transport.close();
      expect(await ended(reactor, protocol)).toBe(reason);
      expect(protocol.errors).toEqual([reason]);
    });

    it('after close() of a connection that was lost already, but not told so, changes nothing', async () => {
      const reactor = open();
      const { transport, protocol } = connected(reactor, new Recorder());
      transport.close();
      transport.abort(new Error('too late'));
      expect(await ended(reactor, protocol)).toBe(null);
    });

    it('delivers nothing that has come', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder());
      send(far, 'unwanted');
      transport.abort(new Error('enough'));
      await ended(reactor, protocol);
      expect(protocol.events).toEqual(['made', 'lost']);
    });
  });

  describe('the end of what the peer sends', () => {
    it.each([
      ['no callback', undefined],
      ['undefined', () => undefined],
      ['false', () => false],
    ])('closes the connection, once flushed, where eofReceived returns %s', async (_, eofReceived) => {
      const reactor = open();
      const protocol = new Recorder(eofReceived && { eofReceived });
      if (eofReceived === undefined) Object.defineProperty(protocol, 'eofReceived', { value: undefined });
      const { transport, far } = connected(reactor, protocol);
      const written = fill(transport);
      far.shutdown('write');
      await runFor(reactor, setting, MOMENT);
      expect(transport.closing).toBe(true);
      expect(protocol.events).not.toContain('lost');
      const received = await play(reactor, setting, () => receiveAll(reactor, far));
      expect(received.length).toBe(written);
      expect(await ended(reactor, protocol)).toBe(null);
      expect(protocol.count('eof')).toBe(eofReceived === undefined ? 0 : 1);
    });

    it('leaves the other direction open where eofReceived returns true', async () => {
      const reactor = open();
      const { transport, protocol, far } = connectedByTcp(reactor, new Recorder({ eofReceived: () => true }));
      far.shutdown('write');
      await play(reactor, setting, () => protocol.until(() => protocol.count('eof') > 0));
      await runFor(reactor, setting, MOMENT);
      expect(protocol.events).toEqual(['made', 'eof']);
      expect(transport.closing).toBe(false);
      const written = fill(transport);
      transport.close();
      const received = await play(reactor, setting, () => receiveAll(reactor, far));
      expect(received.length).toBe(written);
      expect(await ended(reactor, protocol)).toBe(null);
    });

    it('costs nothing while it is open for writing only', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder({ eofReceived: () => true }));
      far.shutdown('write');
      await play(reactor, setting, () => protocol.until(() => protocol.count('eof') > 0));
      const { waits } = reactor.selector.stats;
      await runFor(reactor, setting, MOMENT);
      // A stream at its end is always readable: a wait that looked for that would never rest.
      expect(reactor.selector.stats.waits - waits).toBeLessThan(100);
      transport.resumeReading();
      await runFor(reactor, setting, MOMENT);
      expect(protocol.events).toEqual(['made', 'eof']);
    });

    it('waits behind a pause', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder());
      transport.pauseReading();
      send(far, 'data');
      far.shutdown('write');
      await runFor(reactor, setting, MOMENT);
      expect(protocol.events).toEqual(['made']);
      transport.resumeReading();
      expect(await ended(reactor, protocol)).toBe(null);
      expect(protocol.events).toEqual(['made', 'data', 'eof', 'lost']);
    });

    it('asks a protocol that lends for a buffer, but does not say that it holds something', async () => {
      const reactor = open();
      const { protocol, far } = connected(reactor, new LendingRecorder());
      far.close();
      expect(await ended(reactor, protocol)).toBe(null);
      expect(protocol.events).toEqual(['made', 'eof', 'lost']);
    });
  });

  describe('writeEof()', () => {
    it('ends what the peer gets, after all that is buffered, and goes on reading', async () => {
      const reactor = open();
      const { transport, protocol, far } = connectedByTcp(reactor, new Recorder());
      const written = fill(transport);
      transport.writeEof();
      transport.writeEof();
      expect(transport.closing).toBe(false);
      const received = await play(reactor, setting, () => receiveAll(reactor, far));
      expect(received.length).toBe(written);
      await runFor(reactor, setting, MOMENT);
      expect(protocol.events).not.toContain('lost');
      send(far, 'an answer');
      await play(reactor, setting, () => protocol.untilReceived(9));
      far.close();
      expect(await ended(reactor, protocol)).toBe(null);
      expect(protocol.received.toString()).toBe('an answer');
    });

    it('refuses further writes, empty ones too', async () => {
      const reactor = open();
      const { transport, far } = connected(reactor, new Recorder());
      transport.write('last');
      transport.writeEof();
      for (const data of ['x', '', Buffer.alloc(0)]) {
        expect(refusal(() => transport.write(data))).toBe('StateError ERR_CLOSED');
      }
      expect(refusal(() => transport.writev([Buffer.from('x')]))).toBe('StateError ERR_CLOSED');
      expect(refusal(() => transport.writev([]))).toBe('StateError ERR_CLOSED');
      const received = await play(reactor, setting, () => receiveAll(reactor, far));
      expect(received.toString()).toBe('last');
    });

    it('refuses them also while what is before it is still buffered', () => {
      const reactor = open();
      const { transport } = connected(reactor, new Recorder());
      fill(transport);
      transport.writeEof();
      const { writeBufferSize } = transport;
      expect(refusal(() => transport.write('x'))).toBe('StateError ERR_CLOSED');
      expect(transport.writeBufferSize).toBe(writeBufferSize);
    });

    it('and then close() flushes first', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder());
      const written = fill(transport);
      transport.writeEof();
      transport.close();
      const received = await play(reactor, setting, () => receiveAll(reactor, far));
      expect(received.length).toBe(written);
      expect(await ended(reactor, protocol)).toBe(null);
    });

    it('by both ends ends the connection where eofReceived does not keep it', async () => {
      const reactor = open();
      const { transport, protocol, far } = connectedByTcp(reactor, new Recorder());
      transport.writeEof();
      far.shutdown('write');
      expect(await ended(reactor, protocol)).toBe(null);
      expect(protocol.events).toEqual(['made', 'eof', 'lost']);
    });

    it('in connectionMade sends the end, and the answer still comes', async () => {
      const reactor = open();
      const hooks = { connectionMade: (transport: Transport) => transport.writeEof() };
      const { protocol, far } = connected(reactor, new Recorder(hooks));
      expect(isReadable(far)).toBe(true);
      send(far, 'answer');
      far.close();
      expect(await ended(reactor, protocol)).toBe(null);
      expect(protocol.received.toString()).toBe('answer');
    });
  });

  describe('a transport', () => {
    it('has the addresses of both ends, also when it is lost, where they were asked for', async () => {
      const reactor = open();
      const { transport, protocol, far } = connectedByTcp(reactor, new Recorder());
      const addresses = [transport.localAddress, transport.remoteAddress];
      expect(addresses).toEqual([far.remoteAddress, far.localAddress]);
      expect(transport.reactor).toBe(reactor);
      far.close();
      await ended(reactor, protocol);
      expect([transport.localAddress, transport.remoteAddress]).toEqual(addresses);
    });

    it('counts the bytes of each direction', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder());
      expect([transport.bytesRead, transport.bytesWritten]).toEqual([0, 0]);
      transport.write('five!');
      transport.writev([Buffer.from('and'), Buffer.from('more')]);
      expect(transport.bytesWritten).toBe(12);
      send(far, 'seven..');
      await play(reactor, setting, () => protocol.untilReceived(7));
      send(far, 'one');
      await play(reactor, setting, () => protocol.untilReceived(10));
      expect([transport.bytesRead, transport.bytesWritten]).toEqual([10, 12]);
    });

    it('whose protocol is empty serves its connection to the end', async () => {
      const reactor = open();
      const { transport, far } = connected(reactor, {});
      send(far, 'nobody hears this');
      far.close();
      await runFor(reactor, setting, MOMENT);
      expect(transport.socket.closed).toBe(true);
      expect(transport.bytesRead).toBe(17);
      expectOver(transport);
    });

    it('closes its socket after connectionLost, though that throws', async () => {
      const errors: unknown[] = [];
      const reactor = open({ onError: (error) => errors.push(error) });
      const thrown = new Error('thrown');
      let wasOpen = false;
      const protocol = new Recorder({
        connectionLost(_, lost) {
          wasOpen = !lost.socket.closed;
          throw thrown;
        },
      });
      const { transport } = connected(reactor, protocol);
      transport.close();
      await ended(reactor, protocol);
      expect(wasOpen).toBe(true);
      expect(errors).toEqual([thrown]);
    });

    it('does not begin where its reactor is closed, and leaves the socket alone', () => {
      const reactor = open();
      reactor.close();
      const [near, far] = Socket.pair();
      onTestFinished(() => {
        near.close();
        far.close();
      });
      const protocol = new Recorder();
      expect(refusal(() => SocketTransport.start(reactor, near, protocol))).toBe('StateError ERR_CLOSED');
      expect(near.closed).toBe(false);
      expect(protocol.events).toEqual([]);
    });
  });
});
