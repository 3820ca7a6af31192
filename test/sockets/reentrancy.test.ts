/** What an argument does while it is read: fileno(), getters and iterators are anybody's code. */
import {
  AF_UNIX,
  constants,
  createSelector,
  Epoll,
  EVENT_READ,
  EVENT_WRITE,
  type FileLike,
  type Selector,
  SOCK_DGRAM,
  Socket,
  selectorBackends,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { refusal } from '../support/refusals.js';

/** Closes `socket`, and opens strangers until one has its number: whoever uses the number now, talks to them. */
function replace(socket: Socket): Socket[] {
  const fd = socket.fileno();
  socket.close();
  const strangers: Socket[] = [];
  while (!strangers.some((stranger) => stranger.fileno() === fd))
    strangers.push(...Socket.pair(AF_UNIX, SOCK_DGRAM));
  return strangers;
}

describe('a socket that is closed by an argument of its own call', () => {
  const calls: Record<string, (socket: Socket, closing: { [key: string]: unknown }) => unknown> = {
    'sendMessage, by the fileno() of a descriptor': (socket, { file }) =>
      socket.sendMessage(Buffer.from('secret'), { fds: [file as { fileno(): number }] }),
    'sendTo, by a getter of the address': (socket, { address }) =>
      socket.sendTo(Buffer.from('secret'), address as { path: string }),
    'bind, by a getter of the address': (socket, { address }) => socket.bind(address as { path: string }),
    'connect, by a getter of the address': (socket, { address }) =>
      socket.connect(address as { path: string }),
    'sendv, by a getter of the array': (socket, { buffers }) => socket.sendv(buffers as Uint8Array[]),
    'recv, by the length of a buffer': (socket, { buffer }) => socket.recv(buffer as Uint8Array),
    'send, by the length of a buffer': (socket, { buffer }) => socket.send(buffer as Uint8Array),
    'recvMessage, by a getter of the options': (socket, { options }) =>
      socket.recvMessage(Buffer.alloc(8), options as { maxFds: number }),
  };
  for (const [name, call] of Object.entries(calls)) {
    it(`refuses ${name}, and touches no stranger`, () => {
      const [socket, peer] = Socket.pair(AF_UNIX, SOCK_DGRAM);
      let strangers: Socket[] = [];
      const close = () => {
        if (strangers.length === 0) strangers = replace(socket);
        return 0;
      };
      const closing = {
        file: { fileno: () => close() },
        address: {
          get path() {
            close();
            return '\0nobody';
          },
        },
        buffers: Object.defineProperty([], 0, {
          get() {
            close();
            return Buffer.from('secret');
          },
        }),
        buffer: Object.defineProperty(new Uint8Array(8), 'length', {
          get() {
            close();
            return 8;
          },
        }) as unknown,
        options: {
          get maxFds() {
            return close();
          },
        },
      };
      expect(refusal(() => call(socket, closing))).toBe('StateError ERR_CLOSED');
      expect(strangers.length).toBeGreaterThan(0);
      for (const stranger of strangers) {
        expect(stranger.recv(Buffer.alloc(8))).toBe(-1);
        expect(stranger.localAddress).toEqual({ path: '' });
        stranger.close();
      }
      peer.close();
    });
  }

  it.runIf(selectorBackends().includes('epoll'))(
    'refuses to register with an epoll set that fileno() closes',
    () => {
      const epoll = new Epoll();
      const [socket, peer] = Socket.pair();
      const file = {
        fileno: () => {
          epoll.close();
          return socket.fileno();
        },
      };
      expect(refusal(() => epoll.register(file))).toBe('StateError ERR_CLOSED');
      socket.close();
      peer.close();
    },
  );
});

describe('a buffer with a length of its own', () => {
  /** Asked for its length the next time, the buffer sends the other one elsewhere. */
  function provoke(buffer: Uint8Array, other: Uint8Array, elsewhere: Socket): void {
    let asked = false;
    Object.defineProperty(buffer, 'length', {
      get() {
        if (!asked) {
          asked = true;
          elsewhere.send(other);
        }
        return 8;
      },
    });
  }

  it('is not sent from where it was received into, once its memory went elsewhere', () => {
    const [here, there] = Socket.pair();
    const memory = new ArrayBuffer(8);
    const buffer = Object.defineProperty(new Uint8Array(memory), 'length', { get: () => 8 });
    there.send(Buffer.from('ABCDEFGH'));
    expect(here.recv(buffer)).toBe(8);
    expect(here.send(buffer)).toBe(8);
    const moved = structuredClone(memory, { transfer: [memory] });
    expect(refusal(() => here.send(buffer))).toBe('TypeError ERR_INVALID_ARG_VALUE');
    expect(refusal(() => here.send(buffer, 0, 4))).toBe('TypeError ERR_INVALID_ARG_VALUE');
    expect(there.recv(Buffer.alloc(16))).toBe(8);
    expect(there.recv(Buffer.alloc(16))).toBe(-1);
    expect(Buffer.from(moved).toString()).toBe('ABCDEFGH');
    here.close();
    there.close();
  });

  it('is a datagram of what it has, empty or not, and not of what it says', () => {
    const [here, there] = Socket.pair(AF_UNIX, SOCK_DGRAM);
    const says = (length: number, bytes: string) =>
      Object.defineProperty(new Uint8Array(Buffer.from(bytes)), 'length', { get: () => length });
    const received = Buffer.alloc(16);
    expect(here.send(says(0, ''))).toBe(0);
    expect(there.recv(received)).toBe(0);
    expect(here.send(says(0, 'ABCDEFGH'))).toBe(8);
    expect(there.recv(received)).toBe(8);
    expect(received.toString('latin1', 0, 8)).toBe('ABCDEFGH');
    for (const part of [[], [0, 8], [8]]) {
      expect(refusal(() => here.send(says(8, ''), ...part))).toBe('TypeError ERR_INVALID_ARG_VALUE');
    }
    expect(there.recv(received)).toBe(-1);
    here.close();
    there.close();
  });

  it('is received into itself, then and ever after', () => {
    const [here, there] = Socket.pair();
    const [elsewhere, peer] = Socket.pair();
    const buffer = new Uint8Array(8);
    const memory = new ArrayBuffer(16);
    elsewhere.send(buffer);
    provoke(buffer, new Uint8Array(memory, 4, 2), elsewhere);
    for (const text of ['ABCDEFGH', 'IJKLMNOP']) {
      there.send(Buffer.from(text));
      expect(here.recv(buffer)).toBe(8);
      expect(Buffer.from(buffer.buffer).toString()).toBe(text);
    }
    const moved = structuredClone(memory, { transfer: [memory] });
    there.send(Buffer.from('QRSTUVWX'));
    expect(here.recv(buffer)).toBe(8);
    expect(Buffer.from(buffer.buffer).toString()).toBe('QRSTUVWX');
    expect(new Uint8Array(moved)).toEqual(new Uint8Array(16));
    for (const socket of [here, there, elsewhere, peer]) socket.close();
  });
});

describe('a call on what is no socket', () => {
  it.each(['recv', 'send'] as const)('leaves no flags to the next one: %s', (method) => {
    const [here, there] = Socket.pair();
    const buffer = new Uint8Array(8);
    const { MSG_PEEK } = constants;
    there.send(Buffer.from('once'));
    const call = () => new Proxy(here, {})[method](buffer, 0, 8, MSG_PEEK);
    expect(call).toThrow(TypeError);
    expect(here.recv(buffer)).toBe(4);
    expect(here.recv(buffer)).toBe(-1);
    here.close();
    there.close();
  });
});

describe('a selector that is closed by an argument of its own call', () => {
  const calls: Record<string, (selector: Selector, file: FileLike) => unknown> = {
    register: (selector, file) => selector.register(file, EVENT_READ),
    modify: (selector, file) => selector.modify(file, EVENT_WRITE),
    rearm: (selector, file) => selector.rearm(file),
    unregister: (selector, file) => selector.unregister(file),
    getKey: (selector, file) => selector.getKey(file),
  };
  for (const backend of selectorBackends()) {
    for (const [name, call] of Object.entries(calls)) {
      for (const registered of name === 'register' ? [false, true] : [true]) {
        it(`refuses ${name}, and touches no other: ${backend}, ${registered ? 'a known file' : 'a new one'}`, () => {
          const selector = createSelector(backend);
          const strangers: Selector[] = [];
          const [socket, peer] = Socket.pair();
          let closing = false;
          const file = {
            fileno() {
              if (closing && !selector.closed) {
                selector.close();
                strangers.push(createSelector(backend), createSelector(backend));
              }
              return socket.fileno();
            },
          };
          if (registered) selector.register(file, EVENT_READ, undefined, { mode: 'oneshot' });
          closing = true;
          expect(refusal(() => call(selector, file))).toBe('StateError ERR_CLOSED');
          expect(strangers).toHaveLength(2);
          for (const stranger of strangers) {
            stranger.verify();
            stranger.close();
          }
          socket.close();
          peer.close();
        });
      }
    }
  }
});

describe('a descriptor of the library', () => {
  for (const backend of selectorBackends()) {
    it(`is not to be registered with the ${backend} selector that wakes by it`, () => {
      using selector = createSelector(backend);
      const { fd } = selector.waker.handle;
      expect(refusal(() => selector.register(fd, EVENT_READ))).toBe('StateError ERR_ALREADY_REGISTERED');
      expect(refusal(() => selector.unregister(fd))).toBe('StateError ERR_NOT_REGISTERED');
      selector.wakeup();
      expect(selector.select()).toEqual([]);
    });
  }

  it.runIf(process.platform === 'linux')(
    'is not left open where a message brings a descriptor of its sender',
    () => {
      const [here, there] = Socket.pair();
      const SO_PASSPIDFD = 76;
      const { SOL_SOCKET = 0 } = constants;
      // Linux 6.5.
      if (refusal(() => here.setOption(SOL_SOCKET, SO_PASSPIDFD, 1)) !== 'nothing') return;
      const [first] = Socket.pair();
      const next = first.fileno();
      first.close();
      for (let i = 0; i < 20; i++) {
        there.send(Buffer.from('x'));
        expect(here.recvMessage(Buffer.alloc(8), { maxFds: 2 })).toMatchObject({ length: 1, fds: [] });
      }
      using last = new Socket();
      expect(last.fileno()).toBeLessThanOrEqual(next + 2);
      here.close();
      there.close();
    },
  );
});
