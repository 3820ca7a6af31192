/** Socket options: by level and name, as numbers, flags and structs, and the few with a method of their own. */
import { AF_INET, AF_INET6, AF_UNIX, constants, SOCK_DGRAM, SOCK_STREAM, Socket } from 'iomux';
import { describe, expect, it } from 'vitest';
import { TcpConnection } from '../support/connections.js';
import { thrownBy } from '../support/expecting.js';

const linux = process.platform === 'linux';

/** A constant that this OS has. */
function constant(name: string): number {
  const value = constants[name];
  if (value === undefined) throw new Error(`no ${name} here`);
  return value;
}

const SOL_SOCKET = constant('SOL_SOCKET');
const IPPROTO_TCP = constant('IPPROTO_TCP');

describe('setOption and getOption', () => {
  it('set and get numbers', () => {
    using socket = new Socket();
    const options: [level: string, name: string, value: number][] = [
      ['IPPROTO_IP', 'IP_TTL', 42],
      ['IPPROTO_IP', 'IP_TOS', 0x10],
      ['SOL_SOCKET', 'SO_RCVLOWAT', 7],
      ...(linux
        ? ([
            ['IPPROTO_TCP', 'TCP_KEEPINTVL', 11],
            ['IPPROTO_TCP', 'TCP_KEEPCNT', 3],
            ['IPPROTO_TCP', 'TCP_USER_TIMEOUT', 12_345],
            ['SOL_SOCKET', 'SO_PRIORITY', 5],
          ] satisfies [string, string, number][])
        : []),
    ];
    for (const [level, name, value] of options) {
      expect(socket.getOption(constant(level), constant(name))).not.toBe(value);
      socket.setOption(constant(level), constant(name), value);
      expect([name, socket.getOption(constant(level), constant(name))]).toEqual([name, value]);
    }
  });

  it('take and give negative numbers', () => {
    using socket = new Socket(AF_INET6, SOCK_DGRAM);
    const level = constant('IPPROTO_IPV6');
    const name = constant('IPV6_UNICAST_HOPS');
    socket.setOption(level, name, 7);
    expect(socket.getOption(level, name)).toBe(7);
    // -1 asks for the system's own value again.
    socket.setOption(level, name, -1);
    expect(socket.getOption(level, name)).toBe(64);
    if (linux) {
      expect(socket.getOption(SOL_SOCKET, constant('SO_PEEK_OFF'))).toBe(-1);
    }
  });

  it.runIf(linux && process.getuid?.() === 0)('take unsigned numbers of 32 bits', () => {
    using socket = new Socket(AF_INET, SOCK_DGRAM);
    socket.setOption(SOL_SOCKET, constant('SO_MARK'), 0xffff_fffe);
    expect(socket.getOption(SOL_SOCKET, constant('SO_MARK')) >>> 0).toBe(0xffff_fffe);
  });

  it('set and clear flags', () => {
    using socket = new Socket();
    for (const name of ['SO_KEEPALIVE', 'SO_OOBINLINE', 'SO_REUSEADDR']) {
      const option = constant(name);
      expect(socket.getOption(SOL_SOCKET, option)).toBe(0);
      socket.setOption(SOL_SOCKET, option, true);
      expect(socket.getOption(SOL_SOCKET, option)).not.toBe(0);
      socket.setOption(SOL_SOCKET, option, false);
      expect(socket.getOption(SOL_SOCKET, option)).toBe(0);
    }
  });

  it('set and get a struct as its bytes', () => {
    using socket = new Socket();
    const name = constant('SO_LINGER');
    const linger = Buffer.from(new Int32Array([1, 30]).buffer);
    expect(socket.getOption(SOL_SOCKET, name, 8)).toEqual(Buffer.alloc(8));
    socket.setOption(SOL_SOCKET, name, linger);
    expect(socket.getOption(SOL_SOCKET, name, 8)).toEqual(linger);
    socket.setOption(SOL_SOCKET, name, new Uint8Array(8));
    // Turned off; some systems remember the seconds.
    expect(socket.getOption(SOL_SOCKET, name, 8).readInt32LE()).toBe(0);
  });

  it('give as many bytes as the option has, and at most as many as were asked for', () => {
    using socket = new Socket();
    const name = constant('SO_LINGER');
    expect(socket.getOption(SOL_SOCKET, name, 100)).toHaveLength(8);
    const type = socket.getOption(SOL_SOCKET, constant('SO_TYPE'), 4);
    expect(type.readInt32LE()).toBe(SOCK_STREAM);
  });

  it.runIf(linux)('set and get text as bytes', () => {
    using socket = new Socket();
    const name = constant('TCP_CONGESTION');
    const text = socket.getOption(IPPROTO_TCP, name, 16).toString().replace(/\0.*$/s, '');
    expect(text).toMatch(/^[a-z]/);
    socket.setOption(IPPROTO_TCP, name, Buffer.from('reno'));
    expect(socket.getOption(IPPROTO_TCP, name, 16).toString()).toMatch(/^reno\0/);
  });

  it.runIf(linux)('read TCP_INFO of a connection', () => {
    using tcp = new TcpConnection();
    const established = 1;
    const listening = 10;
    const info = tcp.client.getOption(IPPROTO_TCP, constant('TCP_INFO'), 1024);
    expect(info.length).toBeGreaterThanOrEqual(104);
    expect(info.length).toBeLessThan(1024);
    expect(info[0]).toBe(established);
    expect(tcp.listener.getOption(IPPROTO_TCP, constant('TCP_INFO'), 8)[0]).toBe(listening);
  });

  it.runIf(linux)('read the credentials of the peer', () => {
    const [one, other] = Socket.pair();
    const bytes = one.getOption(SOL_SOCKET, constant('SO_PEERCRED'), 12);
    expect(bytes.readInt32LE(0)).toBe(process.pid);
    expect(bytes.readUInt32LE(4)).toBe(process.getuid?.());
    expect(bytes.readUInt32LE(8)).toBe(process.getgid?.());
    one.close();
    other.close();
  });

  it('tell what the socket is', () => {
    using socket = new Socket(AF_UNIX, SOCK_DGRAM);
    expect(socket.getOption(SOL_SOCKET, constant('SO_TYPE'))).toBe(SOCK_DGRAM);
    if (!linux) return;
    expect(socket.getOption(SOL_SOCKET, constant('SO_DOMAIN'))).toBe(AF_UNIX);
    expect(socket.getOption(SOL_SOCKET, constant('SO_PROTOCOL'))).toBe(0);
  });

  it('change what the kernel does: a smaller buffer takes less', () => {
    using small = new TcpConnection();
    small.client.setOption(SOL_SOCKET, constant('SO_SNDBUF'), 8192);
    expect(small.client.getOption(SOL_SOCKET, constant('SO_SNDBUF'))).toBeLessThan(65_536);
    using large = new TcpConnection();
    const data = Buffer.alloc(1 << 22);
    expect(small.client.send(data)).toBeLessThan(large.client.send(data));
  });

  it('report an option that does not exist, or a value that the kernel refuses', () => {
    using socket = new Socket();
    const fd = socket.fileno();
    expect(thrownBy(() => socket.setOption(SOL_SOCKET, 0x7fff, 1))).toMatchObject({
      name: 'SystemError',
      code: 'ENOPROTOOPT',
      syscall: 'setsockopt',
      fd,
      message: `setsockopt ENOPROTOOPT (fd ${fd})`,
    });
    expect(thrownBy(() => socket.getOption(SOL_SOCKET, 0x7fff))).toMatchObject({
      name: 'SystemError',
      code: 'ENOPROTOOPT',
      syscall: 'getsockopt',
      fd,
    });
    expect(thrownBy(() => socket.getOption(SOL_SOCKET, 0x7fff, 8))).toMatchObject({ code: 'ENOPROTOOPT' });
    expect(thrownBy(() => socket.setOption(constant('IPPROTO_IP'), constant('IP_TTL'), 256))).toMatchObject({
      name: 'SystemError',
      code: 'EINVAL',
    });
    expect(
      thrownBy(() => socket.setOption(SOL_SOCKET, constant('SO_LINGER'), Buffer.alloc(1))),
    ).toMatchObject({
      name: 'SystemError',
      code: 'EINVAL',
    });
    using local = new Socket(AF_UNIX);
    expect(thrownBy(() => local.setNoDelay())).toBeInstanceOf(Error);
  });
});

