/** What a socket is: how it is made, whose its descriptor is, and how it ends. */
import { closeSync, existsSync, openSync } from 'node:fs';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  constants,
  createSelector,
  DatagramBatch,
  EVENT_READ,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  Socket,
  StateError,
  SystemError,
  selectorBackends,
  WOULD_BLOCK,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { makeBlocking } from '../support/blocking.js';
import { accept, connect, TcpConnection } from '../support/connections.js';
import {
  canReadFlags,
  duplicate,
  isCloseOnExec,
  isNonblocking,
  openDescriptors,
} from '../support/descriptors.js';
import { thrownBy } from '../support/expecting.js';
import { untilReadable } from '../support/readiness.js';
import { TemporaryFolder } from '../support/temporary.js';
import { exitOf, messageOf, startWorker } from '../support/workers.js';

const { SOCK_NONBLOCK = 0, SOCK_CLOEXEC = 0, IPPROTO_TCP = 0, IPPROTO_UDP = 0 } = constants;

describe('a new socket', () => {
  it('is IPv4 and TCP where nothing is asked for', () => {
    using socket = new Socket();
    expect([socket.family, socket.type, socket.closed]).toEqual([AF_INET, SOCK_STREAM, false]);
    expect(socket.fileno()).toBeGreaterThan(2);
    expect(socket.localAddress).toEqual({ address: '0.0.0.0', port: 0, family: 'IPv4' });
    expect(socket.remoteAddress).toBeNull();
  });

  it('has the family, the type and the protocol asked for', () => {
    const kinds: [family: number, type: number, protocol: number][] = [
      [AF_INET, SOCK_STREAM, IPPROTO_TCP],
      [AF_INET, SOCK_DGRAM, IPPROTO_UDP],
      [AF_INET6, SOCK_STREAM, IPPROTO_TCP],
      [AF_INET6, SOCK_DGRAM, IPPROTO_UDP],
      [AF_UNIX, SOCK_STREAM, 0],
      [AF_UNIX, SOCK_DGRAM, 0],
      [AF_UNIX, SOCK_SEQPACKET, 0],
    ];
    for (const [family, type, protocol] of kinds) {
      using socket = new Socket(family, type, protocol);
      expect([socket.family, socket.type]).toEqual([family, type]);
      expect(socket.getOption(constants['SOL_SOCKET'] as number, constants['SO_TYPE'] as number)).toBe(type);
    }
  });

  it('never shows creation flags in its type', () => {
    using socket = new Socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
    expect(socket.type).toBe(SOCK_STREAM);
    const [one, other] = Socket.pair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC);
    expect([one.type, other.type]).toEqual([SOCK_DGRAM, SOCK_DGRAM]);
    one.close();
    other.close();
  });

  it('is refused by the error of the system where there is no such thing', () => {
    const before = openDescriptors();
    expect(thrownBy(() => new Socket(9999))).toMatchObject({
      name: 'SystemError',
      code: 'EAFNOSUPPORT',
      syscall: 'socket',
      message: 'socket EAFNOSUPPORT',
    });
    expect(thrownBy(() => new Socket(AF_INET, SOCK_STREAM, IPPROTO_UDP))).toBeInstanceOf(SystemError);
    expect(thrownBy(() => Socket.pair(AF_INET))).toMatchObject({
      name: 'SystemError',
      syscall: 'socketpair',
    });
    expect(openDescriptors()).toEqual(before);
  });
});

describe.runIf(canReadFlags)('every descriptor that a socket makes', () => {
  it('is nonblocking and close-on-exec, opened, paired, accepted, adopted or received', () => {
    using tcp = new TcpConnection();
    using six = new Socket(AF_INET6, SOCK_DGRAM);
    const [one, other] = Socket.pair();
    const received = duplicate(one);
    using adopted = Socket.fromFd(received);
    for (const socket of [tcp.listener, tcp.client, tcp.server, six, one, other, adopted]) {
      const fd = socket.fileno();
      expect([isNonblocking(fd), isCloseOnExec(fd)]).toEqual([true, true]);
    }
    one.close();
    other.close();
  });

  it('is nonblocking where it comes from a listener that somebody made blocking', () => {
    // Whether accept(2) passes the mode on differs from system to system.
    using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
    using client = new Socket();
    connect(client, listener.localAddress);
    makeBlocking(listener.fileno());
    expect(isNonblocking(listener.fileno())).toBe(false);
    using server = accept(listener);
    expect([isNonblocking(server.fileno()), isCloseOnExec(server.fileno())]).toEqual([true, true]);
    expect(server.recv(Buffer.alloc(1))).toBe(WOULD_BLOCK);
  });
});

