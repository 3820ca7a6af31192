/** Streams: partial sends, the end of a stream, closing one direction, and what a broken one answers. */
import { AF_UNIX, constants, SOCK_SEQPACKET, Socket, WOULD_BLOCK } from 'iomux';
import { describe, expect, it } from 'vitest';
import { TcpConnection } from '../support/connections.js';
import { thrownBy } from '../support/expecting.js';
import { runFixture } from '../support/processes.js';
import { untilReadable, untilWritable } from '../support/readiness.js';

const {
  MSG_PEEK = 0,
  MSG_TRUNC = 0,
  MSG_OOB = 0,
  SOL_SOCKET = 0,
  SO_LINGER = 0,
  SO_OOBINLINE = 0,
} = constants;

/** Connected streams of every kind, so that one test speaks for all. */
const streams: Record<string, () => { one: Socket; other: Socket; close(): void }> = {
  'a TCP stream over IPv4': () => overTcp('127.0.0.1'),
  'a TCP stream over IPv6': () => overTcp('::1'),
  'a Unix stream': () => {
    const [one, other] = Socket.pair();
    return {
      one,
      other,
      close() {
        one.close();
        other.close();
      },
    };
  },
};

function overTcp(host: string) {
  const tcp = new TcpConnection(host);
  return { one: tcp.client, other: tcp.server, close: () => tcp[Symbol.dispose]() };
}

for (const [name, open] of Object.entries(streams)) {
  describe(name, () => {
    it('says that it would block where nothing came, as a result', () => {
      const { other, close } = open();
      expect(WOULD_BLOCK).toBe(-1);
      const buffer = Buffer.from('kept');
      expect(other.recv(buffer)).toBe(WOULD_BLOCK);
      expect(buffer.toString()).toBe('kept');
      expect(other.recvFrom(buffer)).toBeNull();
      expect(other.recvMessage(buffer)).toBeNull();
      close();
    });

    it('carries bytes in order, whatever the pieces in which they are sent and received', () => {
      const { one, other, close } = open();
      for (const piece of ['a', 'bc', 'def']) expect(one.send(Buffer.from(piece))).toBe(piece.length);
      expect(one.sendv([Buffer.from('gh'), Buffer.alloc(0), Buffer.from('i')])).toBe(3);
      let received = '';
      while (received.length < 9) {
        untilReadable(other);
        const buffer = Buffer.alloc(4);
        received += buffer.toString('utf8', 0, other.recv(buffer));
      }
      expect(received).toBe('abcdefghi');
      close();
    });

    it('receives into a part of the buffer, and leaves the rest alone', () => {
      const { one, other, close } = open();
      one.send(Buffer.from('0123456789'));
      untilReadable(other);
      const buffer = Buffer.from('..........');
      expect(other.recv(buffer, 2, 3)).toBe(3);
      expect(buffer.toString()).toBe('..012.....');
      expect(other.recv(buffer, 8)).toBe(2);
      expect(buffer.toString()).toBe('..012...34');
      close();
    });

    it('sends a part of the buffer', () => {
      const { one, other, close } = open();
      const buffer = Buffer.from('0123456789');
      expect(one.send(buffer, 2, 3)).toBe(3);
      expect(one.send(buffer, 8)).toBe(2);
      expect(one.send(buffer.subarray(5, 6))).toBe(1);
      let received = '';
      while (received.length < 6) {
        untilReadable(other);
        const into = new Uint8Array(16);
        received += Buffer.from(into.subarray(0, other.recv(into))).toString();
      }
      expect(received).toBe('234895');
      close();
    });

    it('accepts a part of what is sent, then would block, and goes on when the peer has read', () => {
      const { one, other, close } = open();
      const chunk = Buffer.alloc(1 << 22, 'x');
      const ways = [() => one.send(chunk), () => one.sendv([chunk]), () => one.sendMessage(chunk)];
      let sent = 0;
      let partial = false;
      // One after the other: what is still on its way to the peer leaves room here when it arrives.
      for (let turn = 0, blocked = 0; blocked < ways.length; turn++) {
        const count = ways[turn % ways.length]?.() ?? 0;
        if (count === WOULD_BLOCK) {
          blocked++;
          continue;
        }
        blocked = 0;
        expect(count).toBeGreaterThan(0);
        if (count < chunk.length) partial = true;
        sent += count;
      }
      expect(partial).toBe(true);
      const buffer = Buffer.alloc(1 << 20);
      let received = 0;
      while (received < sent) {
        untilReadable(other);
        received += other.recv(buffer);
      }
      // Not a byte of what would have blocked.
      expect(received).toBe(sent);
      untilWritable(one);
      expect(one.send(Buffer.from('more'))).toBe(4);
      close();
    });

    it('is at its end, for as often as it is read, when the peer has closed', () => {
      const { one, other, close } = open();
      one.send(Buffer.from('last'));
      one.close();
      untilReadable(other);
      const buffer = Buffer.alloc(16);
      expect(other.recv(buffer)).toBe(4);
      untilReadable(other);
      expect([other.recv(buffer), other.recv(buffer)]).toEqual([0, 0]);
      expect(other.recvMessage(buffer)).toMatchObject({ length: 0, address: null, fds: [] });
      close();
    });

    it('goes on in one direction when the other was shut down', () => {
      const { one, other, close } = open();
      one.send(Buffer.from('question'));
      one.shutdown('write');
      const buffer = Buffer.alloc(16);
      untilReadable(other);
      expect(other.recv(buffer)).toBe(8);
      untilReadable(other);
      expect(other.recv(buffer)).toBe(0);
      expect(thrownBy(() => one.send(Buffer.from('more')))).toMatchObject({
        name: 'SystemError',
        code: 'EPIPE',
        syscall: 'send',
        fd: one.fileno(),
        message: `send EPIPE (fd ${one.fileno()})`,
      });
      expect(other.send(Buffer.from('answer'))).toBe(6);
      untilReadable(one);
      expect(buffer.toString('utf8', 0, one.recv(buffer))).toBe('answer');
      close();
    });

    it('reads as ended after shutdown of its own reading, and can still send', () => {
      const { one, other, close } = open();
      one.shutdown('read');
      expect(one.recv(Buffer.alloc(1))).toBe(0);
      expect(one.send(Buffer.from('x'))).toBe(1);
      untilReadable(other);
      expect(other.recv(Buffer.alloc(4))).toBe(1);
      close();
    });

    it('is over in both directions after shutdown of both', () => {
      const { one, other, close } = open();
      one.shutdown('both');
      expect(one.recv(Buffer.alloc(1))).toBe(0);
      expect(thrownBy(() => one.send(Buffer.from('x')))).toMatchObject({ code: 'EPIPE' });
      untilReadable(other);
      expect(other.recv(Buffer.alloc(1))).toBe(0);
      close();
    });

    it('leaves what MSG_PEEK has seen', () => {
      const { one, other, close } = open();
      one.send(Buffer.from('seen'));
      untilReadable(other);
      const buffer = Buffer.alloc(8);
      expect(other.recv(buffer, 0, 2, MSG_PEEK)).toBe(2);
      expect(other.recvMessage(buffer, { flags: MSG_PEEK })).toMatchObject({ length: 4 });
      expect(other.recvFrom(buffer, MSG_PEEK)).toEqual({ length: 4, address: null });
      expect(other.recv(buffer)).toBe(4);
      expect(other.recv(buffer)).toBe(WOULD_BLOCK);
      close();
    });

    it('throws EPIPE from every way of sending once it is broken', () => {
      const { one, other, close } = open();
      const data = Buffer.from('x');
      one.shutdown('write');
      const ways = [() => one.send(data), () => one.sendv([data, data]), () => one.sendMessage(data)];
      const broken = { name: 'SystemError', code: 'EPIPE', fd: one.fileno() };
      for (const way of ways) expect(thrownBy(way)).toMatchObject(broken);
      untilReadable(other);
      expect(other.recv(Buffer.alloc(4))).toBe(0);
      close();
    });
  });
}

