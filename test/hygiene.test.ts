/** Every descriptor that the library makes is nonblocking and close-on-exec, and none is left behind. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  createSelector,
  DatagramBatch,
  Epoll,
  EVENT_READ,
  type FileLike,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  Socket,
  selectorBackends,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { TcpConnection } from './support/connections.js';
import {
  canReadFlags,
  duplicate,
  isCloseOnExec,
  isNonblocking,
  openDescriptors,
} from './support/descriptors.js';
import { expectGivenBack, isEmulated } from './support/emulation.js';
import { thrownBy } from './support/expecting.js';
import { openPipe } from './support/pipes.js';
import { fixture } from './support/processes.js';
import { refusingAddress } from './support/sockets.js';
import { TemporaryFolder } from './support/temporary.js';

const ROUNDS = 2_000;
const backends = selectorBackends();
const hasEpoll = backends.includes('epoll');

function flagsOf(file: FileLike): { nonblocking: boolean; closeOnExec: boolean } {
  const fd = typeof file === 'number' ? file : 'fileno' in file ? file.fileno() : file.fd;
  return { nonblocking: isNonblocking(fd), closeOnExec: isCloseOnExec(fd) };
}

const CLEAN = { nonblocking: true, closeOnExec: true };

/** The descriptors that `action` opened, and what it returned to be closed. */
function openedBy<T>(action: () => T): [opened: number[], result: T] {
  const before = new Set(openDescriptors());
  const result = action();
  return [openDescriptors().filter((fd) => !before.has(fd)), result];
}

/** Asserts that nothing stays open that was not open before. */
function expectNothingLeft(action: () => void): void {
  const before = openDescriptors();
  action();
  expectGivenBack(before);
}

