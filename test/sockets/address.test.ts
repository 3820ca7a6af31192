/** IP addresses in every spelling, their scopes and flow labels, and what comes back of them. */
import { closeSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type Address, AF_INET6, constants, DatagramBatch, SOCK_DGRAM, Socket } from 'iomux';
import { describe, expect, it } from 'vitest';
import { accept, connect, datagramSocket, portOf } from '../support/connections.js';
import { thrownBy } from '../support/expecting.js';
import { untilReadable } from '../support/readiness.js';

const loopback = process.platform === 'linux' ? 'lo' : 'lo0';

/** The form in which the library gives back an address: a batch takes one of any family, and sends nothing. */
function plain(address: Address): Address | null {
  const batch = new DatagramBatch(1, 1);
  batch.set(0, Buffer.alloc(0), address);
  return batch.address(0);
}

/** An address of this machine that means nothing without its interface. */
function linkLocal(): { address: string; zone: string; scopeId: number } | undefined {
  for (const [zone, addresses = []] of Object.entries(networkInterfaces())) {
    for (const address of addresses) {
      if (address.family === 'IPv6' && address.scopeid !== 0) {
        return { address: address.address, zone, scopeId: address.scopeid };
      }
    }
  }
  return undefined;
}

describe('an IP address', () => {
  it('comes back in its shortest spelling, with its family', () => {
    const spellings: [given: string, back: string, family: string][] = [
      ['127.0.0.1', '127.0.0.1', 'IPv4'],
      ['255.255.255.255', '255.255.255.255', 'IPv4'],
      ['0.0.0.0', '0.0.0.0', 'IPv4'],
      ['::', '::', 'IPv6'],
      ['::1', '::1', 'IPv6'],
      ['0:0:0:0:0:0:0:1', '::1', 'IPv6'],
      ['2001:DB8:0:0:1::1', '2001:db8::1:0:0:1', 'IPv6'],
      ['::ffff:192.0.2.1', '::ffff:192.0.2.1', 'IPv6'],
      ['::ffff:c000:201', '::ffff:192.0.2.1', 'IPv6'],
    ];
    for (const [given, back, family] of spellings) {
      const address = plain({ address: given, port: 80 });
      expect(address).toMatchObject({ address: back, port: 80, family });
      expect(address).not.toHaveProperty('scopeId');
      expect(address).not.toHaveProperty('flowinfo');
      expect(Object.isFrozen(address)).toBe(true);
    }
  });

  it('has a port from 0 to 65535', () => {
    for (const port of [0, 1, 255, 256, 32_768, 65_535]) {
      expect(plain({ address: '127.0.0.1', port })).toMatchObject({ port });
      expect(plain({ address: '::1', port })).toMatchObject({ port });
    }
  });

  it('is of the family that its text has, whatever it says of itself', () => {
    expect(plain({ address: '127.0.0.1', port: 1, family: 'IPv4' })).toMatchObject({ family: 'IPv4' });
    expect(plain({ address: '::1', port: 1, family: 'IPv6' })).toMatchObject({ family: 'IPv6' });
  });

  it('that came back is as good as the one that was given', () => {
    const address = { address: 'fe80::1', port: 7, flowinfo: 5, scopeId: 1 };
    const back = plain(address);
    expect(back).toEqual({ ...address, family: 'IPv6' });
    expect(plain(back as Address)).toEqual(back);
    expect(plain({ ...(back as Address) })).toEqual(back);
  });
});