describe('a TCP stream', () => {
  it('reports a reset once, and is then at its end', () => {
    using tcp = new TcpConnection();
    tcp.client.setOption(SOL_SOCKET, SO_LINGER, Buffer.from(new Int32Array([1, 0]).buffer));
    tcp.client.close();
    untilReadable(tcp.server);
    const buffer = Buffer.alloc(1);
    expect(thrownBy(() => tcp.server.recv(buffer))).toMatchObject({
      name: 'SystemError',
      code: 'ECONNRESET',
      syscall: 'recv',
      fd: tcp.server.fileno(),
    });
    expect(tcp.server.recv(buffer)).toBe(0);
    expect(tcp.server.remoteAddress).toBeNull();
    expect(thrownBy(() => tcp.server.send(buffer))).toMatchObject({ code: 'EPIPE' });
  });

  it('tells of a reset through takeError, once', () => {
    using tcp = new TcpConnection();
    expect(tcp.server.takeError()).toBeNull();
    tcp.client.setOption(SOL_SOCKET, SO_LINGER, Buffer.from(new Int32Array([1, 0]).buffer));
    tcp.client.close();
    untilReadable(tcp.server);
    expect(tcp.server.takeError()).toMatchObject({
      name: 'SystemError',
      code: 'ECONNRESET',
      fd: tcp.server.fileno(),
    });
    expect(tcp.server.takeError()).toBeNull();
  });

  it('refuses to send, receive or shut down before it is connected', () => {
    using socket = new Socket();
    const buffer = Buffer.alloc(1);
    expect(thrownBy(() => socket.recv(buffer))).toMatchObject({ code: 'ENOTCONN', syscall: 'recv' });
    const unconnected = { name: 'SystemError', code: 'ENOTCONN', fd: socket.fileno() };
    expect(thrownBy(() => socket.recvFrom(buffer))).toMatchObject({ ...unconnected, syscall: 'recvfrom' });
    expect(thrownBy(() => socket.recvMessage(buffer))).toMatchObject({ ...unconnected, syscall: 'recvmsg' });
    expect(thrownBy(() => socket.send(buffer))).toMatchObject({ code: 'EPIPE', syscall: 'send' });
    expect(thrownBy(() => socket.shutdown('write'))).toMatchObject({
      code: 'ENOTCONN',
      syscall: 'shutdown',
      fd: socket.fileno(),
    });
  });

  it('carries an urgent byte beside the stream', () => {
    using tcp = new TcpConnection();
    tcp.server.setOption(SOL_SOCKET, SO_OOBINLINE, false);
    tcp.client.send(Buffer.from('ab'));
    expect(tcp.client.send(Buffer.from('!'), 0, 1, MSG_OOB)).toBe(1);
    untilReadable(tcp.server);
    const buffer = Buffer.alloc(8);
    expect(tcp.server.recv(buffer, 0, 1, MSG_OOB)).toBe(1);
    expect(buffer.toString('utf8', 0, 1)).toBe('!');
    expect(tcp.server.recv(buffer)).toBe(2);
  });

  it('discards what MSG_TRUNC asks it to, and says how much that was', () => {
    using tcp = new TcpConnection();
    tcp.client.send(Buffer.from('discarded'));
    untilReadable(tcp.server);
    const buffer = Buffer.from('untouched');
    expect(tcp.server.recv(buffer, 0, 9, MSG_TRUNC)).toBe(9);
    expect(buffer.toString()).toBe('untouched');
    expect(tcp.server.recv(buffer)).toBe(WOULD_BLOCK);
  });
});

