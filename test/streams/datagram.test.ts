/** Datagram endpoints: UDP and Unix, with and without a fixed peer. */
import { existsSync, writeFileSync } from 'node:fs';
import { type Address, AF_UNIX, type Reactor, SOCK_DGRAM, Socket } from 'iomux';
import {
  createDatagramEndpoint,
  type DatagramOptions,
  type DatagramProtocol,
  type DatagramTransport,
} from 'iomux/streams';
import { type Coroutine, createTask, sleep, value } from 'iomux/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { native } from '../../lib/native/load.js';
import { datagramSocket, portOf } from '../support/connections.js';
import { descriptorCount } from '../support/leaks.js';
import { takeAway } from '../support/memory.js';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { type DatagramHooks, DatagramRecorder } from '../support/server-datagrams.js';
import { iterationsOf, until } from '../support/server-scenes.js';
import { HOSTED, openReactor, playTask, type Reported, thrownAt } from '../support/task-scenes.js';
import { TemporaryFolder } from '../support/temporary.js';
import { codeOf } from '../support/transport-peers.js';

/** A Unix receiver takes 10 datagrams only, on some systems 512. */
const TOO_MANY = 600;
const LOCAL: Address = { address: '127.0.0.1', port: 0 };

/** A plain socket, closed when the test ends. */
function peerAt(address: Address | string = '127.0.0.1'): Socket {
  const socket = typeof address === 'string' ? datagramSocket(address) : new Socket(AF_UNIX, SOCK_DGRAM);
  if (typeof address !== 'string') socket.bind(address);
  onTestFinished(() => socket.close());
  return socket;
}

/** An endpoint, and its protocol. */
function* opened(
  options: DatagramOptions,
  hooks: DatagramHooks = {},
): Coroutine<{ transport: DatagramTransport; protocol: DatagramRecorder }> {
  const protocol = new DatagramRecorder(hooks);
  const transport = yield* value(createDatagramEndpoint(protocol, options));
  return { transport, protocol };
}

/** What waits for a socket, as text. */
function received(socket: Socket): string[] {
  const buffer = Buffer.alloc(65_536);
  const texts: string[] = [];
  for (;;) {
    const got = socket.recvFrom(buffer);
    if (got === null) return texts;
    texts.push(buffer.toString('utf8', 0, got.length));
  }
}

function send(socket: Socket, text: string, address: Address): void {
  expect(socket.sendTo(Buffer.from(text), address)).toBe(Buffer.byteLength(text));
}

function* ended({ lost }: DatagramRecorder, transport: DatagramTransport): Coroutine<void> {
  yield* until(() => lost.length > 0 && transport.socket.closed);
}