describe('an IPv6 scope', () => {
  it('may be the number of an interface, in scopeId or in the address', () => {
    for (const scopeId of [1, 7, 0xffff_ffff]) {
      expect(plain({ address: 'fe80::1', port: 1, scopeId })).toMatchObject({ address: 'fe80::1', scopeId });
      expect(plain({ address: `fe80::1%${scopeId}`, port: 1 })).toMatchObject({
        address: 'fe80::1',
        scopeId,
      });
    }
    expect(plain({ address: 'fe80::1%0', port: 1 })).not.toHaveProperty('scopeId');
    // What stands in the address is the nearer one.
    expect(plain({ address: 'fe80::1%7', port: 1, scopeId: 3 })).toMatchObject({ scopeId: 7 });
    expect(plain({ address: 'fe80::1%0', port: 1, scopeId: 3 })).not.toHaveProperty('scopeId');
  });

  it('may be the name of an interface', () => {
    const byName = plain({ address: `fe80::1%${loopback}`, port: 1 });
    expect(byName).toMatchObject({ address: 'fe80::1', scopeId: expect.toSatisfy((scope) => scope > 0) });
  });

  it('of an interface that this machine has not is refused', () => {
    expect(thrownBy(() => plain({ address: 'fe80::1%nosuch0', port: 1 }))).toMatchObject({
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringMatching(/^address must be .*interface.*nosuch0/),
    });
  });

  it('may be any name that an interface can have', () => {
    // Not there either, but refused as an interface, not as an address.
    for (const zone of ['br_lan', 'eth0.1', 'wg-1', 'a@b', 'veth:1']) {
      expect(thrownBy(() => plain({ address: `fe80::1%${zone}`, port: 1 }))).toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringMatching(/interface/),
      });
    }
  });

  it('is taken where it means nothing: the loopback has but one', () => {
    using socket = new Socket(AF_INET6, SOCK_DGRAM);
    socket.bind({ address: `::1%${loopback}`, port: 0 });
    expect(socket.localAddress).toMatchObject({ address: '::1', family: 'IPv6' });
    expect(socket.localAddress).not.toHaveProperty('scopeId');
  });

  it('beyond 32 bits or negative or fractional is refused', () => {
    for (const scopeId of [-1, 1.5, 2 ** 32, Number.NaN]) {
      expect(thrownBy(() => plain({ address: 'fe80::1', port: 1, scopeId }))).toMatchObject({
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
        message: expect.stringMatching(/^scopeId must be .* not (-1|1\.5|4294967296|NaN)$/),
      });
    }
    expect(thrownBy(() => plain({ address: 'fe80::1%4294967296', port: 1 }))).toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
    });
  });

  const local = linkLocal();
  it.runIf(local !== undefined)('leads to a link-local address of this machine, and comes back', () => {
    if (local === undefined) return;
    const { address, zone, scopeId } = local;
    using listener = Socket.listen({ address: `${address}%${zone}`, port: 0 });
    const where = { address, port: portOf(listener.localAddress), family: 'IPv6', scopeId };
    expect(listener.localAddress).toEqual(where);
    using client = new Socket(AF_INET6);
    connect(client, { address, port: where.port, scopeId });
    expect(client.remoteAddress).toEqual(where);
    using server = accept(listener);
    expect(server.remoteAddress).toEqual(client.localAddress);
    expect(server.remoteAddress).toMatchObject({ address, scopeId });
    using receiver = new Socket(AF_INET6, SOCK_DGRAM);
    receiver.bind({ address, port: 0, scopeId });
    using sender = datagramSocket('::');
    sender.sendTo(Buffer.from('x'), {
      address: `${address}%${scopeId}`,
      port: portOf(receiver.localAddress),
    });
    untilReadable(receiver);
    expect(receiver.recvFrom(Buffer.alloc(4))?.address).toMatchObject({ address, scopeId });
  });

  it.runIf(local !== undefined)('missing from a link-local address is an error of the system', () => {
    if (local === undefined) return;
    using socket = new Socket(AF_INET6);
    expect(thrownBy(() => socket.bind({ address: local.address, port: 0 }))).toMatchObject({
      name: 'SystemError',
      code: 'EINVAL',
      message: `bind EINVAL ${local.address}:0`,
    });
  });
});

