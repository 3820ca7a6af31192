/** Connecting: at once, under way, refused, and asked about too early or too often. */
import { AF_INET6, AF_UNIX, constants, SOCK_DGRAM, SOCK_SEQPACKET, Socket } from 'iomux';
import { describe, expect, it } from 'vitest';
import { accept, connect, datagramSocket, portOf } from '../support/connections.js';
import { thrownBy } from '../support/expecting.js';
import { untilReadable, untilWritable } from '../support/readiness.js';
import { TemporaryFolder } from '../support/temporary.js';

/** A TCP socket that is bound and does not listen: its port refuses, and nobody else can take it. */
function refusing(address = '127.0.0.1'): { socket: Socket; port: number } {
  const socket = address.includes(':') ? new Socket(AF_INET6) : new Socket();
  socket.bind({ address, port: 0 });
  return { socket, port: portOf(socket.localAddress) };
}

/** A listener whose queue is full: a backlog of 0 holds one connection, a further connect gets no answer. */
function fullListener(): { listener: Socket; close(): void } {
  const listener = Socket.listen({ address: '127.0.0.1', port: 0 }, { backlog: 0 });
  const first = new Socket();
  connect(first, listener.localAddress);
  return {
    listener,
    close() {
      listener.close();
      first.close();
    },
  };
}

describe('connecting over TCP', () => {
  it('is under way, then writable, then finished', () => {
    for (const address of ['127.0.0.1', '::1']) {
      using listener = Socket.listen({ address, port: 0 });
      using client = new Socket(listener.family);
      expect(client.connect(listener.localAddress)).toBe(false);
      untilWritable(client);
      expect(client.finishConnect()).toBe(true);
      expect(client.finishConnect()).toBe(true);
      expect(client.remoteAddress).toEqual(listener.localAddress);
      using server = accept(listener);
      expect(server.remoteAddress).toEqual(client.localAddress);
      expect(server.localAddress).toEqual(client.remoteAddress);
    }
  });

  it('is not finished while nobody answers', () => {
    const full = fullListener();
    using client = new Socket();
    expect(client.connect(full.listener.localAddress)).toBe(false);
    expect(client.finishConnect()).toBe(false);
    expect(client.finishConnect()).toBe(false);
    expect(client.remoteAddress).toBeNull();
    full.close();
  });

  it('refused, throws its error with address and port, once; then there is no connection', () => {
    const { socket, port } = refusing();
    using client = new Socket();
    expect(client.connect({ address: '127.0.0.1', port })).toBe(false);
    untilWritable(client);
    expect(thrownBy(() => client.finishConnect())).toMatchObject({
      name: 'SystemError',
      code: 'ECONNREFUSED',
      errno: expect.toSatisfy((errno) => errno < 0),
      syscall: 'connect',
      address: '127.0.0.1',
      port,
      message: `connect ECONNREFUSED 127.0.0.1:${port}`,
    });
    expect(thrownBy(() => client.finishConnect())).toMatchObject({
      name: 'SystemError',
      code: 'ENOTCONN',
      syscall: 'connect',
      address: '127.0.0.1',
      port,
    });
    expect(client.remoteAddress).toBeNull();
    expect(client.closed).toBe(false);
    socket.close();
  });

  it('refused over IPv6, says so as Node does', () => {
    const { socket, port } = refusing('::1');
    using client = new Socket(AF_INET6);
    client.connect({ address: '::1', port });
    untilWritable(client);
    expect(thrownBy(() => client.finishConnect())).toMatchObject({
      code: 'ECONNREFUSED',
      address: '::1',
      port,
      message: `connect ECONNREFUSED ::1:${port}`,
    });
    socket.close();
  });

  it('refused, is told by takeError instead where that asks first', () => {
    const { socket, port } = refusing();
    using client = new Socket();
    client.connect({ address: '127.0.0.1', port });
    untilWritable(client);
    expect(client.takeError()).toMatchObject({ name: 'SystemError', code: 'ECONNREFUSED' });
    expect(client.takeError()).toBeNull();
    expect(thrownBy(() => client.finishConnect())).toMatchObject({ code: 'ENOTCONN' });
    socket.close();
  });

  it('refused once, succeeds with a new socket when somebody listens', () => {
    const { socket, port } = refusing();
    const address = { address: '127.0.0.1', port };
    using client = new Socket();
    client.connect(address);
    untilWritable(client);
    expect(thrownBy(() => client.finishConnect())).toMatchObject({ code: 'ECONNREFUSED' });
    socket.listen();
    using second = new Socket();
    connect(second, address);
    expect(second.remoteAddress).toMatchObject(address);
    socket.close();
  });

  it('asked for before any connect, is not connected', () => {
    using client = new Socket();
    expect(thrownBy(() => client.finishConnect())).toMatchObject({
      name: 'SystemError',
      code: 'ENOTCONN',
      fd: client.fileno(),
    });
  });

  it('begun twice, is refused by the kernel and goes on', () => {
    const full = fullListener();
    using client = new Socket();
    const { localAddress } = full.listener;
    expect(client.connect(localAddress)).toBe(false);
    expect(thrownBy(() => client.connect(localAddress))).toMatchObject({
      code: 'EALREADY',
      syscall: 'connect',
    });
    expect(client.finishConnect()).toBe(false);
    full.close();
    using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
    using other = new Socket();
    connect(other, listener.localAddress);
    // The first call after the end of a connect may be told how it ended, the next is refused.
    expect(
      thrownBy(() => {
        other.connect(listener.localAddress);
        other.connect(listener.localAddress);
      }),
    ).toMatchObject({ code: 'EISCONN' });
    expect(other.remoteAddress).toEqual(listener.localAddress);
  });

  it('names where it went in its late error, not where a second connect was refused to go', () => {
    const full = fullListener();
    const address = full.listener.localAddress;
    using client = new Socket();
    expect(client.connect(address)).toBe(false);
    expect(thrownBy(() => client.connect({ address: '127.0.0.2', port: 9 }))).toMatchObject({
      code: 'EALREADY',
      address: '127.0.0.2',
      port: 9,
    });
    // Without a listener the next SYN, after about a second, is refused.
    full.close();
    untilWritable(client);
    expect(thrownBy(() => client.finishConnect())).toMatchObject({
      code: 'ECONNREFUSED',
      address: '127.0.0.1',
      port: portOf(address),
    });
  });

  it('to an address that cannot be reached, throws at once, with the address', () => {
    using client = new Socket();
    expect(thrownBy(() => client.connect({ address: '255.255.255.255', port: 9 }))).toMatchObject({
      name: 'SystemError',
      syscall: 'connect',
      address: '255.255.255.255',
      port: 9,
      message: expect.stringMatching(/^connect E[A-Z]+ 255\.255\.255\.255:9$/),
    });
    expect(client.remoteAddress).toBeNull();
  });

  it('starts from the address it is bound to', () => {
    using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
    using client = new Socket();
    client.bind({ address: '127.0.0.3', port: 0 });
    connect(client, listener.localAddress);
    using server = accept(listener);
    expect(server.remoteAddress).toMatchObject({ address: '127.0.0.3' });
  });

  it('binds once', () => {
    using socket = new Socket();
    socket.bind({ address: '127.0.0.1', port: 0 });
    const before = socket.localAddress;
    expect(thrownBy(() => socket.bind({ address: '127.0.0.1', port: 0 }))).toMatchObject({
      code: 'EINVAL',
      syscall: 'bind',
      message: 'bind EINVAL 127.0.0.1:0',
    });
    expect(socket.localAddress).toEqual(before);
  });
});