describe('a seqpacket connection', () => {
  it('cuts a record that is longer than the buffer, and the rest is gone', () => {
    const [one, other] = Socket.pair(AF_UNIX, SOCK_SEQPACKET);
    one.send(Buffer.from('longer'));
    one.send(Buffer.from('next'));
    const buffer = Buffer.alloc(4);
    expect(other.recvMessage(buffer)).toMatchObject({ length: 4, flags: expect.toSatisfy(truncated) });
    expect(buffer.toString()).toBe('long');
    expect(other.recv(buffer)).toBe(4);
    expect(buffer.toString()).toBe('next');
    one.close();
    expect(other.recv(buffer)).toBe(0);
    other.close();
  });
});

function truncated(flags: number): boolean {
  return (flags & MSG_TRUNC) !== 0;
}

describe('sendv', () => {
  it('sends many chunks as one piece, at most IOV_MAX of them', () => {
    const [one, other] = Socket.pair();
    const chunks = Array.from({ length: 1500 }, (_, index) => Buffer.from([index & 0xff]));
    const sent = one.sendv(chunks);
    expect(sent).toBe(1024);
    const buffer = Buffer.alloc(2000);
    expect(other.recv(buffer)).toBe(sent);
    expect(buffer.subarray(0, sent)).toEqual(Buffer.concat(chunks).subarray(0, sent));
    one.close();
    other.close();
  });

  it('sends what it has checked, whatever the array has when it is read again', () => {
    const [one, other] = Socket.pair();
    const chunks: Uint8Array[] = [];
    let reads = 0;
    Object.defineProperty(chunks, 0, { get: () => (reads++ === 0 ? Buffer.from('checked') : 'not') });
    expect(one.sendv(chunks)).toBe(7);
    const buffer = Buffer.alloc(16);
    expect(buffer.toString('utf8', 0, other.recv(buffer))).toBe('checked');
    one.close();
    other.close();
  });

  it('stops in the middle of a chunk where the kernel takes no more', () => {
    const [one, other] = Socket.pair();
    const chunks = [Buffer.alloc(100_000, 'a'), Buffer.alloc(4_000_000, 'b')];
    const sent = one.sendv(chunks);
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(4_100_000);
    const buffer = Buffer.alloc(4_100_000);
    let received = 0;
    for (let count = 0; count >= 0; count = other.recv(buffer, received)) received += count;
    expect(received).toBe(sent);
    expect(buffer.subarray(0, sent).equals(Buffer.concat(chunks).subarray(0, sent))).toBe(true);
    one.close();
    other.close();
  });
});

describe('a process with the default action for SIGPIPE', () => {
  it('is not killed by any way of sending, and gets EPIPE', async () => {
    const { code, signal, stdout, stderr } = await runFixture('broken-pipe.mjs');
    expect(stderr).toBe('');
    expect(signal).toBeNull();
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      send: 'EPIPE',
      sendv: 'EPIPE',
      sendTo: 'EPIPE',
      sendMessage: 'EPIPE',
      sendBatch: 'EPIPE',
    });
  });

  it('would be killed by the signal itself', async () => {
    const { signal } = await runFixture('broken-pipe.mjs', ['raise']);
    expect(signal).toBe('SIGPIPE');
  });
});
