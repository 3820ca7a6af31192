/** Datagrams one by one: their boundaries, their senders, and what does not fit. */
import { AF_INET, AF_INET6, AF_UNIX, constants, SOCK_DGRAM, Socket, WOULD_BLOCK } from 'iomux';
import { describe, expect, it } from 'vitest';
import { datagramSocket, portOf } from '../support/connections.js';
import { thrownBy } from '../support/expecting.js';
import { isReadable, untilReadable } from '../support/readiness.js';
import { TemporaryFolder } from '../support/temporary.js';

const { MSG_PEEK = 0, MSG_TRUNC = 0, IPPROTO_IPV6 = 0, IPV6_V6ONLY = 0 } = constants;

for (const host of ['127.0.0.1', '::1']) {
  describe(`a UDP socket at ${host}`, () => {
    it('says that nothing is waiting, as a result', () => {
      using socket = datagramSocket(host);
      const buffer = Buffer.from('kept');
      expect(socket.recvFrom(buffer)).toBeNull();
      expect(socket.recvMessage(buffer)).toBeNull();
      expect(socket.recv(buffer)).toBe(WOULD_BLOCK);
      expect(buffer.toString()).toBe('kept');
    });

    it('receives datagrams one by one, each with its sender', () => {
      using receiver = datagramSocket(host);
      using one = datagramSocket(host);
      using other = datagramSocket(host);
      expect(one.sendTo(Buffer.from('from one'), receiver.localAddress)).toBe(8);
      expect(other.sendTo(Buffer.from('from other'), receiver.localAddress)).toBe(10);
      const buffer = Buffer.alloc(64);
      untilReadable(receiver);
      expect(receiver.recvFrom(buffer)).toEqual({ length: 8, address: one.localAddress });
      expect(buffer.toString('utf8', 0, 8)).toBe('from one');
      untilReadable(receiver);
      expect(receiver.recvMessage(buffer)).toEqual({
        length: 10,
        address: other.localAddress,
        flags: 0,
        fds: [],
      });
      expect(receiver.recvFrom(buffer)).toBeNull();
    });

    it('answers to the address that a datagram came with', () => {
      using server = datagramSocket(host);
      using client = datagramSocket(host);
      client.sendTo(Buffer.from('ping'), server.localAddress);
      untilReadable(server);
      const received = server.recvFrom(Buffer.alloc(8));
      if (received?.address == null) throw new Error('a datagram without a sender');
      expect(Object.isFrozen(received.address)).toBe(true);
      server.sendTo(Buffer.from('pong'), received.address);
      // What was received is the plain form of the address: a copy of it leads to the same place.
      server.sendTo(Buffer.from('copy'), { ...received.address });
      const buffer = Buffer.alloc(8);
      for (const answer of ['pong', 'copy']) {
        untilReadable(client);
        expect(client.recvFrom(buffer)).toEqual({ length: 4, address: server.localAddress });
        expect(buffer.toString('utf8', 0, 4)).toBe(answer);
      }
    });

    it('carries empty datagrams in every way of sending', () => {
      using receiver = datagramSocket(host);
      using sender = datagramSocket(host);
      const empty = Buffer.alloc(0);
      expect(sender.sendTo(empty, receiver.localAddress)).toBe(0);
      expect(sender.sendMessage(empty, { address: receiver.localAddress })).toBe(0);
      sender.connect(receiver.localAddress);
      expect(sender.send(empty)).toBe(0);
      expect(sender.sendv([])).toBe(0);
      expect(sender.sendMessage(empty)).toBe(0);
      expect(sender.send(Buffer.from('x'))).toBe(1);
      const buffer = Buffer.from('kept');
      for (let count = 0; count < 5; count++) {
        untilReadable(receiver);
        expect(receiver.recvFrom(buffer)).toEqual({ length: 0, address: sender.localAddress });
      }
      expect(buffer.toString()).toBe('kept');
      expect(receiver.recv(buffer)).toBe(1);
      expect(receiver.recv(buffer)).toBe(WOULD_BLOCK);
    });

    it('joins the chunks of sendv into one datagram', () => {
      using receiver = datagramSocket(host);
      using sender = datagramSocket(host);
      sender.connect(receiver.localAddress);
      expect(sender.sendv([Buffer.from('one '), Buffer.alloc(0), Buffer.from('datagram')])).toBe(12);
      const buffer = Buffer.alloc(32);
      untilReadable(receiver);
      expect(receiver.recv(buffer)).toBe(12);
      expect(buffer.toString('utf8', 0, 12)).toBe('one datagram');
    });

    it('cuts a datagram that is longer than the buffer, says so, and the rest is gone', () => {
      using receiver = datagramSocket(host);
      using sender = datagramSocket(host);
      const { localAddress } = receiver;
      for (const text of ['a long one', 'another', 'third', 'last']) {
        sender.sendTo(Buffer.from(text), localAddress);
      }
      const buffer = Buffer.from('......');
      untilReadable(receiver);
      const message = receiver.recvMessage(buffer.subarray(0, 4));
      expect(message?.length).toBe(4);
      expect((message?.flags ?? 0) & MSG_TRUNC).not.toBe(0);
      expect(buffer.toString()).toBe('a lo..');
      expect(receiver.recvFrom(buffer.subarray(0, 2))).toMatchObject({ length: 2 });
      // Asked for with the flag, the length is that of the datagram, not of what was kept.
      expect(receiver.recv(buffer, 0, 2, MSG_TRUNC)).toBe(5);
      expect(receiver.recv(buffer)).toBe(4);
      expect(receiver.recv(buffer)).toBe(WOULD_BLOCK);
    });

    it('leaves a datagram that MSG_PEEK has seen', () => {
      using receiver = datagramSocket(host);
      using sender = datagramSocket(host);
      sender.sendTo(Buffer.from('seen'), receiver.localAddress);
      untilReadable(receiver);
      const buffer = Buffer.alloc(8);
      const seen = { length: 4, address: sender.localAddress };
      expect(receiver.recvFrom(buffer, MSG_PEEK)).toEqual(seen);
      expect(receiver.recvMessage(buffer, { flags: MSG_PEEK })).toMatchObject(seen);
      expect(receiver.recvFrom(buffer)).toEqual(seen);
      expect(receiver.recvFrom(buffer)).toBeNull();
    });

    it('refuses a datagram longer than any can be, and sends nothing of it', () => {
      using receiver = datagramSocket(host);
      using sender = datagramSocket(host);
      const { localAddress } = receiver;
      const port = portOf(localAddress);
      expect(thrownBy(() => sender.sendTo(Buffer.alloc(65_536), localAddress))).toMatchObject({
        name: 'SystemError',
        code: 'EMSGSIZE',
        syscall: 'sendto',
        address: host,
        port,
        message: `sendto EMSGSIZE ${host}:${port}`,
      });
      expect(isReadable(receiver)).toBe(false);
    });

    it('needs an address while it is not connected', () => {
      using sender = datagramSocket(host);
      const refused = { name: 'SystemError', code: 'EDESTADDRREQ' };
      expect(thrownBy(() => sender.send(Buffer.from('x')))).toMatchObject(refused);
      expect(thrownBy(() => sender.sendv([Buffer.from('x')]))).toMatchObject(refused);
      expect(thrownBy(() => sender.sendMessage(Buffer.from('x')))).toMatchObject(refused);
    });

    it('is bound to a port of the system by its first send', () => {
      using receiver = datagramSocket(host);
      using sender = new Socket(receiver.family, SOCK_DGRAM);
      expect(portOf(sender.localAddress)).toBe(0);
      sender.sendTo(Buffer.from('x'), receiver.localAddress);
      expect(portOf(sender.localAddress)).not.toBe(0);
      untilReadable(receiver);
      const received = receiver.recvFrom(Buffer.alloc(1));
      expect(portOf(received?.address ?? null)).toBe(portOf(sender.localAddress));
    });
  });
}