describeReactors((setting, open) => {
  const played = <T>(work: (reactor: Reactor) => Coroutine<T>): Promise<T> => {
    const reactor = open();
    return playTask(reactor, setting, () => work(reactor));
  };

  describe('createDatagramEndpoint', () => {
    it('receives from anybody, empty datagrams too, and answers to where they came from', async () => {
      const peers = [peerAt(), peerAt()] as const;
      await played(function* () {
        const before = descriptorCount();
        const order: string[] = [];
        const protocol = new DatagramRecorder({
          connectionMade: () => order.push('made'),
          datagramReceived: (text, address, transport) =>
            transport.send(Buffer.from(text), address ?? undefined),
        });
        const future = createDatagramEndpoint(protocol, { local: LOCAL });
        order.push('called');
        const transport = yield* value(future);
        expect(order).toEqual(['called', 'made']);
        const to = transport.socket.localAddress;
        send(peers[0], 'first', to);
        send(peers[1], '', to);
        send(peers[0], 'third', to);
        yield* until(() => protocol.datagrams.length === 3);
        expect(protocol.datagrams).toEqual(['first', '', 'third']);
        expect(protocol.senders).toEqual([peers[0], peers[1], peers[0]].map((peer) => peer.localAddress));
        expect(peers.map(received)).toEqual([['first', 'third'], ['']]);
        transport.close();
        transport.close();
        yield* ended(protocol, transport);
        expect(protocol.lost).toEqual([null]);
        expect(refusal(() => transport.send(Buffer.from('late'), to))).toBe('StateError ERR_CLOSED');
        transport.abort();
        yield sleep(5);
        expect(protocol.lost).toEqual([null]);
        expect(descriptorCount()).toBe(before);
      });
    });

    it('receives into other memory where that of a datagram was moved away', async () => {
      const peer = peerAt();
      await played(function* () {
        const lengths: number[] = [];
        const thief: DatagramProtocol = {
          datagramReceived(data) {
            lengths.push(data.length);
            takeAway(data.buffer);
          },
        };
        const transport = yield* value(createDatagramEndpoint(thief, { local: LOCAL }));
        for (let count = 1; count <= 3; count++) {
          send(peer, 'some', transport.socket.localAddress);
          yield* until(() => lengths.length === count);
        }
        expect(lengths).toEqual([4, 4, 4]);
      });
    });

    it('exchanges with its remote address only', async () => {
      const peer = peerAt();
      const stranger = peerAt();
      await played(function* () {
        const remote = peer.localAddress;
        const { transport, protocol } = yield* opened({ remote });
        transport.send(Buffer.from('without'));
        transport.send(Buffer.from('with'), { address: '127.0.0.1', port: portOf(remote) });
        transport.send(Buffer.from('known'), remote);
        transport.send(new Uint8Array());
        expect(received(peer)).toEqual(['without', 'with', 'known', '']);
        for (const other of [stranger.localAddress, { address: '127.0.0.2', port: portOf(remote) }]) {
          expect(refusal(() => transport.send(Buffer.from('x'), other))).toBe(
            'TypeError ERR_INVALID_ARG_VALUE',
          );
        }
        send(stranger, 'not for you', transport.socket.localAddress);
        send(peer, 'for you', transport.socket.localAddress);
        yield* until(() => protocol.datagrams.length > 0);
        expect(protocol.datagrams).toEqual(['for you']);
        expect(protocol.senders).toEqual([remote]);
        transport.abort();
        yield* ended(protocol, transport);
      });
    });

    it('tells that nobody receives, and stays open', async () => {
      await played(function* () {
        const peer = datagramSocket();
        const remote = peer.localAddress;
        peer.close();
        const { transport, protocol } = yield* opened({ remote });
        transport.send(Buffer.from('to nobody'));
        yield* until(() => protocol.errors.length > 0);
        expect(protocol.errors).toEqual(['ECONNREFUSED']);
        const again = new Socket(transport.socket.family, SOCK_DGRAM);
        onTestFinished(() => again.close());
        again.bind(remote);
        transport.send(Buffer.from('to somebody'));
        expect(received(again)).toEqual(['to somebody']);
        send(again, 'thanks', transport.socket.localAddress);
        yield* until(() => protocol.datagrams.length > 0);
        expect(protocol.events).toEqual(['made', 'error', 'datagram']);
        transport.abort();
        yield* ended(protocol, transport);
      });
    });

    it('keeps a copy of what there is no room for, in order, and sends it before it closes', async () => {
      using folder = new TemporaryFolder();
      const path = folder.join('receiver');
      for (const connected of [true, false]) {
        const peer = peerAt({ path: `${path}${connected}` });
        const address = peer.localAddress;
        await played(function* () {
          const options = connected ? { remote: address } : { local: { path: folder.join('sender') } };
          const { transport, protocol } = yield* opened(options);
          const memory = Buffer.alloc(5);
          for (let index = 0; index < TOO_MANY; index++) {
            memory.write(`${index}`.padStart(5));
            transport.send(memory, connected ? undefined : address);
          }
          transport.close();
          const texts: string[] = [];
          yield sleep(20);
          expect(protocol.lost).toEqual([]);
          while (texts.length < TOO_MANY) {
            texts.push(...received(peer));
            yield;
          }
          expect(texts.map(Number)).toEqual(Array.from({ length: TOO_MANY }, (_, index) => index));
          yield* ended(protocol, transport);
          expect(protocol.events).toEqual(['made', 'lost']);
          expect(protocol.lost).toEqual([null]);
        });
      }
    });

    it('receives no more than 32 datagrams before others have their turn', async () => {
      const peer = peerAt();
      await played(function* (reactor) {
        const iteration = iterationsOf(reactor);
        const counts = new Map<number, number>();
        const { transport, protocol } = yield* opened(
          { local: LOCAL },
          { datagramReceived: () => counts.set(iteration(), (counts.get(iteration()) ?? 0) + 1) },
        );
        const to = transport.socket.localAddress;
        for (let index = 0; index < 100; index++) send(peer, `${index}`, to);
        yield* until(() => protocol.datagrams.length === 100);
        expect(protocol.datagrams.map(Number)).toEqual(Array.from({ length: 100 }, (_, index) => index));
        expect(Math.max(...counts.values())).toBeLessThanOrEqual(32);
        // More than one at a time, too.
        expect(counts.size).toBeLessThan(20);
        transport.abort();
        yield* ended(protocol, transport);
      });
    });
  });
});