describe.skipIf(!canReadFlags)('a descriptor that the library makes', () => {
  const kinds: [name: string, family: number, type: number][] = [
    ['IPv4 stream', AF_INET, SOCK_STREAM],
    ['IPv4 datagram', AF_INET, SOCK_DGRAM],
    ['IPv6 stream', AF_INET6, SOCK_STREAM],
    ['IPv6 datagram', AF_INET6, SOCK_DGRAM],
    ['Unix stream', AF_UNIX, SOCK_STREAM],
    ['Unix datagram', AF_UNIX, SOCK_DGRAM],
    ['Unix seqpacket', AF_UNIX, SOCK_SEQPACKET],
  ];

  it.each(kinds)('is nonblocking and close-on-exec: a new %s socket', (_, family, type) => {
    const [opened, socket] = openedBy(() => new Socket(family, type));
    expect(opened).toEqual([socket.fileno()]);
    expect(flagsOf(socket)).toEqual(CLEAN);
    socket.close();
  });

  it.each(kinds.slice(4))('is nonblocking and close-on-exec: both of a %s pair', (_, family, type) => {
    const [opened, pair] = openedBy(() => Socket.pair(family, type));
    expect(opened).toEqual(pair.map((socket) => socket.fileno()).sort((a, b) => a - b));
    for (const socket of pair) {
      expect(flagsOf(socket)).toEqual(CLEAN);
      socket.close();
    }
  });

  it('is nonblocking and close-on-exec: a listener, and what it accepts, over TCP', () => {
    using connection = new TcpConnection();
    expect(flagsOf(connection.listener)).toEqual(CLEAN);
    expect(flagsOf(connection.client)).toEqual(CLEAN);
    expect(flagsOf(connection.server)).toEqual(CLEAN);
  });

  it('is nonblocking and close-on-exec: a listener, and what it accepts, over Unix sockets', () => {
    using folder = new TemporaryFolder();
    for (const type of [SOCK_STREAM, SOCK_SEQPACKET]) {
      using listener = Socket.listen({ path: folder.join(`socket-${type}`) }, { type });
      using client = new Socket(AF_UNIX, type);
      client.connect(listener.localAddress);
      using accepted = listener.accept();
      expect(flagsOf(listener)).toEqual(CLEAN);
      expect(accepted && flagsOf(accepted)).toEqual(CLEAN);
    }
  });

  it('becomes nonblocking when a socket adopts it, and stays close-on-exec', () => {
    // Its open file is given to a program as standard input, for which Node makes it blocking.
    const [near, far] = Socket.pair();
    spawnSync('true', { stdio: [near.fileno(), 'ignore', 'ignore'] });
    expect(isNonblocking(near.fileno())).toBe(false);
    const socket = Socket.fromFd(near.detach());
    expect(flagsOf(socket)).toEqual(CLEAN);
    socket.close();
    far.close();
  });

  it('becomes close-on-exec when a socket adopts what was inherited', () => {
    const [near, far] = Socket.pair();
    // Node itself marks what it inherits up to number 16.
    const stdio = ['ignore', 'pipe', 'inherit', ...new Array(17).fill('ignore'), near.fileno()];
    const { stdout } = spawnSync(process.execPath, [fixture('adopting-process.mjs'), '20'], {
      stdio,
      encoding: 'utf8',
    });
    expect(JSON.parse(stdout)).toEqual({ before: false, after: true });
    near.close();
    far.close();
  });

  it('is close-on-exec when it was received, and as it was sent otherwise', () => {
    using folder = new TemporaryFolder();
    const file = openSync(folder.join('file'), 'w');
    const [socket, other] = Socket.pair();
    const received = [duplicate(socket), duplicate(file)];
    expect(received.map(isCloseOnExec)).toEqual([true, true]);
    expect(received.map(isNonblocking)).toEqual([true, false]);
    for (const fd of [...received, file]) closeSync(fd);
    socket.close();
    other.close();
  });

  it.skipIf(!hasEpoll)('is close-on-exec: an epoll set', () => {
    const [opened, epoll] = openedBy(() => new Epoll());
    expect(opened).toEqual([epoll.fileno()]);
    expect(isCloseOnExec(epoll.fileno())).toBe(true);
    epoll.close();
  });

  it.each(backends)('is close-on-exec, and the waker nonblocking: those of a selector over %s', (backend) => {
    const [opened, selector] = openedBy(() => createSelector(backend));
    const own = backend === 'epoll' || backend === 'kqueue' ? [selector.fileno()] : [];
    // The rest are of the emulation, not ours.
    const wakers = isEmulated(backend) ? [] : opened.filter((fd) => !own.includes(fd));
    expect(opened).toContain(selector.waker.handle.fd);
    expect(opened.filter((fd) => !isCloseOnExec(fd))).toEqual([]);
    expect(wakers.filter((fd) => !isNonblocking(fd))).toEqual([]);
    selector.close();
    if (isEmulated(backend)) return;
    expect(openDescriptors().filter((fd) => opened.includes(fd))).toEqual([]);
  });

  it('is not inherited by a program that is started', () => {
    const [opened, parts] = openedBy(() => [
      ...backends.map((backend) => createSelector(backend)),
      ...(hasEpoll ? [new Epoll()] : []),
      ...Socket.pair(),
      ...Socket.pair(AF_UNIX, SOCK_DGRAM),
      new Socket(AF_INET6, SOCK_DGRAM),
      new TcpConnection(),
    ]);
    const child = execFileSync('sh', ['-c', 'for fd in /proc/$$/fd/*; do readlink "$fd"; done; true'], {
      encoding: 'utf8',
    });
    const files = new Set(child.trim().split('\n'));
    const ours = opened.map((fd) =>
      execFileSync('readlink', [`/proc/${process.pid}/fd/${fd}`], { encoding: 'utf8' }),
    );
    expect(ours.length).toBeGreaterThan(10);
    // Anonymous inodes are all called alike: what a shell has of them at all, it inherited.
    expect(ours.map((name) => name.trim()).filter((name) => files.has(name))).toEqual([]);
    for (const part of parts) part[Symbol.dispose]();
  });
});