describe('the options with a method of their own', () => {
  it('setNoDelay sets and clears TCP_NODELAY', () => {
    using socket = new Socket();
    const read = () => socket.getOption(IPPROTO_TCP, constant('TCP_NODELAY'));
    expect(read()).toBe(0);
    expect(socket.setNoDelay()).toBe(socket);
    expect(read()).not.toBe(0);
    expect(socket.setNoDelay(false)).toBe(socket);
    expect(read()).toBe(0);
  });

  it('setKeepAlive sets and clears SO_KEEPALIVE', () => {
    using socket = new Socket();
    const read = () => socket.getOption(SOL_SOCKET, constant('SO_KEEPALIVE'));
    expect(read()).toBe(0);
    expect(socket.setKeepAlive()).toBe(socket);
    expect(read()).not.toBe(0);
    expect(socket.setKeepAlive(false)).toBe(socket);
    expect(read()).toBe(0);
  });

  it('setKeepAlive takes the time to the first probe in milliseconds, and rounds up to seconds', () => {
    using socket = new Socket();
    const name = constants['TCP_KEEPIDLE'] ?? constant('TCP_KEEPALIVE');
    for (const [milliseconds, seconds] of [
      [60_000, 60],
      [60_001, 61],
      [1500, 2],
      [1, 1],
      [0.5, 1],
      [0, 1],
    ] as const) {
      socket.setKeepAlive(true, milliseconds);
      expect(socket.getOption(IPPROTO_TCP, name)).toBe(seconds);
    }
    socket.setKeepAlive(false, 90_000);
    expect(socket.getOption(IPPROTO_TCP, name)).toBe(1);
  });

  it('setReuseAddress sets and clears SO_REUSEADDR, which a new socket does not have', () => {
    using socket = new Socket();
    const read = () => socket.getOption(SOL_SOCKET, constant('SO_REUSEADDR'));
    expect(read()).toBe(0);
    expect(socket.setReuseAddress()).toBe(socket);
    expect(read()).not.toBe(0);
    expect(socket.setReuseAddress(false)).toBe(socket);
    expect(read()).toBe(0);
  });

  it('setReusePort sets and clears SO_REUSEPORT, and lets sockets share a port', () => {
    using socket = new Socket(AF_INET, SOCK_DGRAM);
    const read = () => socket.getOption(SOL_SOCKET, constant('SO_REUSEPORT'));
    expect(read()).toBe(0);
    expect(socket.setReusePort()).toBe(socket);
    expect(read()).not.toBe(0);
    socket.bind({ address: '127.0.0.1', port: 0 });
    using sharing = new Socket(AF_INET, SOCK_DGRAM).setReusePort();
    sharing.bind(socket.localAddress);
    expect(sharing.localAddress).toEqual(socket.localAddress);
    using alone = new Socket(AF_INET, SOCK_DGRAM);
    expect(thrownBy(() => alone.bind(socket.localAddress))).toMatchObject({ code: 'EADDRINUSE' });
    expect(socket.setReusePort(false)).toBe(socket);
    expect(read()).toBe(0);
  });

  it('may be chained', () => {
    using socket = new Socket().setReuseAddress().setNoDelay().setKeepAlive(true, 5000);
    expect(socket.getOption(IPPROTO_TCP, constant('TCP_NODELAY'))).not.toBe(0);
  });
});