describe('Socket.pair', () => {
  it('gives two connected Unix streams by default', () => {
    const [one, other] = Socket.pair();
    expect([one.family, one.type, other.family, other.type]).toEqual([
      AF_UNIX,
      SOCK_STREAM,
      AF_UNIX,
      SOCK_STREAM,
    ]);
    one.send(Buffer.from('there'));
    other.send(Buffer.from('back'));
    const buffer = Buffer.alloc(16);
    expect(buffer.toString('utf8', 0, other.recv(buffer))).toBe('there');
    expect(buffer.toString('utf8', 0, one.recv(buffer))).toBe('back');
    expect([one.localAddress, one.remoteAddress]).toEqual([{ path: '' }, { path: '' }]);
    one.close();
    other.close();
  });

  it('keeps message boundaries between datagram and seqpacket sockets', () => {
    for (const type of [SOCK_DGRAM, SOCK_SEQPACKET]) {
      const [one, other] = Socket.pair(AF_UNIX, type);
      one.send(Buffer.from('a'));
      one.send(Buffer.from('bc'));
      const buffer = Buffer.alloc(16);
      expect([other.recv(buffer), other.recv(buffer), other.recv(buffer)]).toEqual([1, 2, -1]);
      one.close();
      other.close();
    }
  });
});

describe('Socket.fromFd', () => {
  it('reads family and type from the kernel and owns the descriptor from then on', () => {
    const kinds = [
      [AF_INET, SOCK_DGRAM],
      [AF_INET6, SOCK_STREAM],
      [AF_UNIX, SOCK_SEQPACKET],
    ] as const;
    for (const [family, type] of kinds) {
      const fd = new Socket(family, type).detach();
      const socket = Socket.fromFd(fd);
      expect([socket.fileno(), socket.family, socket.type]).toEqual([fd, family, type]);
      socket.close();
      expect(openDescriptors()).not.toContain(fd);
    }
  });

  it.runIf(canReadFlags)('sets a blocking descriptor nonblocking and close-on-exec', () => {
    const [one, other] = Socket.pair();
    const fd = one.detach();
    makeBlocking(fd);
    expect(isNonblocking(fd)).toBe(false);
    using adopted = Socket.fromFd(fd);
    expect([isNonblocking(fd), isCloseOnExec(fd)]).toEqual([true, true]);
    expect(adopted.recv(Buffer.alloc(1))).toBe(WOULD_BLOCK);
    other.close();
  });

  it('refuses what is no socket, and leaves it to the caller as it was', () => {
    const fd = openSync('/dev/null', 'r');
    expect(thrownBy(() => Socket.fromFd(fd))).toMatchObject({ name: 'SystemError', code: 'ENOTSOCK', fd });
    expect(openDescriptors()).toContain(fd);
    if (canReadFlags) expect(isNonblocking(fd)).toBe(false);
    closeSync(fd);
  });

  it('refuses a descriptor that is not open', () => {
    const fd = new Socket().detach();
    closeSync(fd);
    expect(thrownBy(() => Socket.fromFd(fd))).toMatchObject({
      name: 'SystemError',
      code: 'EBADF',
      fd,
      message: `getsockopt EBADF (fd ${fd})`,
    });
  });

  it('refuses what is no descriptor number', () => {
    for (const fd of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      expect(thrownBy(() => Socket.fromFd(fd))).toMatchObject({
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
        message: `fd must be a whole number from 0 to 2147483647, not ${fd}`,
      });
    }
    for (const fd of ['3', null, undefined, true, 3n, { fd: 3 }, new Socket()]) {
      expect(thrownBy(() => Socket.fromFd(fd as unknown as number))).toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringMatching(/^fd must be a number, not /),
      });
      if (fd instanceof Socket) fd.close();
    }
  });

  it('gives a duplicate that lives on when the original is closed', () => {
    const [one, other] = Socket.pair();
    using copy = Socket.fromFd(duplicate(one));
    one.close();
    copy.send(Buffer.from('still'));
    expect(other.recv(Buffer.alloc(16))).toBe(5);
    other.close();
  });
});