describe('UDP', () => {
  it('gives IPv4 senders mapped addresses on a socket for both families, and answers to them', () => {
    using both = new Socket(AF_INET6, SOCK_DGRAM);
    both.setOption(IPPROTO_IPV6, IPV6_V6ONLY, false);
    both.bind({ address: '::', port: 0 });
    using client = new Socket(AF_INET, SOCK_DGRAM);
    client.sendTo(Buffer.from('four'), { address: '127.0.0.1', port: portOf(both.localAddress) });
    untilReadable(both);
    const received = both.recvFrom(Buffer.alloc(8));
    expect(received).toEqual({
      length: 4,
      address: {
        address: '::ffff:127.0.0.1',
        port: portOf(client.localAddress),
        family: 'IPv6',
      },
    });
    if (received?.address == null) throw new Error('a datagram without a sender');
    both.sendTo(Buffer.from('six'), received.address);
    untilReadable(client);
    expect(client.recv(Buffer.alloc(8))).toBe(3);
  });
});

describe('a Unix datagram socket', () => {
  it('tells the sender where that is bound, and null where it is not', () => {
    using folder = new TemporaryFolder();
    using receiver = new Socket(AF_UNIX, SOCK_DGRAM);
    receiver.bind({ path: folder.join('receiver') });
    using named = new Socket(AF_UNIX, SOCK_DGRAM);
    named.bind({ path: folder.join('named') });
    using nameless = new Socket(AF_UNIX, SOCK_DGRAM);
    named.sendTo(Buffer.from('a'), receiver.localAddress);
    nameless.sendTo(Buffer.from('bc'), { path: folder.join('receiver') });
    const buffer = Buffer.alloc(4);
    expect(receiver.recvFrom(buffer)).toEqual({ length: 1, address: { path: folder.join('named') } });
    expect(receiver.recvFrom(buffer)).toEqual({ length: 2, address: null });
    expect(receiver.recvFrom(buffer)).toBeNull();
  });

  it('would block where the queue of the receiver is full, and loses nothing', () => {
    const [sender, receiver] = Socket.pair(AF_UNIX, SOCK_DGRAM);
    let sent = 0;
    while (sender.send(Buffer.from([sent & 0xff])) !== WOULD_BLOCK) sent++;
    expect(sent).toBeGreaterThan(0);
    expect(sender.sendMessage(Buffer.from('x'))).toBe(WOULD_BLOCK);
    expect(sender.sendv([Buffer.from('x')])).toBe(WOULD_BLOCK);
    const buffer = Buffer.alloc(4);
    for (let index = 0; index < sent; index++) {
      expect(receiver.recv(buffer)).toBe(1);
      expect(buffer[0]).toBe(index & 0xff);
    }
    expect(receiver.recv(buffer)).toBe(WOULD_BLOCK);
    sender.close();
    receiver.close();
  });

  it('would block in sendTo, too', () => {
    using folder = new TemporaryFolder();
    const path = folder.join('receiver');
    using receiver = new Socket(AF_UNIX, SOCK_DGRAM);
    receiver.bind({ path });
    using sender = new Socket(AF_UNIX, SOCK_DGRAM);
    let sent = 0;
    while (sender.sendTo(Buffer.from('x'), { path }) !== WOULD_BLOCK) sent++;
    let received = 0;
    while (receiver.recvFrom(Buffer.alloc(1)) !== null) received++;
    expect(received).toBe(sent);
  });

  it('names the path where nobody is', () => {
    using folder = new TemporaryFolder();
    const path = folder.join('nobody');
    using sender = new Socket(AF_UNIX, SOCK_DGRAM);
    expect(thrownBy(() => sender.sendTo(Buffer.from('x'), { path }))).toMatchObject({
      name: 'SystemError',
      code: 'ENOENT',
      syscall: 'sendto',
      path,
      message: `sendto ENOENT ${path}`,
    });
  });
});
