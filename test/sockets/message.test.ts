/** What travels beside the bytes of a message: descriptors, the sender's credentials, flags. */
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync, writeFileSync } from 'node:fs';
import {
  AF_UNIX,
  constants,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  Socket,
  SystemError,
  WOULD_BLOCK,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { datagramSocket } from '../support/connections.js';
import { canReadFlags, isCloseOnExec, openDescriptors } from '../support/descriptors.js';
import { thrownBy } from '../support/expecting.js';
import { openPipes } from '../support/pipes.js';
import { untilReadable } from '../support/readiness.js';
import { TemporaryFolder } from '../support/temporary.js';

const { MSG_CTRUNC = 0, MSG_PEEK = 0, SOL_SOCKET = 0, SO_PASSCRED } = constants;
const data = Buffer.from('x');

const kinds: Record<string, number> = {
  streams: SOCK_STREAM,
  datagrams: SOCK_DGRAM,
  seqpackets: SOCK_SEQPACKET,
};

for (const [name, type] of Object.entries(kinds)) {
  describe(`descriptors over Unix ${name}`, () => {
    it('arrive as duplicates that refer to the same open files, in order', () => {
      const [one, other] = Socket.pair(AF_UNIX, type);
      const pipes = openPipes(3);
      const sent = pipes.map((pipe) => pipe.writer);
      expect(one.sendMessage(Buffer.from('three'), { fds: sent })).toBe(5);
      const buffer = Buffer.alloc(16);
      const message = other.recvMessage(buffer, { maxFds: 3 });
      expect(message).toMatchObject({ length: 5, address: null, flags: 0 });
      expect(message).not.toHaveProperty('credentials');
      const fds = message?.fds ?? [];
      expect(fds).toHaveLength(3);
      fds.forEach((fd, index) => {
        expect(sent[index]?.fileno()).not.toBe(fd);
        if (canReadFlags) expect(isCloseOnExec(fd)).toBe(true);
        writeFileSync(fd, `to pipe ${index}`);
        closeSync(fd);
      });
      expect(pipes.map((pipe) => pipe.reader.read())).toEqual(['to pipe 0', 'to pipe 1', 'to pipe 2']);
      for (const pipe of pipes) pipe[Symbol.dispose]();
      one.close();
      other.close();
    });

    it('stay open at the sender', () => {
      const [one, other] = Socket.pair(AF_UNIX, type);
      using folder = new TemporaryFolder();
      const fd = openSync(folder.join('file'), 'w+');
      one.sendMessage(data, { fds: [fd] });
      const [received] = other.recvMessage(Buffer.alloc(1), { maxFds: 1 })?.fds ?? [];
      closeSync(received as number);
      expect(fstatSync(fd).isFile()).toBe(true);
      closeSync(fd);
      one.close();
      other.close();
    });

    it('outlive the sender’s own', () => {
      const [one, other] = Socket.pair(AF_UNIX, type);
      using folder = new TemporaryFolder();
      writeFileSync(folder.join('file'), 'content');
      const fd = openSync(folder.join('file'), 'r');
      one.sendMessage(data, { fds: [fd] });
      closeSync(fd);
      one.close();
      const [received] = other.recvMessage(Buffer.alloc(1), { maxFds: 1 })?.fds ?? [];
      const buffer = Buffer.alloc(16);
      expect(readSync(received as number, buffer)).toBe(7);
      closeSync(received as number);
      other.close();
    });

    it('that are more than were asked for are closed, and MSG_CTRUNC says so', () => {
      const before = openDescriptors();
      const [one, other] = Socket.pair(AF_UNIX, type);
      const mine = openDescriptors();
      // Space for control data is rounded up, so each number next to another matters.
      for (let sent = 1; sent <= 8; sent++) {
        for (let maxFds = 0; maxFds <= sent + 1; maxFds++) {
          one.sendMessage(data, { fds: new Array(sent).fill(one) });
          const message = other.recvMessage(Buffer.alloc(1), { maxFds });
          const expected = Math.min(sent, maxFds);
          expect([message?.length, message?.fds.length]).toEqual([1, expected]);
          expect(((message?.flags ?? 0) & MSG_CTRUNC) !== 0).toBe(sent > maxFds);
          expect(openDescriptors()).toHaveLength(mine.length + expected);
          for (const fd of message?.fds ?? []) closeSync(fd);
        }
      }
      expect(openDescriptors()).toEqual(mine);
      one.close();
      other.close();
      expect(openDescriptors()).toEqual(before);
    });

    it('that nobody receives are gone with the socket', () => {
      const before = openDescriptors();
      const [one, other] = Socket.pair(AF_UNIX, type);
      const [pipe] = openPipes(1);
      one.sendMessage(data, { fds: [pipe?.writer.fileno() as number] });
      pipe?.writer.close();
      other.close();
      one.close();
      // With the message the last writer is gone: this is the end of the pipe, not an empty one.
      expect(pipe?.reader.read()).toBe('');
      pipe?.reader.close();
      expect(openDescriptors()).toEqual(before);
    });

    it('are dropped by a plain recv, without a leak', () => {
      const [one, other] = Socket.pair(AF_UNIX, type);
      const before = openDescriptors();
      one.sendMessage(data, { fds: [one, other] });
      expect(other.recv(Buffer.alloc(1))).toBe(1);
      one.sendMessage(data, { fds: [one, other] });
      expect(other.recvFrom(Buffer.alloc(1))).toMatchObject({ length: 1 });
      expect(openDescriptors()).toEqual(before);
      one.close();
      other.close();
    });

    it('may be sockets, which the receiver adopts', () => {
      const [one, other] = Socket.pair(AF_UNIX, type);
      const [near, far] = Socket.pair();
      one.sendMessage(data, { fds: [near] });
      near.close();
      const [fd] = other.recvMessage(Buffer.alloc(1), { maxFds: 1 })?.fds ?? [];
      using adopted = Socket.fromFd(fd as number);
      adopted.send(Buffer.from('through'));
      expect(far.recv(Buffer.alloc(16))).toBe(7);
      for (const socket of [one, other, far]) socket.close();
    });

    it('are as many as one message can carry, and one more is refused', () => {
      const [one, other] = Socket.pair(AF_UNIX, type);
      const before = openDescriptors();
      expect(one.sendMessage(data, { fds: new Array(253).fill(one) })).toBe(1);
      const message = other.recvMessage(Buffer.alloc(1), { maxFds: 253 });
      expect(message?.fds).toHaveLength(253);
      expect(message?.flags).toBe(0);
      for (const fd of message?.fds ?? []) closeSync(fd);
      expect(thrownBy(() => one.sendMessage(data, { fds: new Array(254).fill(one) }))).toMatchObject({
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
        message: expect.stringMatching(/fds.*253.*254/),
      });
      expect(thrownBy(() => other.recvMessage(Buffer.alloc(1), { maxFds: 254 }))).toMatchObject({
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
        message: 'maxFds must be a whole number from 0 to 253, not 254',
      });
      expect(other.recv(Buffer.alloc(1))).toBe(WOULD_BLOCK);
      expect(openDescriptors()).toEqual(before);
      one.close();
      other.close();
    });

    it('that are not open or no descriptors are refused, and nothing is sent', () => {
      const [one, other] = Socket.pair(AF_UNIX, type);
      const closed = new Socket();
      const number = closed.fileno();
      closed.close();
      expect(thrownBy(() => one.sendMessage(data, { fds: [one, number] }))).toMatchObject({
        name: 'SystemError',
        code: 'EBADF',
        syscall: 'sendmsg',
      });
      expect(thrownBy(() => one.sendMessage(data, { fds: [one, closed] }))).toMatchObject({
        name: 'StateError',
        code: 'ERR_CLOSED',
        message: expect.stringContaining('fds'),
      });
      expect(thrownBy(() => one.sendMessage(data, { fds: [-1] }))).toMatchObject({
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
        message: expect.stringMatching(/^fds must be .*-1$/),
      });
      for (const wrong of ['1', null, {}, true]) {
        expect(thrownBy(() => one.sendMessage(data, { fds: [wrong as unknown as number] }))).toMatchObject({
          name: 'TypeError',
          code: 'ERR_INVALID_ARG_TYPE',
          message: expect.stringMatching(/^fds must be /),
        });
      }
      expect(other.recv(Buffer.alloc(1))).toBe(WOULD_BLOCK);
      one.close();
      other.close();
    });

    it('come again with each MSG_PEEK, and once more with the message', () => {
      const [one, other] = Socket.pair(AF_UNIX, type);
      const before = openDescriptors();
      one.sendMessage(data, { fds: [one] });
      const peeked = other.recvMessage(Buffer.alloc(1), { maxFds: 1, flags: MSG_PEEK });
      const taken = other.recvMessage(Buffer.alloc(1), { maxFds: 1 });
      const fds = [...(peeked?.fds ?? []), ...(taken?.fds ?? [])];
      expect(fds).toHaveLength(2);
      expect(new Set(fds).size).toBe(2);
      expect(other.recvMessage(Buffer.alloc(1), { maxFds: 1 })).toBeNull();
      for (const fd of fds) closeSync(fd);
      expect(openDescriptors()).toEqual(before);
      one.close();
      other.close();
    });
  });

  describe.runIf(SO_PASSCRED !== undefined)(`credentials over Unix ${name}`, () => {
    it('name this process, its user and its group', () => {
      const [one, other] = Socket.pair(AF_UNIX, type);
      expect(other.recvMessage(Buffer.alloc(1), { credentials: true })).toBeNull();
      one.send(data);
      expect(other.recvMessage(Buffer.alloc(1), { credentials: true })).toEqual({
        length: 1,
        // From now on the kernel gives each sender a name, for it to be told by.
        address: expect.toSatisfy((address) => address === null || 'path' in address),
        flags: 0,
        fds: [],
        credentials: { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() },
      });
      one.close();
      other.close();
    });

    it('come together with descriptors, and neither takes the room of the other', () => {
      const [one, other] = Socket.pair(AF_UNIX, type);
      other.setOption(SOL_SOCKET, SO_PASSCRED as number, true);
      const before = openDescriptors();
      for (let sent = 0; sent <= 5; sent++) {
        for (let maxFds = 0; maxFds <= sent; maxFds++) {
          one.sendMessage(data, { fds: new Array(sent).fill(one) });
          const message = other.recvMessage(Buffer.alloc(1), { maxFds, credentials: true });
          expect(message?.credentials?.pid).toBe(process.pid);
          expect(message?.fds).toHaveLength(maxFds);
          expect(((message?.flags ?? 0) & MSG_CTRUNC) !== 0).toBe(sent > maxFds);
          for (const fd of message?.fds ?? []) closeSync(fd);
        }
      }
      expect(openDescriptors()).toEqual(before);
      one.close();
      other.close();
    });
  });
}

/** Whether this process may start one of any user. */
const mayBeAnybody = spawnSync('true', { uid: -2, gid: -3 }).status === 0;

describe.runIf(SO_PASSCRED !== undefined && mayBeAnybody)('credentials of somebody else', () => {
  it('name the process, the user and the group that wrote, however large their numbers', () => {
    const [one, other] = Socket.pair();
    one.setOption(SOL_SOCKET, SO_PASSCRED as number, true);
    const { pid, error } = spawnSync('echo', ['from a child'], {
      uid: -2,
      gid: -3,
      stdio: ['ignore', other.fileno(), 'ignore'],
    });
    expect(error).toBeUndefined();
    expect(one.recvMessage(Buffer.alloc(64), { credentials: true })).toMatchObject({
      length: 13,
      credentials: { pid, uid: 2 ** 32 - 2, gid: 2 ** 32 - 3 },
    });
    one.close();
    other.close();
  });
});

describe('a stream with descriptors in it', () => {
  it('does not join the messages before and after them', () => {
    const [one, other] = Socket.pair();
    one.sendMessage(Buffer.from('aa'), { fds: [one] });
    one.sendMessage(Buffer.from('bb'), { fds: [one, other] });
    one.send(Buffer.from('cc'));
    const buffer = Buffer.alloc(16);
    const first = other.recvMessage(buffer, { maxFds: 5 });
    expect([first?.length, first?.fds.length]).toEqual([2, 1]);
    const second = other.recvMessage(buffer, { maxFds: 5 });
    expect(second?.fds).toHaveLength(2);
    for (const fd of [...(first?.fds ?? []), ...(second?.fds ?? [])]) closeSync(fd);
    one.close();
    other.close();
  });

  it('gives them with the first byte, however few are read', () => {
    const [one, other] = Socket.pair();
    one.sendMessage(Buffer.from('abc'), { fds: [one] });
    const first = other.recvMessage(Buffer.alloc(1), { maxFds: 1 });
    expect([first?.length, first?.fds.length]).toEqual([1, 1]);
    expect(other.recvMessage(Buffer.alloc(8), { maxFds: 1 })).toMatchObject({ length: 2, fds: [] });
    for (const fd of first?.fds ?? []) closeSync(fd);
    one.close();
    other.close();
  });

  it('would block with the descriptors still here where the peer’s queue is full', () => {
    const [one, other] = Socket.pair();
    const filling = Buffer.alloc(1 << 20);
    while (one.send(filling) !== WOULD_BLOCK);
    const before = openDescriptors();
    expect(one.sendMessage(data, { fds: [one] })).toBe(WOULD_BLOCK);
    while (other.recvMessage(filling, { maxFds: 1 })?.fds.length === 0);
    expect(openDescriptors()).toEqual(before);
    one.close();
    other.close();
  });
});

describe('sendMessage to an address', () => {
  it('reaches an unconnected Unix socket, with descriptors', () => {
    using folder = new TemporaryFolder();
    const receiver = new Socket(AF_UNIX, SOCK_DGRAM);
    receiver.bind({ path: folder.join('receiver') });
    using sender = new Socket(AF_UNIX, SOCK_DGRAM);
    sender.bind({ path: folder.join('sender') });
    sender.sendMessage(data, { address: receiver.localAddress, fds: [sender] });
    const message = receiver.recvMessage(Buffer.alloc(4), { maxFds: 1 });
    expect(message).toMatchObject({ length: 1, address: { path: folder.join('sender') } });
    expect(message?.fds).toHaveLength(1);
    for (const fd of message?.fds ?? []) closeSync(fd);
    receiver.close();
  });

  it('reaches a UDP socket', () => {
    using receiver = datagramSocket();
    using sender = datagramSocket();
    expect(sender.sendMessage(Buffer.from('hello'), { address: receiver.localAddress })).toBe(5);
    untilReadable(receiver);
    expect(receiver.recvMessage(Buffer.alloc(8))).toMatchObject({ length: 5, address: sender.localAddress });
  });

  it('names the address in its error', () => {
    using folder = new TemporaryFolder();
    const path = folder.join('nobody');
    using sender = new Socket(AF_UNIX, SOCK_DGRAM);
    const error = thrownBy(() => sender.sendMessage(data, { address: { path } }));
    expect(error).toBeInstanceOf(SystemError);
    expect(error).toMatchObject({ code: 'ENOENT', path, message: `sendmsg ENOENT ${path}` });
  });
});