describe('Socket.listen', () => {
  it('is bound and listening, at a port of the system for port 0', () => {
    using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
    const { SOL_SOCKET = 0, SO_ACCEPTCONN = 0, SO_REUSEADDR = 0 } = constants;
    expect(listener.localAddress).toMatchObject({ address: '127.0.0.1', family: 'IPv4' });
    expect(listener.localAddress).not.toMatchObject({ port: 0 });
    expect(listener.getOption(SOL_SOCKET, SO_ACCEPTCONN)).not.toBe(0);
    expect(listener.getOption(SOL_SOCKET, SO_REUSEADDR)).not.toBe(0);
    expect(listener.remoteAddress).toBeNull();
  });

  it('leaves nothing open where the address is taken', () => {
    using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
    const { port } = listener.localAddress as { port: number };
    const before = openDescriptors();
    expect(thrownBy(() => Socket.listen({ address: '127.0.0.1', port }))).toMatchObject({
      name: 'SystemError',
      code: 'EADDRINUSE',
      address: '127.0.0.1',
      port,
      message: `bind EADDRINUSE 127.0.0.1:${port}`,
    });
    expect(openDescriptors()).toEqual(before);
  });

  it('leaves nothing open where an argument is wrong', () => {
    const before = openDescriptors();
    expect(thrownBy(() => Socket.listen({ address: '127.0.0.1', port: 70_000 }))).toBeInstanceOf(RangeError);
    expect(
      thrownBy(() => Socket.listen({ address: '127.0.0.1', port: 0 }, { backlog: 2 ** 31 })),
    ).toBeInstanceOf(RangeError);
    expect(
      thrownBy(() => Socket.listen({ address: '127.0.0.1', port: 0 }, { type: SOCK_DGRAM })),
    ).toBeInstanceOf(TypeError);
    expect(openDescriptors()).toEqual(before);
  });

  it('makes no file where an argument is wrong', () => {
    using folder = new TemporaryFolder();
    const path = folder.join('socket');
    for (const options of [
      { backlog: 'many' },
      { reusePort: 1 },
      { ipv6Only: 'no' },
      { type: SOCK_DGRAM },
      null,
      'x',
    ]) {
      expect(thrownBy(() => Socket.listen({ path }, options as never))['code']).toMatch(/^ERR_INVALID_ARG_/);
      expect(existsSync(path)).toBe(false);
    }
  });

  it('takes no IPv4 connections on an IPv6 listener unless it is told to', () => {
    using six = Socket.listen({ address: '::', port: 0 });
    const { IPPROTO_IPV6 = 0, IPV6_V6ONLY = 0 } = constants;
    expect(six.getOption(IPPROTO_IPV6, IPV6_V6ONLY)).toBe(1);
    const { port } = six.localAddress as { port: number };
    // The IPv4 side of the port is free, so somebody else may have it.
    using four = Socket.listen({ address: '127.0.0.1', port });
    using client = new Socket();
    connect(client, { address: '127.0.0.1', port });
    accept(four).close();
    expect(six.accept()).toBeNull();
  });

  it('takes IPv4 connections as mapped addresses where ipv6Only is false', () => {
    using both = Socket.listen({ address: '::', port: 0 }, { ipv6Only: false });
    const { port } = both.localAddress as { port: number };
    using client = new Socket();
    connect(client, { address: '127.0.0.1', port });
    using server = accept(both);
    expect(server.remoteAddress).toMatchObject({ address: '::ffff:127.0.0.1', family: 'IPv6' });
  });

  it('shares a port among listeners that all ask for it, and with no other', () => {
    using first = Socket.listen({ address: '127.0.0.1', port: 0 }, { reusePort: true });
    const { port } = first.localAddress as { port: number };
    using second = Socket.listen({ address: '127.0.0.1', port }, { reusePort: true });
    expect(second.localAddress).toEqual(first.localAddress);
    expect(thrownBy(() => Socket.listen({ address: '127.0.0.1', port }))).toMatchObject({
      code: 'EADDRINUSE',
    });
    const clients = Array.from({ length: 32 }, () => new Socket());
    for (const client of clients) connect(client, { address: '127.0.0.1', port });
    let accepted = 0;
    for (const listener of [first, second]) {
      for (let server = listener.accept(); server !== null; server = listener.accept()) {
        accepted++;
        server.close();
      }
    }
    expect(accepted).toBe(32);
    for (const client of clients) client.close();
  });

  it('listens at a Unix path, for streams and for seqpackets', () => {
    using folder = new TemporaryFolder();
    for (const type of [SOCK_STREAM, SOCK_SEQPACKET]) {
      const path = folder.join(`${type}`);
      using listener = Socket.listen({ path }, { type, backlog: 5 });
      expect([listener.family, listener.type, listener.localAddress]).toEqual([AF_UNIX, type, { path }]);
      using client = new Socket(AF_UNIX, type);
      expect(client.connect({ path })).toBe(true);
      using server = accept(listener);
      expect([server.family, server.type]).toEqual([AF_UNIX, type]);
      expect(thrownBy(() => Socket.listen({ path }, { type }))).toMatchObject({
        code: 'EADDRINUSE',
        path,
        message: `bind EADDRINUSE ${path}`,
      });
    }
  });

  it('takes a backlog of zero or less as the system does', () => {
    for (const backlog of [0, -1, 1, 2 ** 31 - 1]) {
      using listener = Socket.listen({ address: '127.0.0.1', port: 0 }, { backlog });
      using client = new Socket();
      connect(client, listener.localAddress);
      accept(listener).close();
    }
  });
});