describe('connecting over a Unix socket', () => {
  it('is done at once', () => {
    using folder = new TemporaryFolder();
    const path = folder.join('socket');
    using listener = Socket.listen({ path });
    using client = new Socket(AF_UNIX);
    expect(client.connect({ path })).toBe(true);
    expect(client.finishConnect()).toBe(true);
    expect(client.remoteAddress).toEqual({ path });
    using server = accept(listener);
    expect(server.localAddress).toEqual({ path });
    expect(server.remoteAddress).toEqual({ path: '' });
  });

  it('to nowhere, throws with the path', () => {
    using folder = new TemporaryFolder();
    const path = folder.join('nobody');
    using client = new Socket(AF_UNIX);
    expect(thrownBy(() => client.connect({ path }))).toMatchObject({
      name: 'SystemError',
      code: 'ENOENT',
      syscall: 'connect',
      path,
      message: `connect ENOENT ${path}`,
    });
    Socket.listen({ path }).close();
    expect(thrownBy(() => client.connect({ path }))).toMatchObject({
      code: 'ECONNREFUSED',
      path,
      message: `connect ECONNREFUSED ${path}`,
    });
    expect(thrownBy(() => client.connect({ path: Buffer.from(path) }))).toMatchObject({
      code: 'ECONNREFUSED',
      path,
      message: `connect ECONNREFUSED ${path}`,
    });
    // The same socket works when somebody is there.
    using listener = Socket.listen({ path: folder.join('somebody') });
    expect(client.connect(listener.localAddress)).toBe(true);
  });

  it('to a socket of another type, throws', () => {
    using folder = new TemporaryFolder();
    const path = folder.join('socket');
    using _listener = Socket.listen({ path }, { type: SOCK_SEQPACKET });
    using client = new Socket(AF_UNIX);
    expect(thrownBy(() => client.connect({ path }))).toMatchObject({ code: 'EPROTOTYPE', path });
  });

  it('throws EAGAIN where the queue is full, and works when there is room', () => {
    using folder = new TemporaryFolder();
    const path = folder.join('socket');
    using listener = Socket.listen({ path }, { backlog: 0 });
    const clients: Socket[] = [];
    let refused: Socket | undefined;
    while (refused === undefined && clients.length < 10) {
      const client = new Socket(AF_UNIX);
      try {
        expect(client.connect({ path })).toBe(true);
        clients.push(client);
      } catch (error) {
        expect(error).toMatchObject({
          name: 'SystemError',
          code: 'EAGAIN',
          syscall: 'connect',
          path,
          message: `connect EAGAIN ${path}`,
        });
        refused = client;
      }
    }
    expect(clients).toHaveLength(1);
    expect(refused?.remoteAddress).toBeNull();
    accept(listener).close();
    expect(refused?.connect({ path })).toBe(true);
    accept(listener).close();
    expect(listener.accept()).toBeNull();
    for (const client of [...clients, refused]) client?.close();
  });
});

