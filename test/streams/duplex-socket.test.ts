/** What a stream of a connection has of a net.Socket. */
import { once } from 'node:events';
import type { Socket as NetSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { constants } from 'iomux';
import { describe, expect, it } from 'vitest';
import { hosted, streamAndPeer } from '../support/duplex-peers.js';
import { take } from '../support/net-client.js';

const { IPPROTO_TCP = 0, TCP_NODELAY = 0, SOL_SOCKET = 0, SO_KEEPALIVE = 0 } = constants;
/** Milliseconds: a loaded machine must act within half of it. */
const SILENCE = 500;

describe('a stream of a connection', () => {
  it(
    'has the addresses that its peer sees',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      expect(stream).toMatchObject({
        remoteAddress: peer.localAddress,
        remotePort: peer.localPort,
        remoteFamily: 'IPv4',
        localAddress: peer.remoteAddress,
        localPort: peer.remotePort,
        localFamily: 'IPv4',
        connecting: false,
        pending: false,
      });
      expect(stream.address()).toEqual({ address: '127.0.0.1', port: peer.remotePort, family: 'IPv4' });
      stream.destroy();
      await once(stream, 'close');
      expect(stream.remoteAddress).toBe('127.0.0.1');
      expect(stream.localAddress).toBeUndefined();
      expect(stream.address()).toEqual({});
    }),
  );

  it(
    'sets the options of its socket, and none once it is closed',
    hosted(async (reactor) => {
      const [stream, , { socket }] = await streamAndPeer(reactor);
      expect(stream.setNoDelay(false).setKeepAlive(true, 1000)).toBe(stream);
      expect(socket.getOption(IPPROTO_TCP, TCP_NODELAY)).toBe(0);
      expect(socket.getOption(SOL_SOCKET, SO_KEEPALIVE)).not.toBe(0);
      stream.setNoDelay().setKeepAlive();
      expect(socket.getOption(IPPROTO_TCP, TCP_NODELAY)).not.toBe(0);
      expect(socket.getOption(SOL_SOCKET, SO_KEEPALIVE)).toBe(0);
      expect(stream.ref().unref()).toBe(stream);
      stream.destroy();
      await once(stream, 'close');
      expect(stream.setNoDelay().setKeepAlive(true)).toBe(stream);
    }),
  );

  it(
    "emits 'timeout' after a silence, stays open, and does so again after the next one",
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const start = performance.now();
      let called = 0;
      stream.setTimeout(50, () => called++);
      expect(stream.timeout).toBe(50);
      await once(stream, 'timeout');
      expect(performance.now() - start).toBeGreaterThanOrEqual(49);
      expect(stream.destroyed).toBe(false);
      await sleep(100);
      expect(called).toBe(1);
      stream.resume();
      peer.write('x');
      await once(stream, 'timeout');
      expect(called).toBe(1);
    }),
  );

  const activities: Readonly<Record<string, (stream: Duplex, peer: NetSocket) => unknown>> = {
    'what is read': (_, peer) => peer.write('x'),
    'what is written': (stream) => stream.write('x'),
    'the progress of a long write': (_, peer) => take(peer, 16 << 20),
  };
  for (const [activity, act] of Object.entries(activities)) {
    it(
      `counts ${activity} as no silence`,
      hosted(async (reactor) => {
        const [stream, peer] = await streamAndPeer(reactor);
        stream.resume();
        if (activity.includes('long')) stream.write(Buffer.alloc(64 << 20));
        const silent = once(stream.setTimeout(SILENCE), 'timeout');
        await sleep(SILENCE / 2);
        const begun = performance.now();
        await act(stream, peer);
        await silent;
        expect(performance.now() - begun).toBeGreaterThanOrEqual(SILENCE - 1);
      }),
    );
  }

  it(
    'is not timed out any more when it is told so, or is destroyed',
    hosted(async (reactor) => {
      let silent = 0;
      const callback = () => {
        silent++;
      };
      const [stream] = await streamAndPeer(reactor);
      stream.setTimeout(20, callback).setTimeout(0, callback);
      const [destroyed] = await streamAndPeer(reactor);
      destroyed.setTimeout(20, callback).destroy();
      destroyed.setTimeout(20, callback);
      await sleep(60);
      expect(silent).toBe(0);
      expect(stream.listenerCount('timeout')).toBe(0);
    }),
  );

  it(
    'refuses a timeout that is none',
    hosted(async (reactor) => {
      const [stream] = await streamAndPeer(reactor);
      for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(() => stream.setTimeout(value)).toThrow(RangeError);
      }
      expect(() => stream.setTimeout('1' as unknown as number)).toThrow(TypeError);
      expect(() => stream.setTimeout(1, 'x' as unknown as () => void)).toThrow(TypeError);
      expect(stream.timeout).toBeUndefined();
    }),
  );
});