describe('close', () => {
  it('frees the descriptor, once', () => {
    const socket = new Socket();
    const fd = socket.fileno();
    socket.close();
    expect([socket.fileno(), socket.closed]).toEqual([-1, true]);
    expect(openDescriptors()).not.toContain(fd);
    // The number may belong to somebody else by now: a second close must not reach the kernel.
    const other = new Socket();
    expect(other.fileno()).toBe(fd);
    socket.close();
    socket[Symbol.dispose]();
    expect(openDescriptors()).toContain(fd);
    other.close();
  });

  it('reports a descriptor that somebody else closed, and is closed all the same', () => {
    const socket = new Socket();
    const fd = socket.fileno();
    closeSync(fd);
    expect(thrownBy(() => socket.close())).toMatchObject({
      name: 'SystemError',
      code: 'EBADF',
      syscall: 'close',
      fd,
      message: `close EBADF (fd ${fd})`,
    });
    expect([socket.fileno(), socket.closed]).toEqual([-1, true]);
    expect(() => socket.close()).not.toThrow();
  });

  it('happens at the end of a using block, after an exception too', () => {
    let kept: Socket | undefined;
    expect(() => {
      using socket = new Socket();
      kept = socket;
      throw new Error('in the block');
    }).toThrow('in the block');
    expect(kept?.closed).toBe(true);
  });

  it('gives the peer the end of the stream', () => {
    using tcp = new TcpConnection();
    tcp.client.close();
    untilReadable(tcp.server);
    expect(tcp.server.recv(Buffer.alloc(1))).toBe(0);
    expect(tcp.server.recv(Buffer.alloc(1))).toBe(0);
  });

  it('leaves 2,000 rounds later as many descriptors as before', () => {
    const before = openDescriptors();
    for (let round = 0; round < 2000; round++) {
      const [one, other] = Socket.pair();
      one.close();
      Socket.fromFd(other.detach()).close();
    }
    expect(openDescriptors()).toEqual(before);
  });

  for (const backend of selectorBackends()) {
    it(`leaves a ${backend} selector first, and so does detach`, () => {
      using selector = createSelector(backend);
      const [one, other] = Socket.pair();
      selector.register(one, EVENT_READ);
      selector.register(other, EVENT_READ);
      one.close();
      expect(selector.getMap().size).toBe(1);
      const fd = other.detach();
      expect(selector.getMap().size).toBe(0);
      expect(selector.select(0)).toEqual([]);
      closeSync(fd);
    });

    it(`leaves a ${backend} selector also where somebody else closed the descriptor`, () => {
      using selector = createSelector(backend);
      const socket = new Socket();
      selector.register(socket, EVENT_READ);
      closeSync(socket.fileno());
      expect(thrownBy(() => socket.close())).toMatchObject({ code: 'EBADF' });
      expect(selector.getMap().size).toBe(0);
    });
  }
});

