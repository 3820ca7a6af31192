/** The constants of this system. */
import { constants as os } from 'node:os';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  constants,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { native } from '../../lib/native/load.js';

/** As the headers of Linux have them on x86 and Arm. */
const LINUX: Readonly<Record<string, number>> = {
  AF_UNSPEC: 0,
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_RAW: 3,
  SOCK_SEQPACKET: 5,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_TYPE: 3,
  SO_ERROR: 4,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  SO_KEEPALIVE: 9,
  SO_LINGER: 13,
  SO_REUSEPORT: 15,
  SO_PASSCRED: 16,
  IPPROTO_IP: 0,
  IPPROTO_TCP: 6,
  IPPROTO_UDP: 17,
  IPPROTO_IPV6: 41,
  TCP_NODELAY: 1,
  IPV6_V6ONLY: 26,
  MSG_OOB: 0x1,
  MSG_PEEK: 0x2,
  MSG_CTRUNC: 0x8,
  MSG_TRUNC: 0x20,
  MSG_DONTWAIT: 0x40,
  MSG_NOSIGNAL: 0x4000,
  SHUT_RD: 0,
  SHUT_WR: 1,
  SHUT_RDWR: 2,
  POLLIN: 0x1,
  POLLPRI: 0x2,
  POLLOUT: 0x4,
  POLLERR: 0x8,
  POLLHUP: 0x10,
  POLLNVAL: 0x20,
  POLLRDHUP: 0x2000,
  EPOLL_CTL_ADD: 1,
  EPOLL_CTL_DEL: 2,
  EPOLL_CTL_MOD: 3,
  EPOLLIN: 0x1,
  EPOLLPRI: 0x2,
  EPOLLOUT: 0x4,
  EPOLLERR: 0x8,
  EPOLLHUP: 0x10,
  EPOLLRDHUP: 0x2000,
  EPOLLEXCLUSIVE: 0x1000_0000,
  EPOLLWAKEUP: 0x2000_0000,
  EPOLLONESHOT: 0x4000_0000,
  EPOLLET: 0x8000_0000,
};

/** POSIX has no numbers for them, but every system agrees. */
const EVERYWHERE: Readonly<Record<string, number>> = {
  AF_UNSPEC: 0,
  AF_UNIX: 1,
  AF_INET: 2,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  IPPROTO_TCP: 6,
  IPPROTO_UDP: 17,
  POLLIN: 1,
  POLLPRI: 2,
  POLLOUT: 4,
  POLLERR: 8,
  POLLHUP: 16,
  POLLNVAL: 32,
};

describe('constants', () => {
  it('have the numbers that every system agrees on', () => {
    expect(constants).toMatchObject(EVERYWHERE);
  });

  it.runIf(process.platform === 'linux')('have the numbers of Linux', () => {
    for (const [name, value] of Object.entries(LINUX)) expect(constants[name], name).toBe(value);
  });

  it('agree with those of node:os, where both have one', () => {
    const node: Record<string, number> = { ...os.errno, ...os.signals, ...os.priority, ...os.dlopen };
    for (const [name, value] of Object.entries(constants)) {
      if (name in node) expect(value, name).toBe(node[name]);
    }
  });

  it('are whole numbers, unsigned but for the filters of a kqueue', () => {
    expect(Object.keys(constants).length).toBeGreaterThan(50);
    for (const [name, value] of Object.entries(constants)) {
      expect(name).toMatch(/^[A-Z][A-Z0-9_]*$/);
      expect(Number.isInteger(value), name).toBe(true);
      expect(value, name).toBeLessThanOrEqual(0xffff_ffff);
      expect(value, name).toBeGreaterThanOrEqual(name.startsWith('EVFILT_') ? -0x8000 : 0);
    }
  });

  it('keep the bit of EPOLLET positive', () => {
    if (process.platform !== 'linux') expect(constants).not.toHaveProperty('EPOLLET');
    else expect(constants['EPOLLET']).toBe(0x8000_0000);
  });

  it('cannot be changed', () => {
    expect(Object.isFrozen(constants)).toBe(true);
    const writable = constants as Record<string, number>;
    expect(() => {
      writable['POLLIN'] = 2;
    }).toThrow(TypeError);
    expect(() => {
      writable['POLLNEW'] = 2;
    }).toThrow(TypeError);
    expect(() => delete writable['POLLIN']).toThrow(TypeError);
    expect(constants['POLLIN']).toBe(1);
    expect(constants).not.toBe(native.constants);
  });

  it('are exported by name where every program needs them', () => {
    const named = { AF_INET, AF_INET6, AF_UNIX, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW };
    expect(constants).toMatchObject(named);
    for (const value of Object.values(named)) expect(value).toBeTypeOf('number');
  });
});
