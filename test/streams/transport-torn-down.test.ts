/** Connections whose socket, reactor or selector is closed under them: lost once, and nothing is left open. */
import { type Reactor, Socket } from 'iomux';
import type { Transport } from 'iomux/streams';
import { describe, expect, it } from 'vitest';
import { SocketTransport } from '../../lib/streams/socket-transport.js';
import { descriptorCount, expectNoLeak } from '../support/leaks.js';
import { drain, send } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { runFor } from '../support/running.js';
import { tcpPair } from '../support/sockets.js';
import { expectOver, untilEnded } from '../support/transport-endings.js';
import { codeOf, connected, connectedByTcp, fill } from '../support/transport-peers.js';
import { Recorder } from '../support/transport-recorder.js';

/** What a connection is in the middle of. */
const STATES: Readonly<Record<string, (transport: Transport) => void>> = {
  idle: () => {},
  paused: (transport) => transport.pauseReading(),
  'with buffered writes': (transport) => void fill(transport),
  closing(transport) {
    fill(transport);
    transport.close();
  },
};

describeReactors((setting, open) => {
  const ended = (reactor: Reactor, protocol: Recorder) => untilEnded(reactor, setting, protocol);

  /** What the first reactor of a process opens, and leaves open, is not counted. */
  async function openOnce(): Promise<void> {
    const first = open();
    await runFor(first, setting, 1);
    first.close();
  }

  describe('a reactor that is closed', () => {
    it.each(Object.entries(STATES))(
      'ends a connection that is %s, and closes its socket',
      async (_, bring) => {
        const before = descriptorCount();
        const reactor = open();
        const protocol = new Recorder();
        const [near, far] = tcpPair();
        const transport = SocketTransport.start(reactor, near, protocol);
        bring(transport);
        await runFor(reactor, setting, 1);
        const flushed = transport.writeBufferSize > 0 ? transport.flush() : null;
        reactor.close();
        expect(protocol.errors.map(codeOf)).toEqual(['ECANCELED']);
        expect(transport.socket.closed).toBe(true);
        if (flushed !== null) expect(codeOf(flushed.exception())).toBe('ECANCELED');
        far.close();
        expectOver(transport);
        await expectNoLeak(before);
      },
    );

    it.each([
      ['close', (transport: Transport) => transport.close(), 'null'],
      ['abort', (transport: Transport) => transport.abort(), 'null'],
      ['writeEof', (transport: Transport) => transport.writeEof(), 'ECANCELED'],
    ])('tells the loss of one that %s() was called of just before', (_, call, expected) => {
      const reactor = open();
      const { transport, protocol } = connected(reactor, new Recorder());
      call(transport);
      reactor.close();
      expect(protocol.errors.map(codeOf)).toEqual([expected]);
      expect(transport.socket.closed).toBe(true);
    });

    it('ends every connection, though a connectionLost throws and another closes a third', () => {
      const errors: unknown[] = [];
      const reactor = open({ onError: (error) => errors.push(error) });
      const thrown = new Error('thrown');
      const third = connected(reactor, new Recorder());
      const first = connected(
        reactor,
        new Recorder({
          connectionLost: () => {
            throw thrown;
          },
        }),
      );
      const second = connected(
        reactor,
        new Recorder({ connectionLost: () => third.transport.abort(new Error('by another')) }),
      );
      reactor.close();
      for (const { protocol, transport } of [first, second, third]) {
        expect(protocol.count('lost')).toBe(1);
        expect(transport.socket.closed).toBe(true);
      }
      expect(errors).toEqual([thrown]);
    });
  });

  describe('a selector that is closed under its reactor', () => {
    it('leaves a socket that is closed then to be closed once', async () => {
      await openOnce();
      const before = descriptorCount();
      const reactor = open();
      const [near, far] = Socket.pair();
      const protocol = new Recorder();
      const transport = SocketTransport.start(reactor, near, protocol);
      reactor.selector.close();
      expect(refusal(() => near.close())).toBe('nothing');
      far.close();
      reactor.close();
      expect(protocol.errors.map(codeOf)).toEqual(['ECANCELED']);
      expectOver(transport);
      await expectNoLeak(before);
    });

    it.runIf(setting.mode === 'hosted')('ends the connections of a run in progress', async () => {
      const reactor = open();
      const { transport, protocol } = connected(reactor, new Recorder());
      const other = connected(reactor, new Recorder());
      const run = reactor.run();
      reactor.callSoon(() => reactor.selector.close());
      await run.catch(() => {});
      await protocol.lost();
      reactor.close();
      for (const ends of [{ protocol, transport }, other]) {
        expect(ends.protocol.errors.map(codeOf)).toEqual(['ECANCELED']);
        expect(ends.transport.socket.closed).toBe(true);
      }
    });
  });

  describe('a selector that is closed in the moment in which a connection ends', () => {
    it.runIf(setting.mode === 'hosted').each([
      ['close', (transport: Transport) => transport.close(), 'null'],
      ['abort', (transport: Transport) => transport.abort(), 'null'],
      ['socket.close', (transport: Transport) => transport.socket.close(), 'ECANCELED'],
    ])('by %s() leaves it to be told, and its socket closed', async (_, end, expected) => {
      // The reactor reports that it can watch nothing any more.
      const reactor = open({ onError: () => {} });
      const { transport, protocol } = connected(reactor, new Recorder());
      const run = reactor.run();
      reactor.callSoon(() => {
        end(transport);
        reactor.selector.close();
      });
      await run.catch(() => {});
      reactor.close();
      expect(protocol.errors.map(codeOf)).toEqual([expected]);
      expect(transport.socket.closed).toBe(true);
    });
  });

  describe('a socket that others close', () => {
    it.each(Object.entries(STATES))('ends a connection that is %s', async (_, bring) => {
      const reactor = open();
      const { transport, protocol } = connectedByTcp(reactor, new Recorder());
      bring(transport);
      await runFor(reactor, setting, 1);
      const flushed = transport.writeBufferSize > 0 ? transport.flush() : null;
      transport.socket.close();
      expect(transport.closing).toBe(true);
      expect(transport.writeBufferSize).toBe(0);
      expect(protocol.events).not.toContain('lost');
      expect(codeOf(await ended(reactor, protocol))).toBe('ECANCELED');
      if (flushed !== null) expect(codeOf(flushed.exception())).toBe('ECANCELED');
      expectOver(transport);
    });

    it('is still told in an iteration of its own where one does so inside a callback', async () => {
      const reactor = open();
      let inside = '';
      const protocol = new Recorder({
        dataReceived(_, transport) {
          transport.socket.close();
          inside = protocol.events.join(' ');
        },
      });
      const { far } = connected(reactor, protocol);
      send(far);
      expect(codeOf(await ended(reactor, protocol))).toBe('ECANCELED');
      expect(inside).toBe('made data');
      expect(protocol.events).toEqual(['made', 'data', 'lost']);
    });

    it('or that is detached: the descriptor stays with whom it went to', async () => {
      const reactor = open();
      const { transport, protocol, far } = connected(reactor, new Recorder());
      const fd = transport.socket.detach();
      expect(codeOf(await ended(reactor, protocol))).toBe('ECANCELED');
      using taken = Socket.fromFd(fd);
      taken.send(Buffer.from('alive'));
      expect(drain(far)).toBe(5);
    });
  });
});