describe('detach', () => {
  it('gives the descriptor away: the object is closed, the descriptor is not', () => {
    const [one, other] = Socket.pair();
    const fd = one.detach();
    expect([one.fileno(), one.closed]).toEqual([-1, true]);
    one.close();
    expect(other.recv(Buffer.alloc(1))).toBe(-1);
    closeSync(fd);
    expect(other.recv(Buffer.alloc(1))).toBe(0);
    other.close();
  });

  it('leaves a descriptor that outlives the thread which gave it away', async () => {
    const worker = startWorker('detaching-worker.mjs');
    const ended = exitOf(worker);
    const [fd, peer] = (await messageOf(worker)) as [number, number];
    expect(await ended).toBe(0);
    using one = Socket.fromFd(fd);
    using other = Socket.fromFd(peer);
    expect(one.send(Buffer.from('alive'))).toBe(5);
    expect(other.recv(Buffer.alloc(8))).toBe(5);
  });

  it('works once', () => {
    const socket = new Socket();
    const fd = socket.detach();
    expect(thrownBy(() => socket.detach())).toMatchObject({ name: 'StateError', code: 'ERR_CLOSED' });
    closeSync(fd);
  });
});

describe('after close', () => {
  const buffer = Buffer.alloc(1);
  const address = { address: '127.0.0.1', port: 9 };
  const { SOL_SOCKET = 0, SO_KEEPALIVE = 0 } = constants;
  const uses: Record<string, (socket: Socket) => unknown> = {
    localAddress: (socket) => socket.localAddress,
    remoteAddress: (socket) => socket.remoteAddress,
    bind: (socket) => socket.bind(address),
    listen: (socket) => socket.listen(),
    accept: (socket) => socket.accept(),
    connect: (socket) => socket.connect(address),
    finishConnect: (socket) => socket.finishConnect(),
    takeError: (socket) => socket.takeError(),
    recv: (socket) => socket.recv(buffer),
    send: (socket) => socket.send(buffer),
    sendv: (socket) => socket.sendv([buffer]),
    recvFrom: (socket) => socket.recvFrom(buffer),
    sendTo: (socket) => socket.sendTo(buffer, address),
    recvMessage: (socket) => socket.recvMessage(buffer),
    sendMessage: (socket) => socket.sendMessage(buffer),
    recvBatch: (socket) => socket.recvBatch(new DatagramBatch(1, 1)),
    sendBatch: (socket) => socket.sendBatch(new DatagramBatch(1, 1), 1),
    shutdown: (socket) => socket.shutdown('both'),
    setOption: (socket) => socket.setOption(SOL_SOCKET, SO_KEEPALIVE, true),
    getOption: (socket) => socket.getOption(SOL_SOCKET, SO_KEEPALIVE),
    setNoDelay: (socket) => socket.setNoDelay(),
    setKeepAlive: (socket) => socket.setKeepAlive(),
    setReuseAddress: (socket) => socket.setReuseAddress(),
    setReusePort: (socket) => socket.setReusePort(),
    detach: (socket) => socket.detach(),
  };
  for (const [name, use] of Object.entries(uses)) {
    it(`${name} says that the socket is closed, and does not touch who has its number now`, () => {
      const socket = new Socket();
      const fd = socket.fileno();
      socket.close();
      using heir = new Socket();
      expect(heir.fileno()).toBe(fd);
      const error = thrownBy(() => use(socket));
      expect(error).toBeInstanceOf(StateError);
      expect(error).toMatchObject({ code: 'ERR_CLOSED', message: 'the socket is closed' });
      expect(heir.localAddress).toEqual({ address: '0.0.0.0', port: 0, family: 'IPv4' });
      expect(heir.getOption(SOL_SOCKET, SO_KEEPALIVE)).toBe(0);
    });
  }

  it('family and type are still known', () => {
    const socket = new Socket(AF_INET6, SOCK_DGRAM);
    socket.close();
    expect([socket.family, socket.type]).toEqual([AF_INET6, SOCK_DGRAM]);
  });

  it('every method of the class is in this list', () => {
    const described = Object.getOwnPropertyDescriptors(Socket.prototype);
    const alive = ['constructor', 'fileno', 'closed', 'close'];
    const methods = Object.keys(described).filter((name) => !alive.includes(name));
    expect(Object.keys(uses).sort()).toEqual(methods.sort());
  });
});
