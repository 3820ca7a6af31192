/** Socket operations as Futures: at once, later, in turn, cancelled, failed. */
import { createHash, randomBytes } from 'node:crypto';
import {
  AF_UNIX,
  CancelledError,
  EVENT_READ,
  EVENT_WRITE,
  type Reactor,
  SOCK_DGRAM,
  Socket,
  SystemError,
  WOULD_BLOCK,
} from 'iomux';
import { createTask, value } from 'iomux/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { datagramSocket, portOf } from '../support/connections.js';
import { drain, send, socketPair } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { isReadable, untilReadable } from '../support/readiness.js';
import { refusal } from '../support/refusals.js';
import { play, runFor, runToStop } from '../support/running.js';
import { type InetAddress, refusingAddress, tcpPair } from '../support/sockets.js';
import { TemporaryFolder } from '../support/temporary.js';

/** Long enough for what should not happen. */
const MOMENT = 20;

const loopback: InetAddress = { address: '127.0.0.1', port: 0 };

/** Closes what a test opened when it ends. */
function use<T extends { close(): void }>(...opened: T[]): T[] {
  onTestFinished(() => {
    for (const each of opened) each.close();
  });
  return opened;
}

function listening(): Socket {
  const [listener] = use(Socket.listen(loopback)) as [Socket];
  return listener;
}

/** A socket on its way to a listener; over the loopback it arrives at once. */
function caller(listener: Socket): Socket {
  const [client] = use(new Socket()) as [Socket];
  client.connect(listener.localAddress);
  return client;
}

function connection(): [client: Socket, server: Socket] {
  const pair = tcpPair();
  use(...pair);
  return pair;
}

/** Fills what the kernel keeps for `socket` to send; how much that was. */
function fill(socket: Socket): number {
  const chunk = Buffer.alloc(65_536);
  let total = 0;
  for (let sent = 0; sent !== WOULD_BLOCK; sent = socket.send(chunk)) total += sent;
  return total;
}

/** What a promise is rejected with. */
async function errorOf(promise: PromiseLike<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('it was not rejected');
}