describe('createDatagramEndpoint', () => {
  const played = <T>(work: (reactor: Reactor) => Coroutine<T>, errors?: Reported[]): Promise<T> => {
    const reactor = openReactor(errors);
    return playTask(reactor, HOSTED, () => work(reactor));
  };

  it('serves IPv6, and both ends can have an address of their own', async () => {
    const peer = peerAt('::1');
    await played(function* () {
      const { transport, protocol } = yield* opened({
        local: { address: '::1', port: 0 },
        remote: peer.localAddress,
      });
      transport.send(Buffer.from('six'), { address: '0:0:0:0:0:0:0:1', port: portOf(peer.localAddress) });
      expect(received(peer)).toEqual(['six']);
      expect(transport.socket.localAddress).toMatchObject({ address: '::1', family: 'IPv6' });
      transport.abort();
      yield* ended(protocol, transport);
    });
  });

  it('needs an address to send to where it has no remote one', async () => {
    const six = peerAt('::1');
    await played(function* () {
      const { transport, protocol } = yield* opened({ local: LOCAL });
      const data = Buffer.from('x');
      expect(refusal(() => transport.send(data))).toBe('TypeError ERR_INVALID_ARG_TYPE');
      expect(refusal(() => transport.send(data, six.localAddress))).toBe('TypeError ERR_INVALID_ARG_VALUE');
      expect(refusal(() => transport.send(data, { path: '/tmp/x' }))).toBe('TypeError ERR_INVALID_ARG_VALUE');
      expect(refusal(() => transport.send('x' as unknown as Buffer, LOCAL))).toBe(
        'TypeError ERR_INVALID_ARG_TYPE',
      );
      expect(protocol.events).toEqual(['made']);
      transport.abort();
      yield* ended(protocol, transport);
    });
  });

  it('tells what cannot be sent by a callback, never from within send()', async () => {
    await played(function* () {
      let sending = false;
      const { transport, protocol } = yield* opened(
        { local: LOCAL },
        {
          errorReceived: (_, own) => {
            expect(sending).toBe(false);
            if (protocol.errors.length < 3) own.send(Buffer.alloc(65_520), own.socket.localAddress);
          },
        },
      );
      sending = true;
      transport.send(Buffer.alloc(65_520), transport.socket.localAddress);
      sending = false;
      yield* until(() => protocol.errors.length === 3);
      expect(protocol.errors).toEqual(['EMSGSIZE', 'EMSGSIZE', 'EMSGSIZE']);
      // Told of nothing once it is over.
      transport.send(Buffer.alloc(65_520), transport.socket.localAddress);
      transport.abort();
      yield* ended(protocol, transport);
      yield sleep(5);
      expect(protocol.events).toEqual(['made', 'error', 'error', 'error', 'lost']);
    });
  });

  it('skips what cannot be sent any more, and sends the rest', async () => {
    using folder = new TemporaryFolder();
    const [gone, there] = ['gone', 'there'].map((name) => peerAt({ path: folder.join(name) })) as [
      Socket,
      Socket,
    ];
    await played(function* () {
      const { transport, protocol } = yield* opened({ local: { path: folder.join('own') } });
      const to = gone.localAddress;
      for (let index = 0; index < TOO_MANY; index++) transport.send(Buffer.from(`${index}`), to);
      transport.send(Buffer.from('the rest'), there.localAddress);
      yield sleep(10);
      expect(received(there)).toEqual(['the rest']);
      expect(protocol.errors).toEqual([]);
      gone.close();
      yield* until(() => transport.writeBufferSize === 0);
      transport.send(Buffer.from('more'), there.localAddress);
      expect(received(there)).toEqual(['more']);
      expect(protocol.errors.length).toBeGreaterThan(0);
      expect(new Set(protocol.errors)).toEqual(new Set(['ECONNREFUSED']));
      transport.abort();
      yield* ended(protocol, transport);
    });
  });

  it('tries less and less often where a receiver has no room', async () => {
    using folder = new TemporaryFolder();
    const peer = peerAt({ path: folder.join('peer') });
    const { messageSendTo } = native;
    let calls = 0;
    native.messageSendTo = (...args) => {
      calls++;
      return messageSendTo(...args);
    };
    onTestFinished(() => {
      native.messageSendTo = messageSendTo;
    });
    await played(function* () {
      const { transport, protocol } = yield* opened({ local: { path: folder.join('own') } });
      for (let index = 0; index < TOO_MANY; index++) transport.send(Buffer.from('.'), peer.localAddress);
      calls = 0;
      yield sleep(100);
      // It tries, and the socket, which has room itself, is writable all the time.
      expect(calls).toBeGreaterThan(1);
      expect(calls).toBeLessThan(15);
      transport.abort();
      yield* ended(protocol, transport);
    });
  });

  it('aborted, drops what waits', async () => {
    using folder = new TemporaryFolder();
    const peer = peerAt({ path: folder.join('peer') });
    await played(function* () {
      const { transport, protocol } = yield* opened({ remote: peer.localAddress });
      for (let index = 0; index < TOO_MANY; index++) transport.send(Buffer.from('.'));
      transport.abort();
      expect(refusal(() => transport.send(Buffer.from('.')))).toBe('StateError ERR_CLOSED');
      expect(protocol.lost).toEqual([]);
      yield* ended(protocol, transport);
      expect(received(peer).length).toBeLessThan(TOO_MANY);
      expect(protocol.lost).toEqual([null]);
    });
  });

  it('delivers no datagram that does not fit whole', async () => {
    using folder = new TemporaryFolder();
    const sender = peerAt({ path: folder.join('sender') });
    await played(function* () {
      const { transport, protocol } = yield* opened({ local: { path: folder.join('receiver') } });
      const to = transport.socket.localAddress;
      expect(sender.sendTo(Buffer.alloc(100_000), to)).toBe(100_000);
      send(sender, 'short', to);
      yield* until(() => protocol.datagrams.length > 0);
      expect(protocol.datagrams).toEqual(['short']);
      expect(protocol.errors).toEqual(process.platform === 'linux' ? ['EMSGSIZE'] : []);
      transport.abort();
      yield* ended(protocol, transport);
    });
  });

  it('takes over the Unix path of nobody, leaves any other, and removes its own', async () => {
    using folder = new TemporaryFolder();
    const [stale, taken, file] = ['stale', 'taken', 'file'].map((name) => folder.join(name)) as [
      string,
      string,
      string,
    ];
    peerAt({ path: stale }).close();
    peerAt({ path: taken });
    writeFileSync(file, 'mine');
    await played(function* () {
      const { transport, protocol } = yield* opened({ local: { path: stale } });
      for (const path of [taken, file]) {
        const error = yield* thrownAt(() => createDatagramEndpoint({}, { local: { path } }));
        expect(error).toMatchObject({ code: 'EADDRINUSE', path });
        expect(existsSync(path)).toBe(true);
      }
      transport.close();
      yield* ended(protocol, transport);
      expect(existsSync(stale)).toBe(false);
    });
  });

  it('shares a port where it is asked to', async () => {
    await played(function* () {
      const first = yield* opened({ local: LOCAL, reusePort: true });
      const local = first.transport.socket.localAddress;
      const second = yield* opened({ local, reusePort: true });
      expect(second.transport.socket.localAddress).toEqual(local);
      const before = descriptorCount();
      const refused = yield* thrownAt(() => createDatagramEndpoint({}, { local }));
      expect(refused).toMatchObject({ code: 'EADDRINUSE', port: portOf(local) });
      const nowhere = yield* thrownAt(() =>
        createDatagramEndpoint({}, { remote: { path: '/nowhere/at/all' } }),
      );
      expect(nowhere).toMatchObject({ code: 'ENOENT', syscall: 'connect' });
      expect(descriptorCount()).toBe(before);
      for (const { transport, protocol } of [first, second]) {
        transport.abort();
        yield* ended(protocol, transport);
      }
    });
  });

  it('reports what a callback throws and goes on, but ends where it cannot begin', async () => {
    const errors: Reported[] = [];
    const peer = peerAt();
    await played(function* () {
      const failure = new Error('not mine');
      const throwing = () => {
        throw failure;
      };
      const { transport, protocol } = yield* opened(
        { local: LOCAL },
        { datagramReceived: throwing, errorReceived: throwing, connectionLost: throwing },
      );
      const to = transport.socket.localAddress;
      send(peer, 'one', to);
      send(peer, 'two', to);
      transport.send(Buffer.alloc(65_520), to);
      yield* until(() => protocol.events.length === 4);
      transport.close();
      yield* ended(protocol, transport);
      expect(errors.map(([error, { source }]) => [error, source])).toEqual(
        Array.from({ length: 4 }, () => [failure, 'transport']),
      );

      errors.length = 0;
      const stillborn = new DatagramRecorder({ connectionMade: throwing });
      const other = yield* value(createDatagramEndpoint(stillborn, { local: LOCAL }));
      yield* ended(stillborn, other);
      expect(stillborn.lost).toEqual([failure]);
      expect(errors.map(([error]) => error)).toEqual([failure]);
    }, errors);
  });

  it('is closed where it was cancelled, before it was made or before it was delivered', async () => {
    await played(function* () {
      const before = descriptorCount();
      const protocol = new DatagramRecorder();
      createDatagramEndpoint(protocol, { local: LOCAL }).cancel();
      expect(descriptorCount()).toBe(before);
      yield sleep(5);
      expect(protocol.events).toEqual([]);
      const task = createTask(function* () {
        yield* value(createDatagramEndpoint(protocol, { local: LOCAL }));
        throw new Error('it was delivered');
      });
      yield* until(() => protocol.events.length > 0);
      task.cancel();
      yield* until(() => protocol.lost.length > 0);
      expect(protocol.events).toEqual(['made', 'lost']);
      expect(descriptorCount()).toBe(before);
    });
  });

  it('ends with ECANCELED where its socket or its reactor is closed by others', async () => {
    const reactor = openReactor();
    await playTask(reactor, HOSTED, function* () {
      const { transport, protocol } = yield* opened({ local: LOCAL });
      transport.socket.close();
      expect(protocol.lost).toEqual([]);
      yield* ended(protocol, transport);
      expect(protocol.lost.map(codeOf)).toEqual(['ECANCELED']);
    });
    const { transport, protocol } = await playTask(reactor, HOSTED, () => opened({ local: LOCAL }));
    const unmade = new DatagramRecorder();
    const pending = createDatagramEndpoint(unmade, { local: LOCAL, reactor });
    const refused = Promise.allSettled([pending]);
    reactor.close();
    expect(protocol.lost.map(codeOf)).toEqual(['ECANCELED']);
    expect(transport.socket.closed).toBe(true);
    expect(unmade.events).toEqual([]);
    expect(await refused).toMatchObject([{ status: 'rejected', reason: { code: 'ECANCELED' } }]);
  });
});
