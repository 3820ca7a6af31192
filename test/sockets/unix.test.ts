/** Names of Unix sockets: paths of any bytes and of the greatest length, abstract names, and no name. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Address, AF_UNIX, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM, Socket } from 'iomux';
import { describe, expect, it } from 'vitest';
import { accept } from '../support/connections.js';
import { thrownBy } from '../support/expecting.js';
import { TemporaryFolder } from '../support/temporary.js';

const linux = process.platform === 'linux';
/** sizeof sun_path. */
const LONGEST = linux ? 108 : 104;

/** Listens at `address`, connects there, and checks that each side sees the name. */
function meetAt(address: Address, name: Address = address): void {
  for (const type of [SOCK_STREAM, SOCK_SEQPACKET]) {
    using listener = Socket.listen(withSuffix(address, type), { type });
    expect(listener.localAddress).toEqual(withSuffix(name, type));
    using client = new Socket(AF_UNIX, type);
    expect(client.connect(withSuffix(address, type))).toBe(true);
    expect(client.remoteAddress).toEqual(withSuffix(name, type));
    using server = accept(listener);
    expect(server.localAddress).toEqual(withSuffix(name, type));
    client.send(Buffer.from('x'));
    expect(server.recv(Buffer.alloc(4))).toBe(1);
  }
  using receiver = new Socket(AF_UNIX, SOCK_DGRAM);
  receiver.bind(withSuffix(address, SOCK_DGRAM));
  using sender = new Socket(AF_UNIX, SOCK_DGRAM);
  sender.sendTo(Buffer.from('x'), withSuffix(address, SOCK_DGRAM));
  expect(receiver.recv(Buffer.alloc(4))).toBe(1);
}

/** The same name with another last byte for each type: a file can be bound to once. */
function withSuffix(address: Address, type: number): Address {
  if (!('path' in address)) throw new Error('no path');
  const { path } = address;
  if (typeof path === 'string') return { path: path.slice(0, -1) + type };
  return { path: Buffer.concat([path.subarray(0, -1), Buffer.from(`${type}`)]) };
}

describe('a Unix path', () => {
  it('may be a string', () => {
    using folder = new TemporaryFolder();
    meetAt({ path: folder.join('socket-') });
    expect(existsSync(folder.join(`socket${SOCK_STREAM}`))).toBe(true);
  });

  it('may be beyond ASCII', () => {
    using folder = new TemporaryFolder();
    meetAt({ path: folder.join('sökët-日本-🚀-') });
  });

  it('may be bytes, which come back as a string where they are UTF-8', () => {
    using folder = new TemporaryFolder();
    const path = folder.join('bytes-é-');
    meetAt({ path: new Uint8Array(Buffer.from(path)) }, { path });
  });

  it.runIf(linux)('may be bytes that are no text, which come back as they are', () => {
    using folder = new TemporaryFolder();
    meetAt({
      path: Buffer.concat([Buffer.from(folder.join('')), Buffer.from([0x2f, 0xff, 0xfe, 0x80, 0x2d])]),
    });
  });

  it('may be relative', () => {
    using folder = new TemporaryFolder();
    const before = process.cwd();
    process.chdir(folder.path);
    try {
      meetAt({ path: 'relative-' });
    } finally {
      process.chdir(before);
    }
  });

  it('may have every byte that the system has room for, without a NUL at its end', () => {
    using folder = new TemporaryFolder();
    for (const length of [LONGEST - 2, LONGEST - 1, LONGEST]) {
      const path = folder.ofLength(length);
      expect(Buffer.byteLength(path)).toBe(length);
      meetAt({ path });
      meetAt({ path: Buffer.from(`${path.slice(0, -2)}b-`) }, { path: `${path.slice(0, -2)}b-` });
    }
  });

  it('beyond that is refused, and nothing is bound', () => {
    using folder = new TemporaryFolder();
    const path = folder.ofLength(LONGEST + 1);
    using socket = new Socket(AF_UNIX);
    const calls = [
      () => socket.bind({ path }),
      () => socket.connect({ path: Buffer.from(path) }),
      () => Socket.listen({ path }),
      () => socket.sendTo(Buffer.from('x'), { path }),
      // What counts are bytes, not characters.
      () => socket.bind({ path: folder.join('é'.repeat(LONGEST / 2)) }),
    ];
    for (const call of calls) {
      expect(thrownBy(call)).toMatchObject({
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
        message: expect.stringMatching(/^path must be at most 108 bytes, not 1\d\d$/),
      });
    }
    expect(socket.localAddress).toEqual({ path: '' });
    expect(existsSync(path.slice(0, LONGEST))).toBe(false);
  });

  it('with a NUL inside is refused, and nothing is bound', () => {
    using folder = new TemporaryFolder();
    using socket = new Socket(AF_UNIX);
    const path = `${folder.join('before')}\0after`;
    for (const call of [
      () => socket.bind({ path }),
      () => socket.bind({ path: Buffer.from(path) }),
      () => socket.connect({ path }),
      () => Socket.listen({ path: `${folder.join('before')}\0` }),
    ]) {
      expect(thrownBy(call)).toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringMatching(/^path must be without a NUL inside, not /),
      });
    }
    expect(existsSync(folder.join('before'))).toBe(false);
    expect(socket.localAddress).toEqual({ path: '' });
  });

  it('stays in the file system after close', () => {
    using folder = new TemporaryFolder();
    const path = folder.join('socket');
    Socket.listen({ path }).close();
    expect(existsSync(path)).toBe(true);
    expect(thrownBy(() => Socket.listen({ path }))).toMatchObject({ code: 'EADDRINUSE', path });
  });

  it('in a folder that is not there is an error of the system', () => {
    using folder = new TemporaryFolder();
    const path = folder.join('no/socket');
    expect(thrownBy(() => Socket.listen({ path }))).toMatchObject({
      name: 'SystemError',
      code: 'ENOENT',
      syscall: 'bind',
      path,
      message: `bind ENOENT ${path}`,
    });
  });
});