describeReactors((setting, open) => {
  /** Nothing is watched for an operation that is over. */
  async function expectNothingWatched(reactor: Reactor): Promise<void> {
    reactor.callSoon(() => reactor.stop());
    await runToStop(reactor, setting);
    expect(reactor.selector.getMap().size).toBe(0);
  }

  /** Receives exactly `length` bytes. */
  async function receiveAll(reactor: Reactor, socket: Socket, length: number): Promise<Buffer> {
    const buffer = Buffer.alloc(length);
    let filled = 0;
    while (filled < length) {
      const count = await reactor.sockRecv(socket, buffer.subarray(filled));
      if (count === 0) break;
      filled += count;
    }
    return buffer.subarray(0, filled);
  }

  describe('sockRecv', () => {
    it('is done at once where something is there, before the reactor runs', () => {
      const reactor = open();
      const [near, far] = socketPair();
      send(far, 'there');
      const buffer = Buffer.alloc(16);
      const future = reactor.sockRecv(near, buffer);
      expect(future.done()).toBe(true);
      expect(future.result()).toBe(5);
      expect(buffer.toString('utf8', 0, 5)).toBe('there');
      expect(reactor.selector.getMap().size).toBe(0);
    });

    it('waits for what is not there yet', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const buffer = Buffer.alloc(16);
      const future = reactor.sockRecv(near, buffer);
      expect(future.done()).toBe(false);
      expect(future.reactor).toBe(reactor);
      reactor.callLater(5, () => send(far, 'late'));
      expect(await play(reactor, setting, async () => future)).toBe(4);
      expect(buffer.toString('utf8', 0, 4)).toBe('late');
      await expectNothingWatched(reactor);
    });

    it('is 0 at the end of the stream, again and again', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const future = reactor.sockRecv(near, Buffer.alloc(1));
      reactor.callSoon(() => far.close());
      expect(await play(reactor, setting, async () => future)).toBe(0);
      expect(reactor.sockRecv(near, Buffer.alloc(1)).result()).toBe(0);
    });

    it('gives what the peer sent before it ended, and then the end', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const received = play(reactor, setting, () => receiveAll(reactor, near, 100));
      reactor.callSoon(() => {
        send(far, 'last words');
        far.close();
      });
      expect((await received).toString()).toBe('last words');
    });

    it('fails with the error of the socket', async () => {
      const reactor = open();
      const [client, server] = connection();
      const future = reactor.sockRecv(client, Buffer.alloc(1));
      reactor.callSoon(() => {
        // Closed with something unread, TCP says goodbye by a reset.
        send(client);
        untilReadable(server);
        server.close();
      });
      const error = await play(reactor, setting, () => errorOf(future));
      expect(error).toBeInstanceOf(SystemError);
      expect([error['code'], error['syscall']]).toEqual(['ECONNRESET', 'recv']);
      expect(future.exception()).toBe(error);
      await expectNothingWatched(reactor);
    });

    it('that is cancelled reads nothing: the next one gets every byte', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const buffer = Buffer.alloc(16);
      const cancelled = reactor.sockRecv(near, buffer);
      expect(cancelled.cancel('no longer wanted')).toBe(true);
      expect(cancelled.cancel()).toBe(false);
      send(far, 'all of it');
      await runFor(reactor, setting, MOMENT);
      expect([cancelled.done(), cancelled.cancelled()]).toEqual([true, true]);
      expect(buffer.every((byte) => byte === 0)).toBe(true);
      const error = await errorOf(cancelled);
      expect(error).toBeInstanceOf(CancelledError);
      expect([error['code'], error.message]).toEqual(['ERR_CANCELLED', 'no longer wanted']);
      expect(reactor.sockRecv(near, buffer).result()).toBe(9);
      await expectNothingWatched(reactor);
    });

    it('that is cancelled in the batch that would have served it reads nothing', async () => {
      const reactor = open();
      const [first, firstPeer] = socketPair();
      const [second, secondPeer] = socketPair();
      const buffers = [Buffer.alloc(4), Buffer.alloc(4)] as const;
      const futures = [reactor.sockRecv(first, buffers[0]), reactor.sockRecv(second, buffers[1])] as const;
      // Whichever comes first cancels the other.
      const [watched, watchedPeer] = socketPair();
      reactor.addReader(watched, () => {
        drain(watched);
        for (const future of futures) future.cancel();
        reactor.callLater(MOMENT, () => reactor.stop());
      });
      reactor.callSoon(() => {
        for (const peer of [watchedPeer, firstPeer, secondPeer]) send(peer, 'data');
      });
      await runToStop(reactor, setting);
      for (const [index, socket] of [first, second].entries()) {
        // It was served before the callback, or else it is all still there.
        const served = futures[index]?.cancelled() === false;
        expect(drain(socket)).toBe(served ? 0 : 4);
      }
    });

    it('queues behind another of the same socket', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const buffers = ['', '', ''].map(() => Buffer.alloc(1));
      const order: number[] = [];
      const futures = buffers.map((buffer, index) => {
        const future = reactor.sockRecv(near, buffer);
        future.addDoneCallback(() => order.push(index));
        return future;
      });
      reactor.callSoon(() => send(far, 'abc'));
      const counts = await play(reactor, setting, () => Promise.all(futures));
      expect(counts).toEqual([1, 1, 1]);
      expect(Buffer.concat(buffers).toString()).toBe('abc');
      await expectNothingWatched(reactor);
      expect(order).toEqual([0, 1, 2]);
    });

    it('does not overtake one that waits, though something is there by now', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const [first, second] = [Buffer.alloc(1), Buffer.alloc(1)];
      const waiting = reactor.sockRecv(near, first);
      send(far, '12');
      const next = reactor.sockRecv(near, second);
      expect(next.done()).toBe(false);
      await play(reactor, setting, () => Promise.all([waiting, next]));
      expect([first.toString(), second.toString()]).toEqual(['1', '2']);
    });

    it('of which many wait gives others their turn in between', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const [other] = socketPair();
      const count = 128;
      const futures = Array.from({ length: count }, () => reactor.sockRecv(near, Buffer.alloc(1)));
      let turns = 0;
      reactor.callSoon(() => {
        send(far, '.'.repeat(count));
        reactor.addWriter(other, () => {
          turns++;
        });
      });
      await play(reactor, setting, () => Promise.all(futures));
      expect(turns).toBeGreaterThanOrEqual(count / 16 - 1);
    });

    it('in the middle of the queue can be cancelled, and the others move up', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const buffers = ['', '', ''].map(() => Buffer.alloc(1));
      const [first, second, third] = buffers.map((buffer) => reactor.sockRecv(near, buffer));
      expect(second?.cancel()).toBe(true);
      reactor.callSoon(() => send(far, 'ab'));
      await play(reactor, setting, () => Promise.all([first, third]));
      expect(buffers.map((buffer) => buffer.toString('latin1'))).toEqual(['a', '\0', 'b']);
      expect(second?.cancelled()).toBe(true);
    });

    it('at the head of the queue can be cancelled, and the next takes its place', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const [lost, kept] = [Buffer.alloc(1), Buffer.alloc(1)];
      const head = reactor.sockRecv(near, lost);
      const next = reactor.sockRecv(near, kept);
      reactor.callLater(2, () => {
        head.cancel();
        send(far, 'x');
      });
      expect(await play(reactor, setting, async () => next)).toBe(1);
      expect([lost[0], kept.toString()]).toEqual([0, 'x']);
      expect(drain(near)).toBe(0);
    });

    it('of which one fails leaves the next its own turn', async () => {
      const reactor = open();
      const [client, server] = connection();
      const futures = [1, 2].map(() => reactor.sockRecv(client, Buffer.alloc(1)));
      reactor.callSoon(() => {
        send(client);
        untilReadable(server);
        server.close();
      });
      const results = await play(reactor, setting, () => Promise.allSettled(futures));
      // The kernel tells an error once; afterwards the stream has ended.
      expect(results[0]).toMatchObject({ status: 'rejected', reason: { code: 'ECONNRESET' } });
      expect(results[1]).toEqual({ status: 'fulfilled', value: 0 });
    });
  });

  describe('sockSendAll', () => {
    it('is done at once where the kernel takes it', () => {
      const reactor = open();
      const [near, far] = socketPair();
      const future = reactor.sockSendAll(near, Buffer.from('at once'));
      expect(future.done()).toBe(true);
      expect(future.result()).toBeUndefined();
      expect(drain(far)).toBe(7);
    });

    it('of no bytes is done at once, and sends nothing', () => {
      const reactor = open();
      const [near, far] = socketPair();
      expect(reactor.sockSendAll(near, Buffer.alloc(0)).result()).toBeUndefined();
      expect(isReadable(far)).toBe(false);
      fill(near);
      expect(reactor.sockSendAll(near, Buffer.alloc(0)).done()).toBe(true);
    });

    it('goes on until everything is sent', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const data = randomBytes(1_000_000);
      const future = reactor.sockSendAll(near, data);
      expect(future.done()).toBe(false);
      const received = await play(reactor, setting, async () => {
        const all = await receiveAll(reactor, far, data.length);
        await future;
        return all;
      });
      expect(received.equals(data)).toBe(true);
      await expectNothingWatched(reactor);
    });

    it('queues behind another, and their bytes do not mix', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const parts = ['a', 'b', 'c'].map((letter) => Buffer.alloc(300_000, letter));
      const futures = parts.map((part) => reactor.sockSendAll(near, part));
      const received = await play(reactor, setting, async () => {
        const all = await receiveAll(reactor, far, 900_000);
        await Promise.all(futures);
        return all;
      });
      expect(received.equals(Buffer.concat(parts))).toBe(true);
    });

    it('in the middle of the queue is cancelled before it sent anything', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const parts = ['a', 'b', 'c'].map((letter) => Buffer.alloc(300_000, letter));
      const [first, second, third] = parts.map((part) => reactor.sockSendAll(near, part));
      second?.cancel();
      const received = await play(reactor, setting, async () => {
        const all = await receiveAll(reactor, far, 600_000);
        await Promise.all([first, third]);
        return all;
      });
      expect(received.includes('b')).toBe(false);
      expect(received.equals(Buffer.concat([parts[0], parts[2]] as Buffer[]))).toBe(true);
      expect(drain(far)).toBe(0);
    });

    it('that is cancelled half-way has sent a first part of it, and sends no more', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const data = randomBytes(1_000_000);
      const future = reactor.sockSendAll(near, data);
      await runFor(reactor, setting, 5);
      future.cancel();
      near.shutdown('write');
      const received = await play(reactor, setting, () => receiveAll(reactor, far, data.length));
      expect(received.length).toBeGreaterThan(0);
      expect(received.length).toBeLessThan(data.length);
      expect(received.equals(data.subarray(0, received.length))).toBe(true);
      await expectNothingWatched(reactor);
    });

    it('fails where the peer is gone', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      fill(near);
      const future = reactor.sockSendAll(near, Buffer.alloc(10));
      reactor.callSoon(() => far.close());
      const error = await play(reactor, setting, () => errorOf(future));
      expect(error).toBeInstanceOf(SystemError);
      expect(error['syscall']).toBe('send');
      expect(['EPIPE', 'ECONNRESET']).toContain(error['code']);
      // At once, too, it fails by the Future and not by a throw.
      const again = reactor.sockSendAll(near, Buffer.alloc(10));
      expect(again.done()).toBe(true);
      expect(again.exception()).toMatchObject({ code: 'EPIPE' });
    });
  });

  describe('sockAccept', () => {
    it('is done at once where somebody waits', async () => {
      const reactor = open();
      const listener = listening();
      const client = caller(listener);
      untilReadable(listener);
      const future = reactor.sockAccept(listener);
      expect(future.done()).toBe(true);
      const [accepted] = use(future.result()) as [Socket];
      expect(accepted).toBeInstanceOf(Socket);
      expect(accepted.remoteAddress).toEqual(client.localAddress);
    });

    it('waits for who is to come, one connection for each', async () => {
      const reactor = open();
      const listener = listening();
      const futures = [reactor.sockAccept(listener), reactor.sockAccept(listener)];
      expect(futures.map((future) => future.done())).toEqual([false, false]);
      const clients: Socket[] = [];
      reactor.callLater(2, () => clients.push(caller(listener)));
      reactor.callLater(4, () => clients.push(caller(listener)));
      const accepted = await play(reactor, setting, () => Promise.all(futures));
      use(...accepted);
      expect(accepted.map((socket) => portOf(socket.remoteAddress))).toEqual(
        clients.map((socket) => portOf(socket.localAddress)),
      );
      await expectNothingWatched(reactor);
    });

    it.each([
      ['accepts next', 0],
      ['waits already', 1],
    ])('gives a connection that a cancelled task was not told of to who %s', async (_, waiting) => {
      const reactor = open();
      const listener = listening();
      const accepting = reactor.sockAccept(listener);
      const others = Array.from({ length: waiting }, () => reactor.sockAccept(listener));
      const task = createTask(() => value(accepting), { reactor });
      await runFor(reactor, setting, 2);
      const client = caller(listener);
      untilReadable(listener);
      reactor.callLater(0, () => {
        // After I/O, in the same iteration: it is accepted, and not delivered yet.
        expect(accepting.done()).toBe(true);
        task.cancel();
        reactor.stop();
      });
      await runToStop(reactor, setting);
      const [next = reactor.sockAccept(listener)] = others;
      const accepted = await play(reactor, setting, async () => await next);
      use(accepted);
      await runFor(reactor, setting, 1);
      expect([task.cancelled(), accepting.cancelled()]).toEqual([true, true]);
      expect(accepted.remoteAddress).toEqual(client.localAddress);
      await expectNothingWatched(reactor);
    });

    it('closes a connection that nobody was told of where the listener is closed', async () => {
      const reactor = open();
      const listener = listening();
      const client = caller(listener);
      untilReadable(listener);
      const accepting = reactor.sockAccept(listener);
      expect(accepting.done()).toBe(true);
      listener.close();
      accepting.giveBack();
      expect(accepting.cancelled()).toBe(true);
      untilReadable(client);
      expect(client.recv(Buffer.alloc(1))).toBe(0);
    });

    it('that is cancelled loses no connection: the next one gets it', async () => {
      const reactor = open();
      const listener = listening();
      const cancelled = reactor.sockAccept(listener);
      await runFor(reactor, setting, 2);
      cancelled.cancel();
      const client = caller(listener);
      await runFor(reactor, setting, MOMENT);
      expect(cancelled.cancelled()).toBe(true);
      const future = reactor.sockAccept(listener);
      expect(future.done()).toBe(true);
      const [accepted] = use(future.result()) as [Socket];
      expect(accepted.remoteAddress).toEqual(client.localAddress);
      await expectNothingWatched(reactor);
    });

    it('that is cancelled in the batch that would have served it loses no connection', async () => {
      const reactor = open();
      const listener = listening();
      const [near, far] = socketPair();
      const future = reactor.sockAccept(listener);
      reactor.addReader(near, () => {
        drain(near);
        future.cancel();
        reactor.callLater(MOMENT, () => reactor.stop());
      });
      reactor.callSoon(() => {
        caller(listener);
        untilReadable(listener);
        send(far);
      });
      await runToStop(reactor, setting);
      // One of both was first.
      const accepted = future.cancelled() ? listener.accept() : future.result();
      expect(accepted).toBeInstanceOf(Socket);
      accepted?.close();
    });

    it('fails where the socket does not listen', async () => {
      const reactor = open();
      const [socket] = use(new Socket()) as [Socket];
      const future = reactor.sockAccept(socket);
      const error = await play(reactor, setting, () => errorOf(future));
      expect(error).toBeInstanceOf(SystemError);
      expect([error['code'], error['syscall']]).toEqual(['EINVAL', 'accept']);
    });
  });

  describe('sockConnect', () => {
    it('is done when the connection stands', async () => {
      const reactor = open();
      const listener = listening();
      const [client] = use(new Socket()) as [Socket];
      const accepting = reactor.sockAccept(listener);
      const [result, accepted] = await play(reactor, setting, () =>
        Promise.all([reactor.sockConnect(client, listener.localAddress), accepting]),
      );
      use(accepted);
      expect(result).toBeUndefined();
      expect(client.remoteAddress).toEqual(listener.localAddress);
      send(client, 'hello');
      untilReadable(accepted);
      expect(drain(accepted)).toBe(5);
      await expectNothingWatched(reactor);
    });

    it('to a Unix socket is done at once', () => {
      const reactor = open();
      const folder = new TemporaryFolder();
      onTestFinished(() => folder[Symbol.dispose]());
      const address = { path: folder.join('socket') };
      const [listener, client] = use(Socket.listen(address), new Socket(AF_UNIX)) as [Socket, Socket];
      const future = reactor.sockConnect(client, address);
      expect(future.done()).toBe(true);
      expect(future.result()).toBeUndefined();
      listener.accept()?.close();
    });

    it('that is refused says where', async () => {
      const reactor = open();
      const address = refusingAddress();
      const [client] = use(new Socket()) as [Socket];
      const error = await play(reactor, setting, () => errorOf(reactor.sockConnect(client, address)));
      expect(error).toBeInstanceOf(SystemError);
      expect(error.message).toBe(`connect ECONNREFUSED 127.0.0.1:${address.port}`);
      const { code, syscall, address: host, port } = error;
      expect({ code, syscall, address: host, port }).toEqual({
        code: 'ECONNREFUSED',
        syscall: 'connect',
        address: address.address,
        port: address.port,
      });
      await expectNothingWatched(reactor);
    });

    it('that is refused at once says where, by its Future', () => {
      const reactor = open();
      const folder = new TemporaryFolder();
      onTestFinished(() => folder[Symbol.dispose]());
      const path = folder.join('nobody');
      const [client] = use(new Socket(AF_UNIX)) as [Socket];
      const future = reactor.sockConnect(client, { path });
      expect(future.done()).toBe(true);
      expect(future.exception()).toMatchObject({ code: 'ENOENT', path, message: `connect ENOENT ${path}` });
    });

    it('that is cancelled is not watched any more, and its socket can be closed', async () => {
      const reactor = open();
      const listener = listening();
      const [client] = use(new Socket()) as [Socket];
      const future = reactor.sockConnect(client, listener.localAddress);
      const done = future.done();
      expect(future.cancel()).toBe(!done);
      client.close();
      await runFor(reactor, setting, MOMENT);
      expect(future.cancelled()).toBe(!done);
      expect(reactor.selector.getMap().size).toBe(0);
    });
  });

  describe('datagrams', () => {
    it('are received at once or later, with their sender', async () => {
      const reactor = open();
      const [one, other] = use(datagramSocket(), datagramSocket()) as [Socket, Socket];
      expect(reactor.sockSendTo(one, Buffer.from('first'), other.localAddress).result()).toBe(5);
      untilReadable(other);
      const buffer = Buffer.alloc(16);
      const atOnce = reactor.sockRecvFrom(other, buffer).result();
      expect(atOnce.length).toBe(5);
      expect(atOnce.address).toEqual(one.localAddress);
      const future = reactor.sockRecvFrom(other, buffer);
      expect(future.done()).toBe(false);
      reactor.callLater(2, () => one.sendTo(Buffer.from('second'), other.localAddress));
      const later = await play(reactor, setting, async () => future);
      expect(later.length).toBe(6);
      expect(buffer.toString('utf8', 0, 6)).toBe('second');
      expect(later.address).toEqual(one.localAddress);
      await expectNothingWatched(reactor);
    });

    it('may be empty', async () => {
      const reactor = open();
      const [one, other] = use(datagramSocket(), datagramSocket()) as [Socket, Socket];
      const future = reactor.sockRecvFrom(other, Buffer.alloc(16));
      expect(reactor.sockSendTo(one, Buffer.alloc(0), other.localAddress).result()).toBe(0);
      const received = await play(reactor, setting, async () => future);
      expect(received).toEqual({ length: 0, address: one.localAddress });
    });

    it('are received by sockRecv, too, an empty one as well', async () => {
      const reactor = open();
      const [near, far] = use(...Socket.pair(AF_UNIX, SOCK_DGRAM)) as [Socket, Socket];
      const future = reactor.sockRecv(near, Buffer.alloc(4));
      reactor.callSoon(() => far.send(Buffer.alloc(0)));
      expect(await play(reactor, setting, async () => future)).toBe(0);
    });

    it('wait where the receiver takes no more', async () => {
      const reactor = open();
      const folder = new TemporaryFolder();
      onTestFinished(() => folder[Symbol.dispose]());
      const address = { path: folder.join('receiver') };
      const [receiver, sender] = use(new Socket(AF_UNIX, SOCK_DGRAM), new Socket(AF_UNIX, SOCK_DGRAM)) as [
        Socket,
        Socket,
      ];
      receiver.bind(address);
      // Connected as well: only then does the kernel say when the receiver takes more.
      sender.connect(address);
      let sent = 0;
      while (sender.send(Buffer.from('x')) !== WOULD_BLOCK) sent++;
      const future = reactor.sockSendTo(sender, Buffer.from('last'), address);
      expect(future.done()).toBe(false);
      let received = 0;
      const last = Buffer.alloc(16);
      reactor.callLater(2, () => {
        for (; received < sent; received++) receiver.recv(last);
      });
      expect(await play(reactor, setting, async () => future)).toBe(4);
      expect(receiver.recv(last)).toBe(4);
      expect(last.toString('utf8', 0, 4)).toBe('last');
    });

    it('that are too long fail by their Future', () => {
      const reactor = open();
      const [one, other] = use(datagramSocket(), datagramSocket()) as [Socket, Socket];
      const future = reactor.sockSendTo(one, Buffer.alloc(70_000), other.localAddress);
      expect(future.done()).toBe(true);
      expect(future.exception()).toMatchObject({
        code: 'EMSGSIZE',
        port: portOf(other.localAddress),
      });
    });

    it('are not lost to a receiver that was cancelled', async () => {
      const reactor = open();
      const [one, other] = use(datagramSocket(), datagramSocket()) as [Socket, Socket];
      const cancelled = reactor.sockRecvFrom(other, Buffer.alloc(4));
      const next = reactor.sockRecvFrom(other, Buffer.alloc(4));
      cancelled.cancel();
      one.sendTo(Buffer.from('1'), other.localAddress);
      const received = await play(reactor, setting, async () => next);
      expect(received.length).toBe(1);
      expect(isReadable(other)).toBe(false);
    });
  });

  describe('one socket in both directions', () => {
    it('echoes a megabyte each way, byte for byte', async () => {
      const reactor = open();
      const [client, server] = connection();
      const data = randomBytes(1_048_576);
      const echo = async () => {
        const buffer = Buffer.alloc(65_536);
        for (;;) {
          const count = await reactor.sockRecv(server, buffer);
          if (count === 0) return server.shutdown('write');
          await reactor.sockSendAll(server, buffer.subarray(0, count));
        }
      };
      const received = await play(reactor, setting, async () => {
        const [back] = await Promise.all([
          receiveAll(reactor, client, data.length),
          reactor.sockSendAll(client, data).then(() => client.shutdown('write')),
          echo(),
        ]);
        return back;
      });
      const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
      expect(digest(received)).toBe(digest(data));
      await expectNothingWatched(reactor);
    });

    it('reads and writes at the same time, and one does not wait for the other', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const backlog = fill(near);
      const reading = reactor.sockRecv(near, Buffer.alloc(4));
      const writing = reactor.sockSendAll(near, Buffer.from('last'));
      expect([reading.done(), writing.done()]).toEqual([false, false]);
      reactor.callSoon(() => send(far, 'in'));
      expect(await play(reactor, setting, async () => reading)).toBe(2);
      expect(writing.done()).toBe(false);
      const received = await play(reactor, setting, async () => {
        const all = await receiveAll(reactor, far, backlog + 4);
        await writing;
        return all;
      });
      expect(received.toString('utf8', backlog)).toBe('last');
    });

    it('goes to and fro a hundred times', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const buffer = Buffer.alloc(8);
      const heard = await play(reactor, setting, async () => {
        const said: string[] = [];
        for (let round = 0; round < 100; round++) {
          const receiving = reactor.sockRecv(far, buffer);
          await reactor.sockSendAll(near, Buffer.from(`${round}`));
          said.push(buffer.toString('utf8', 0, await receiving));
        }
        return said;
      });
      expect(heard).toEqual(Array.from({ length: 100 }, (_, round) => `${round}`));
    });
  });

  describe('closing the socket', () => {
    it('rejects what is pending, in each direction and the whole queue, with ECANCELED', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      fill(near);
      const futures = [
        reactor.sockRecv(near, Buffer.alloc(1)),
        reactor.sockRecv(near, Buffer.alloc(1)),
        reactor.sockSendAll(near, Buffer.alloc(1)),
        reactor.sockSendAll(near, Buffer.alloc(1)),
      ];
      const settled = play(reactor, setting, () => Promise.allSettled(futures));
      reactor.callLater(2, () => near.close());
      for (const result of await settled) {
        expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ECANCELED' } });
        if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(SystemError);
      }
      expect(reactor.selector.getMap().size).toBe(0);
      far.close();
    });

    it('rejects an accept and a connect', async () => {
      const reactor = open();
      const listener = listening();
      const accepting = reactor.sockAccept(listener);
      const [client] = use(new Socket()) as [Socket];
      const connecting = reactor.sockConnect(client, listener.localAddress);
      const connectedAtOnce = connecting.done();
      listener.close();
      client.close();
      const error = await play(reactor, setting, () => errorOf(accepting));
      expect(error).toMatchObject({ code: 'ECANCELED' });
      if (!connectedAtOnce) expect(connecting.exception()).toMatchObject({ code: 'ECANCELED' });
    });

    it('is what closing the reactor comes to', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const listener = listening();
      const futures = [reactor.sockRecv(near, Buffer.alloc(1)), reactor.sockAccept(listener)];
      await runFor(reactor, setting, 1);
      reactor.close();
      for (const future of futures) expect(future.exception()).toMatchObject({ code: 'ECANCELED' });
      send(far);
      expect(drain(near)).toBe(1);
    });

    it.runIf(setting.mode === 'hosted')(
      'is what the end of a run comes to whose selector was closed',
      async () => {
        const reactor = open();
        const [near, far] = socketPair();
        const receiving = reactor.sockRecv(near, Buffer.alloc(1));
        const running = errorOf(reactor.run());
        await new Promise((resolve) => setTimeout(resolve, 5));
        expect(receiving.done()).toBe(false);
        reactor.selector.close();
        expect(await running).toMatchObject({ code: 'ERR_CLOSED' });
        expect(receiving.done()).toBe(true);
        expect(receiving.exception()).toMatchObject({ code: 'ECANCELED' });
        send(far);
        expect(drain(near)).toBe(1);
      },
    );

    it('is what giving its descriptor away comes to', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const future = reactor.sockRecv(near, Buffer.alloc(1));
      const fd = near.detach();
      send(far);
      const error = await play(reactor, setting, () => errorOf(future));
      expect(error).toMatchObject({ code: 'ECANCELED' });
      const [owner] = use(Socket.fromFd(fd)) as [Socket];
      expect(drain(owner)).toBe(1);
    });

    it('leaves who gets its number nothing of it', async () => {
      const reactor = open();
      const [near] = socketPair();
      const fd = near.fileno();
      const old = reactor.sockRecv(near, Buffer.alloc(1));
      near.close();
      const [next, peer] = socketPair();
      expect([next.fileno(), peer.fileno()]).toContain(fd);
      const [reader, writer] = next.fileno() === fd ? [next, peer] : [peer, next];
      const future = reactor.sockRecv(reader, Buffer.alloc(8));
      send(writer, 'new');
      expect(await play(reactor, setting, async () => future)).toBe(3);
      expect(old.exception()).toMatchObject({ code: 'ECANCELED' });
    });

    it('once a callback of the same batch did it, reads nothing from it', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const [watched, watchedPeer] = socketPair();
      const buffer = Buffer.alloc(4);
      const future = reactor.sockRecv(near, buffer);
      future.addDoneCallback(() => reactor.stop());
      reactor.addReader(watched, () => {
        drain(watched);
        near.close();
      });
      reactor.callSoon(() => {
        send(watchedPeer);
        send(far, 'data');
      });
      await runToStop(reactor, setting);
      // One of both was first.
      const error = future.exception();
      if (error === null) expect(future.result()).toBe(4);
      else {
        expect(error).toMatchObject({ code: 'ECANCELED' });
        expect(buffer.every((byte) => byte === 0)).toBe(true);
      }
    });
  });

  describe('what cannot be', () => {
    it('a closed socket is refused by the call', () => {
      const reactor = open();
      const [near] = socketPair();
      const listener = listening();
      near.close();
      listener.close();
      const calls = [
        () => reactor.sockAccept(listener),
        () => reactor.sockConnect(near, loopback),
        () => reactor.sockRecv(near, Buffer.alloc(1)),
        () => reactor.sockSendAll(near, Buffer.alloc(1)),
        () => reactor.sockRecvFrom(near, Buffer.alloc(1)),
        () => reactor.sockSendTo(near, Buffer.alloc(1), loopback),
      ];
      expect(calls.map(refusal)).toEqual(calls.map(() => 'StateError ERR_CLOSED'));
    });

    it('a direction that has a watcher is refused by the call, though something is there', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      send(far);
      const watcher = reactor.watch(near, EVENT_READ, () => {});
      expect(refusal(() => reactor.sockRecv(near, Buffer.alloc(1)))).toBe(
        'StateError ERR_ALREADY_REGISTERED',
      );
      reactor.addWriter(near, () => {});
      expect(refusal(() => reactor.sockSendAll(near, Buffer.alloc(1)))).toBe(
        'StateError ERR_ALREADY_REGISTERED',
      );
      expect(drain(near)).toBe(1);
      expect(isReadable(far)).toBe(false);
      watcher.close();
      reactor.removeWriter(near);
      const future = reactor.sockRecv(near, Buffer.alloc(1));
      send(far);
      expect(await play(reactor, setting, async () => future)).toBe(1);
    });

    it('a direction in which an operation waits has no room for a watcher until it is over', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const future = reactor.sockRecv(near, Buffer.alloc(1));
      expect(refusal(() => reactor.watch(near, EVENT_READ, () => {}))).toBe(
        'StateError ERR_ALREADY_REGISTERED',
      );
      expect(refusal(() => reactor.addReader(near, () => {}))).toBe('StateError ERR_ALREADY_REGISTERED');
      const writer = reactor.watch(near, EVENT_WRITE, (_events, watcher) => watcher.close());
      expect(writer.active).toBe(true);
      reactor.callSoon(() => send(far, '12'));
      await play(reactor, setting, async () => future);
      let calls = 0;
      reactor.watch(near, EVENT_READ, () => {
        calls++;
        reactor.stop();
      });
      await runToStop(reactor, setting);
      expect(calls).toBe(1);
    });

    it('removeReader does not remove an operation', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const future = reactor.sockRecv(near, Buffer.alloc(1));
      expect(reactor.removeReader(near)).toBe(false);
      send(far);
      expect(await play(reactor, setting, async () => future)).toBe(1);
    });

    it('arguments of a wrong kind are refused by the call, and change nothing', () => {
      const reactor = open();
      const [near] = socketPair();
      const wrong = 'wrong' as unknown;
      const calls: (() => unknown)[] = [
        () => reactor.sockAccept(wrong as Socket),
        () => reactor.sockConnect(wrong as Socket, loopback),
        () => reactor.sockRecv(wrong as Socket, Buffer.alloc(1)),
        () => reactor.sockRecv(near.fileno() as unknown as Socket, Buffer.alloc(1)),
        () => reactor.sockSendAll(wrong as Socket, Buffer.alloc(1)),
        () => reactor.sockRecv(near, wrong as Uint8Array),
        () => reactor.sockSendAll(near, wrong as Uint8Array),
        () => reactor.sockRecvFrom(near, wrong as Uint8Array),
        () => reactor.sockConnect(near, wrong as InetAddress),
        () => reactor.sockSendTo(near, Buffer.alloc(1), wrong as InetAddress),
      ];
      expect(calls.map(refusal)).toEqual(calls.map(() => 'TypeError ERR_INVALID_ARG_TYPE'));
      expect(reactor.selector.getMap().size).toBe(0);
    });

    it('a closed reactor does nothing', () => {
      const reactor = open();
      const [near] = socketPair();
      const listener = listening();
      reactor.close();
      const calls = [
        () => reactor.sockAccept(listener),
        () => reactor.sockConnect(near, loopback),
        () => reactor.sockRecv(near, Buffer.alloc(1)),
        () => reactor.sockSendAll(near, Buffer.alloc(1)),
        () => reactor.sockRecvFrom(near, Buffer.alloc(1)),
        () => reactor.sockSendTo(near, Buffer.alloc(1), loopback),
      ];
      expect(calls.map(refusal)).toEqual(calls.map(() => 'StateError ERR_CLOSED'));
    });
  });
});