describe.skipIf(!canReadFlags)('after many rounds of opening and closing', () => {
  const rounds: Record<string, () => void> = {
    'a socket of each family': () => {
      for (const family of [AF_INET, AF_INET6, AF_UNIX]) new Socket(family).close();
    },
    'a pair': () => {
      for (const socket of Socket.pair()) socket.close();
    },
    'a listener and a client that it never accepts': () => {
      using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
      using client = new Socket();
      client.connect(listener.localAddress);
    },
    'a descriptor that is sent and received': () => {
      const [near, far] = Socket.pair();
      near.sendMessage(Buffer.of(1), { fds: [near, far] });
      for (const fd of far.recvMessage(Buffer.alloc(1), { maxFds: 2 })?.fds ?? []) closeSync(fd);
      near.close();
      far.close();
    },
    'a descriptor that is sent to somebody who does not want it': () => {
      const [near, far] = Socket.pair();
      near.sendMessage(Buffer.of(1), { fds: [near, far] });
      far.recvMessage(Buffer.alloc(1), { maxFds: 1 })?.fds.forEach((fd) => {
        closeSync(fd);
      });
      near.sendMessage(Buffer.of(1), { fds: [near] });
      far.recv(Buffer.alloc(1));
      near.close();
      far.close();
    },
    'a batch of datagrams': () => {
      const batch = new DatagramBatch(4, 100);
      const [near, far] = Socket.pair(AF_UNIX, SOCK_DGRAM);
      batch.set(0, Buffer.from('datagram'));
      near.sendBatch(batch, 1);
      far.recvBatch(batch);
      near.close();
      far.close();
    },
    ...(hasEpoll && {
      'an epoll set with a registration': () => {
        using epoll = new Epoll();
        using socket = new Socket();
        epoll.register(socket);
      },
    }),
  };

  it.each(Object.entries(rounds))('as many descriptors are open as before: %s', (_, round) => {
    expectNothingLeft(() => {
      for (let i = 0; i < ROUNDS; i++) round();
    });
  });

  it.each(backends)(
    'as many are open as before: a %s selector with a registration, a wake and a wait',
    (backend) => {
      expectNothingLeft(() => {
        for (let i = 0; i < ROUNDS; i++) {
          using selector = createSelector(backend);
          using socket = new Socket(AF_INET, SOCK_DGRAM);
          selector.register(socket, EVENT_READ);
          selector.waker.wake();
          selector.select();
        }
      });
    },
  );
});

describe.skipIf(!canReadFlags)('an operation that fails', () => {
  it('leaves nothing open: listening where somebody listens already', () => {
    using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
    const { localAddress } = listener;
    expectNothingLeft(() => {
      expect(thrownBy(() => Socket.listen(localAddress)).code).toBe('EADDRINUSE');
    });
  });

  it('leaves nothing open: listening at a path that cannot be', () => {
    expectNothingLeft(() => {
      expect(thrownBy(() => Socket.listen({ path: '/nowhere/at/all' })).code).toBe('ENOENT');
    });
  });

  it('leaves nothing open: listening with options that cannot be', () => {
    const address = { address: '127.0.0.1', port: 0 };
    expectNothingLeft(() => {
      thrownBy(() => Socket.listen(address, { backlog: Number.NaN }));
      thrownBy(() => Socket.listen(address, { type: SOCK_DGRAM }));
    });
  });

  it('leaves open the socket alone: connecting where nobody listens', () => {
    expectNothingLeft(() => {
      using socket = new Socket(AF_UNIX);
      expect(thrownBy(() => socket.connect({ path: '/nowhere/at/all' })).code).toBe('ENOENT');
      using other = new Socket();
      const [opened] = openedBy(() => other.connect(refusingAddress()));
      expect(opened).toEqual([]);
    });
  });

  it('leaves nothing open, and the descriptor the caller’s: adopting what is no socket', () => {
    using pipe = openPipe();
    expectNothingLeft(() => {
      expect(thrownBy(() => Socket.fromFd(pipe.reader.fileno())).code).toBe('ENOTSOCK');
    });
  });

  it('leaves nothing open: a socket of a family that does not exist', () => {
    expectNothingLeft(() => {
      expect(thrownBy(() => new Socket(9999)).code).toBe('EAFNOSUPPORT');
      thrownBy(() => Socket.pair(AF_INET));
    });
  });
});