describe('an IPv6 flow label', () => {
  it('has 20 bits', () => {
    for (const flowinfo of [1, 0x12345, 0xf_ffff]) {
      expect(plain({ address: '::1', port: 1, flowinfo })).toMatchObject({ flowinfo });
    }
    for (const flowinfo of [-1, 0.5, 0x10_0000]) {
      expect(thrownBy(() => plain({ address: '::1', port: 1, flowinfo }))).toMatchObject({
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
        message: `flowinfo must be a whole number from 0 to 1048575, not ${flowinfo}`,
      });
    }
  });

  it.runIf(process.platform === 'linux')(
    'is that of a connection, where the kernel is told to use it',
    () => {
      // linux/in6.h; Node and the C library leave these out.
      const IPV6_FLOWINFO_SEND = 33;
      const IPV6_FLOWLABEL_MGR = 32;
      const label = 0x54321;
      using receiver = datagramSocket('::1');
      using sender = datagramSocket('::1');
      // struct in6_flowlabel_req: the label is ours from now on, for this destination.
      const request = Buffer.alloc(32);
      request[15] = 1;
      request.writeUInt32BE(label, 16);
      request[21] = 255; // IPV6_FL_S_ANY
      request.writeUInt16LE(1, 22); // IPV6_FL_F_CREATE
      const { IPPROTO_IPV6 = 0 } = constants;
      sender.setOption(IPPROTO_IPV6, IPV6_FLOWLABEL_MGR, request);
      sender.setOption(IPPROTO_IPV6, IPV6_FLOWINFO_SEND, true);
      const { port } = receiver.localAddress as { port: number };
      expect(sender.connect({ address: '::1', port, flowinfo: label })).toBe(true);
      expect(sender.remoteAddress).toEqual({ address: '::1', port, family: 'IPv6', flowinfo: label });
      sender.send(Buffer.from('x'));
      untilReadable(receiver);
      expect(receiver.recv(Buffer.alloc(4))).toBe(1);
    },
  );
});

describe.runIf(process.platform === 'linux')('an address of a family that is not known here', () => {
  const AF_NETLINK = 16;

  it('is neither read nor taken', () => {
    using socket = new Socket(AF_NETLINK, SOCK_DGRAM);
    const calls: (() => unknown)[] = [
      () => socket.localAddress,
      () => socket.remoteAddress,
      () => socket.bind({ address: '127.0.0.1', port: 0 }),
      () => socket.connect({ path: '/nowhere' }),
      () => socket.sendTo(Buffer.from('x'), { address: '::1', port: 9 }),
    ];
    for (const call of calls) {
      expect(thrownBy(call)).toMatchObject({
        name: 'StateError',
        code: 'ERR_UNSUPPORTED',
        message: 'addresses of family 16 are not known here',
      });
    }
  });
});

describe('localAddress and remoteAddress', () => {
  it('are those of the connection, over IPv4 and IPv6', () => {
    for (const [host, family] of [
      ['127.0.0.1', 'IPv4'],
      ['::1', 'IPv6'],
    ] as const) {
      using listener = Socket.listen({ address: host, port: 0 });
      using client = new Socket(listener.family);
      expect(client.remoteAddress).toBeNull();
      connect(client, listener.localAddress);
      using server = accept(listener);
      expect(client.localAddress).toEqual({
        address: host,
        port: portOf(client.localAddress),
        family,
      });
      expect(server.remoteAddress).toEqual(client.localAddress);
      expect(server.localAddress).toEqual(listener.localAddress);
      expect(client.remoteAddress).toEqual(listener.localAddress);
      expect(listener.remoteAddress).toBeNull();
    }
  });

  it('are unspecified before anything was bound', () => {
    using four = new Socket();
    using six = new Socket(AF_INET6);
    expect(four.localAddress).toEqual({ address: '0.0.0.0', port: 0, family: 'IPv4' });
    expect(six.localAddress).toEqual({ address: '::', port: 0, family: 'IPv6' });
  });

  it('report a descriptor that somebody else closed', () => {
    const socket = new Socket();
    const fd = socket.fileno();
    closeSync(fd);
    expect(thrownBy(() => socket.localAddress)).toMatchObject({ code: 'EBADF', syscall: 'getsockname', fd });
    expect(thrownBy(() => socket.remoteAddress)).toMatchObject({ code: 'EBADF', syscall: 'getpeername', fd });
    expect(thrownBy(() => socket.close())).toMatchObject({ code: 'EBADF' });
  });
});