describe('a connected UDP socket', () => {
  it('is connected at once, and needs no address', () => {
    using server = datagramSocket();
    using client = datagramSocket();
    expect(client.remoteAddress).toBeNull();
    expect(client.connect(server.localAddress)).toBe(true);
    expect(client.finishConnect()).toBe(true);
    expect(client.remoteAddress).toEqual(server.localAddress);
    expect(client.send(Buffer.from('hello'))).toBe(5);
    untilReadable(server);
    expect(server.recvFrom(Buffer.alloc(8))).toEqual({ length: 5, address: client.localAddress });
  });

  it('receives from its peer alone', () => {
    using server = datagramSocket();
    using stranger = datagramSocket();
    using client = datagramSocket();
    client.connect(server.localAddress);
    stranger.sendTo(Buffer.from('stranger'), client.localAddress);
    server.sendTo(Buffer.from('peer'), client.localAddress);
    untilReadable(client);
    const buffer = Buffer.alloc(16);
    expect(buffer.toString('utf8', 0, client.recv(buffer))).toBe('peer');
    expect(client.recv(buffer)).toBe(-1);
  });

  it('hears that its peer is gone, once for each datagram', () => {
    const server = datagramSocket();
    using client = datagramSocket();
    client.connect(server.localAddress);
    server.close();
    expect(client.send(Buffer.from('x'))).toBe(1);
    untilReadable(client);
    expect(thrownBy(() => client.recv(Buffer.alloc(1)))).toMatchObject({
      name: 'SystemError',
      code: 'ECONNREFUSED',
      syscall: 'recv',
      fd: client.fileno(),
    });
    expect(client.recv(Buffer.alloc(1))).toBe(-1);
    client.send(Buffer.from('x'));
    untilReadable(client);
    expect(client.takeError()).toMatchObject({ code: 'ECONNREFUSED' });
    expect(client.takeError()).toBeNull();
  });

  it('is told by finishConnect, too, that its peer is gone, and where that was', () => {
    const server = datagramSocket();
    const { localAddress } = server;
    using client = datagramSocket();
    expect(client.connect(localAddress)).toBe(true);
    server.close();
    client.send(Buffer.from('x'));
    untilReadable(client);
    expect(thrownBy(() => client.finishConnect())).toMatchObject({
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: '127.0.0.1',
      port: portOf(localAddress),
    });
    expect(client.finishConnect()).toBe(true);
  });

  it('connects elsewhere later', () => {
    using first = datagramSocket();
    using second = datagramSocket();
    using client = datagramSocket();
    client.connect(first.localAddress);
    client.connect(second.localAddress);
    client.send(Buffer.from('x'));
    untilReadable(second);
    expect(second.recv(Buffer.alloc(1))).toBe(1);
    expect(first.recv(Buffer.alloc(1))).toBe(-1);
  });

  it('needs no peer on Unix either', () => {
    using folder = new TemporaryFolder();
    using server = new Socket(AF_UNIX, SOCK_DGRAM);
    server.bind({ path: folder.join('server') });
    using client = new Socket(AF_UNIX, SOCK_DGRAM);
    expect(thrownBy(() => client.send(Buffer.from('x')))).toMatchObject({ code: 'ENOTCONN' });
    expect(client.connect({ path: folder.join('server') })).toBe(true);
    client.send(Buffer.from('x'));
    expect(server.recvFrom(Buffer.alloc(4))).toEqual({ length: 1, address: null });
  });
});

describe('a connected socket', () => {
  it('has SO_ERROR 0', () => {
    using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
    using client = new Socket();
    connect(client, listener.localAddress);
    expect(client.getOption(constants['SOL_SOCKET'] as number, constants['SO_ERROR'] as number)).toBe(0);
    expect(client.takeError()).toBeNull();
  });
});