describe.runIf(linux)('a Linux abstract name', () => {
  const name = `\0iomux-${process.pid}`;

  it('is in no file system, and free again after close', () => {
    for (let round = 0; round < 2; round++) meetAt({ path: `${name}-` });
    expect(existsSync(join(process.cwd(), name.slice(1)))).toBe(false);
  });

  it('may be bytes, and comes back as a string where it is UTF-8', () => {
    meetAt({ path: Buffer.from(`${name}-é-`) }, { path: `${name}-é-` });
  });

  it('may be bytes that are no text, which come back as they are', () => {
    meetAt({ path: Buffer.concat([Buffer.from(name), Buffer.from([0xff, 0xfe, 0x80, 0x2d])]) });
  });

  it('may have NULs inside, and they count', () => {
    const path = `${name}\0a\0\0b-`;
    meetAt({ path });
    using one = Socket.listen({ path: `${name}\0` });
    using other = Socket.listen({ path: `${name}\0\0` });
    expect([one.localAddress, other.localAddress]).toEqual([{ path: `${name}\0` }, { path: `${name}\0\0` }]);
    using client = new Socket(AF_UNIX);
    expect(thrownBy(() => client.connect({ path: name }))).toMatchObject({
      code: 'ECONNREFUSED',
      path: name,
      message: `connect ECONNREFUSED @iomux-${process.pid}`,
    });
  });

  it('may have 108 bytes with its leading NUL, and not more', () => {
    for (const length of [107, 108]) meetAt({ path: name.padEnd(length, 'x') });
    using socket = new Socket(AF_UNIX);
    expect(thrownBy(() => socket.bind({ path: name.padEnd(109, 'x') }))).toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
    });
    expect(socket.localAddress).toEqual({ path: '' });
  });

  it('is the kernel’s choice where the path is empty', () => {
    using one = new Socket(AF_UNIX);
    using other = new Socket(AF_UNIX);
    expect(one.localAddress).toEqual({ path: '' });
    one.bind({ path: '' });
    other.bind({ path: new Uint8Array(0) });
    const { path } = one.localAddress as { path: string };
    expect(path).toMatch(/^\0[0-9a-f]{5}$/);
    expect(other.localAddress).not.toEqual(one.localAddress);
    one.listen();
    using client = new Socket(AF_UNIX);
    expect(client.connect(one.localAddress)).toBe(true);
    expect(client.remoteAddress).toEqual({ path });
  });

  it('is taken while somebody has it', () => {
    using _first = Socket.listen({ path: name });
    expect(thrownBy(() => Socket.listen({ path: name }))).toMatchObject({
      name: 'SystemError',
      code: 'EADDRINUSE',
      path: name,
      message: `bind EADDRINUSE @iomux-${process.pid}`,
    });
  });

  it('answers a datagram whose sender has a name that is no text', () => {
    using server = new Socket(AF_UNIX, SOCK_DGRAM);
    server.bind({ path: '' });
    using client = new Socket(AF_UNIX, SOCK_DGRAM);
    const path = Buffer.concat([Buffer.from(name), Buffer.from([0, 0xff, 0])]);
    client.bind({ path });
    client.sendTo(Buffer.from('ping'), server.localAddress);
    const received = server.recvFrom(Buffer.alloc(8));
    expect(received).toEqual({ length: 4, address: { path } });
    if (received?.address == null) throw new Error('a datagram without a sender');
    expect(server.sendTo(Buffer.from('pong'), received.address)).toBe(4);
    expect(client.recvFrom(Buffer.alloc(8))).toEqual({ length: 4, address: server.localAddress });
  });
});

describe.runIf(!linux)('an abstract name', () => {
  it('is unsupported', () => {
    using socket = new Socket(AF_UNIX);
    expect(thrownBy(() => socket.bind({ path: '\0name' }))).toMatchObject({
      name: 'StateError',
      code: 'ERR_UNSUPPORTED',
    });
  });
});
