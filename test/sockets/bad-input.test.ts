/** Wrong arguments: each is refused with its name and its value, before anything was sent or changed. */
import {
  type Address,
  AF_INET6,
  AF_UNIX,
  constants,
  DatagramBatch,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  Socket,
  WOULD_BLOCK,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { datagramSocket } from '../support/connections.js';
import { openDescriptors } from '../support/descriptors.js';
import { thrownBy } from '../support/expecting.js';
import { detach, detachedBuffer, noBuffers, resizableBuffer, sharedBuffer } from '../support/memory.js';
import { isReadable } from '../support/readiness.js';

const { SOL_SOCKET = 0, SO_KEEPALIVE = 0 } = constants;
const data = Buffer.from('12345678');

/** Asserts that each call is refused so; `message` is of the whole error message. */
function refuse(
  call: () => unknown,
  name: 'TypeError' | 'RangeError',
  code: 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_OUT_OF_RANGE',
  message: RegExp,
): void {
  expect(thrownBy(call)).toMatchObject({ name, code, message: expect.stringMatching(message) });
}

/** Refused as a number: by type where it is none, else as out of range. */
function refuseNumber(call: () => unknown, argument: string, value: unknown): void {
  const [name, code] =
    typeof value === 'number'
      ? (['RangeError', 'ERR_OUT_OF_RANGE'] as const)
      : (['TypeError', 'ERR_INVALID_ARG_TYPE'] as const);
  refuse(call, name, code, new RegExp(`^${argument} must be .*, not .*${String(value).replace('.', '\\.')}`));
}

/** Two connected sockets of a kind, between which nothing must have gone. */
function withPair(type: number, use: (one: Socket, other: Socket) => void): void {
  const [one, other] = Socket.pair(AF_UNIX, type);
  use(one, other);
  expect(other.recv(Buffer.alloc(64))).toBe(WOULD_BLOCK);
  expect(one.recv(Buffer.alloc(64))).toBe(WOULD_BLOCK);
  one.close();
  other.close();
}

/** Every way in which a buffer reaches the kernel. */
const uses: Record<string, (socket: Socket, buffer: Uint8Array) => unknown> = {
  recv: (socket, buffer) => socket.recv(buffer),
  recvFrom: (socket, buffer) => socket.recvFrom(buffer),
  recvMessage: (socket, buffer) => socket.recvMessage(buffer),
  send: (socket, buffer) => socket.send(buffer),
  sendv: (socket, buffer) => socket.sendv([data, buffer]),
  sendTo: (socket, buffer) => socket.sendTo(buffer, { path: '' }),
  sendMessage: (socket, buffer) => socket.sendMessage(buffer),
  'DatagramBatch.set': (_socket, buffer) => new DatagramBatch(1, 8).set(0, buffer),
};
const types = Object.entries({ stream: undefined, datagram: SOCK_DGRAM, seqpacket: SOCK_SEQPACKET });

for (const [type, number = constants['SOCK_STREAM'] as number] of types) {
  for (const [name, use] of Object.entries(uses)) {
    describe(`${name} on a ${type} socket`, () => {
      it('refuses what is no buffer', () => {
        withPair(number, (socket) => {
          for (const wrong of noBuffers) {
            refuse(
              () => use(socket, wrong as Uint8Array),
              'TypeError',
              'ERR_INVALID_ARG_TYPE',
              /^(buffer|payload) must be a Buffer or Uint8Array, not ./,
            );
          }
        });
      });

      it('refuses memory that is shared among threads', () => {
        withPair(number, (socket) => {
          refuse(
            () => use(socket, sharedBuffer()),
            'TypeError',
            'ERR_INVALID_ARG_VALUE',
            /^(buffer|payload) must be .*SharedArrayBuffer/,
          );
        });
      });

      it('refuses memory that may shrink', () => {
        withPair(number, (socket) => {
          refuse(
            () => use(socket, resizableBuffer()),
            'TypeError',
            'ERR_INVALID_ARG_VALUE',
            /^(buffer|payload) must be .*resizable/,
          );
        });
      });

      it('refuses memory that was moved away', () => {
        withPair(number, (socket) => {
          refuse(
            () => use(socket, detachedBuffer()),
            'TypeError',
            'ERR_INVALID_ARG_VALUE',
            /^(buffer|payload) must be .*detached/,
          );
        });
      });

      it('refuses memory that was moved away after it had been good', () => {
        const buffer = new Uint8Array(8);
        withPair(number, (socket, other) => {
          other.send(buffer);
          expect(socket.recv(buffer)).toBe(8);
          detach(buffer);
          refuse(
            () => use(socket, buffer),
            'TypeError',
            'ERR_INVALID_ARG_VALUE',
            /^(buffer|payload) must be .*detached/,
          );
        });
      });
    });
  }

  describe(`an empty buffer on a ${type} socket`, () => {
    it('is no place to receive into: 0 would look like the end', () => {
      withPair(number, (socket, other) => {
        other.send(data);
        for (const name of ['recv', 'recvFrom', 'recvMessage']) {
          refuse(
            () => uses[name]?.(socket, Buffer.alloc(0)),
            'TypeError',
            'ERR_INVALID_ARG_VALUE',
            /^buffer must be of at least one byte, not .*empty/,
          );
        }
        expect(socket.recv(Buffer.alloc(8))).toBe(8);
      });
    });
  });
}

describe('nothing to send', () => {
  it('is refused on a stream, where it would mean nothing', () => {
    withPair(constants['SOCK_STREAM'] as number, (socket) => {
      const empty = Buffer.alloc(0);
      const message = /^buffers? must be .*at least one byte/;
      refuse(() => socket.send(empty), 'TypeError', 'ERR_INVALID_ARG_VALUE', message);
      refuse(() => socket.sendMessage(empty), 'TypeError', 'ERR_INVALID_ARG_VALUE', message);
      refuse(() => socket.sendTo(empty, { path: '' }), 'TypeError', 'ERR_INVALID_ARG_VALUE', message);
      refuse(() => socket.sendv([]), 'TypeError', 'ERR_INVALID_ARG_VALUE', message);
      refuse(() => socket.sendv([empty, empty]), 'TypeError', 'ERR_INVALID_ARG_VALUE', message);
    });
  });
});

describe('sendv', () => {
  it('refuses what is no array', () => {
    withPair(SOCK_DGRAM, (socket) => {
      for (const wrong of [undefined, null, data, 'text', {}, new Set([data])]) {
        refuse(
          () => socket.sendv(wrong as unknown as Uint8Array[]),
          'TypeError',
          'ERR_INVALID_ARG_TYPE',
          /^buffers must be an array/,
        );
      }
    });
  });
});

describe('offset and length', () => {
  const calls: Record<string, (socket: Socket, offset?: unknown, length?: unknown) => unknown> = {
    recv: (socket, offset, length) => socket.recv(data, offset as number, length as number),
    send: (socket, offset, length) => socket.send(data, offset as number, length as number),
  };
  for (const [name, call] of Object.entries(calls)) {
    for (const [type, number = constants['SOCK_STREAM'] as number] of types) {
      it(`of ${name} on a ${type} socket must lie within the buffer`, () => {
        withPair(number, (socket) => {
          const before = data.toString();
          for (const offset of [
            -1,
            8,
            9,
            1.5,
            Number.NaN,
            Number.POSITIVE_INFINITY,
            2 ** 32,
            '1',
            null,
            {},
          ]) {
            for (const length of [undefined, 1]) {
              const error = thrownBy(() => call(socket, offset, length));
              expect(error).toMatchObject({
                name: typeof offset === 'number' ? 'RangeError' : 'TypeError',
                code: typeof offset === 'number' ? 'ERR_OUT_OF_RANGE' : 'ERR_INVALID_ARG_TYPE',
                message: expect.stringMatching(/^offset must be /),
              });
            }
          }
          for (const length of [-1, 9, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32 + 1, '1', true]) {
            refuseNumber(() => call(socket, 0, length), 'length', length);
          }
          refuseNumber(() => call(socket, 4, 5), 'length', 5);
          refuseNumber(() => call(socket, 4, 0), 'length', 0);
          expect(data.toString()).toBe(before);
        });
      });
    }
    it(`of ${name} may be no bigints`, () => {
      withPair(SOCK_DGRAM, (socket) => {
        refuseNumber(() => call(socket, 1n), 'offset', 1n);
        refuseNumber(() => call(socket, 0, 1n), 'length', 1n);
      });
    });
  }
});

describe('flags', () => {
  const calls: Record<string, (socket: Socket, flags: number) => unknown> = {
    recv: (socket, flags) => socket.recv(Buffer.alloc(8), 0, 8, flags),
    send: (socket, flags) => socket.send(data, 0, 8, flags),
    recvFrom: (socket, flags) => socket.recvFrom(Buffer.alloc(8), flags),
    sendTo: (socket, flags) => socket.sendTo(data, { path: '' }, flags),
    recvMessage: (socket, flags) => socket.recvMessage(Buffer.alloc(8), { flags }),
    sendMessage: (socket, flags) => socket.sendMessage(data, { flags }),
  };
  for (const [name, call] of Object.entries(calls)) {
    it(`of ${name} are a whole number of 32 bits`, () => {
      withPair(SOCK_DGRAM, (socket) => {
        for (const flags of [1.5, Number.NaN, 2 ** 40, '2', null, true, 1n]) {
          refuseNumber(() => call(socket, flags as number), 'flags', flags);
        }
      });
    });
  }
});

/** Every way in which an address reaches the kernel, for a socket of its family. */
const destinations: Record<string, (socket: Socket, address: Address) => unknown> = {
  bind: (socket, address) => socket.bind(address),
  connect: (socket, address) => socket.connect(address),
  sendTo: (socket, address) => socket.sendTo(data, address),
  sendMessage: (socket, address) => socket.sendMessage(data, { address }),
};

describe('an address', () => {
  const ports = [
    70_000,
    65_536,
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '80',
    undefined,
    null,
    80n,
    [80],
  ];
  for (const [name, call] of Object.entries(destinations)) {
    for (const address of ['127.0.0.1', '::1']) {
      it(`with a port that is none is refused by ${name} at ${address}`, () => {
        using socket = new Socket(address === '::1' ? AF_INET6 : undefined, SOCK_DGRAM);
        for (const port of ports) {
          const error = thrownBy(() => call(socket, { address, port: port as number }));
          const number = typeof port === 'number';
          expect(error).toMatchObject({
            name: number ? 'RangeError' : 'TypeError',
            code: number ? 'ERR_OUT_OF_RANGE' : 'ERR_INVALID_ARG_TYPE',
            message: number
              ? `port must be a whole number from 0 to 65535, not ${port}`
              : expect.stringMatching(/^port must be a number, not /),
          });
        }
        expect(socket.localAddress).toMatchObject({ port: 0 });
        expect(socket.remoteAddress).toBeNull();
      });
    }

    it(`that is a name, or no address at all, is refused by ${name}`, () => {
      const names = [
        'localhost',
        'example.com',
        '',
        ' 127.0.0.1',
        '127.0.0.1 ',
        '127.1',
        '1.2.3.4.5',
        '256.0.0.1',
        '127.0.0.1%lo',
        '127.0.0.1\0',
        '*',
      ];
      using four = new Socket(undefined, SOCK_DGRAM);
      using six = new Socket(AF_INET6, SOCK_DGRAM);
      for (const address of names) {
        for (const socket of [four, six]) {
          const error = thrownBy(() => call(socket, { address, port: 9 }));
          expect(error).toMatchObject({
            name: 'TypeError',
            code: 'ERR_INVALID_ARG_VALUE',
            message: expect.stringMatching(/^address must be a numeric IPv[46] address/),
          });
          expect(error.message).toContain(`not '${JSON.stringify(address).slice(1, -1)}'`);
        }
      }
      for (const address of ['[::1]', '::1%', ':::', '1::2::3', '::1 ', 'fe80::1%lo%lo']) {
        refuse(
          () => call(six, { address, port: 9 }),
          'TypeError',
          'ERR_INVALID_ARG_VALUE',
          /^address must be .*, not /,
        );
      }
      for (const socket of [four, six]) expect(socket.localAddress).toMatchObject({ port: 0 });
    });

    it(`of another family is refused by ${name}, with the spelling that works`, () => {
      using four = new Socket(undefined, SOCK_DGRAM);
      using six = new Socket(AF_INET6, SOCK_DGRAM);
      using local = new Socket(AF_UNIX, SOCK_DGRAM);
      const value = 'ERR_INVALID_ARG_VALUE';
      refuse(
        () => call(six, { address: '127.0.0.1', port: 9 }),
        'TypeError',
        value,
        /^address must be a numeric IPv6 address.*::ffff:127\.0\.0\.1.*, not '127\.0\.0\.1'$/,
      );
      refuse(
        () => call(four, { address: '::1', port: 9 }),
        'TypeError',
        value,
        /^address must be a numeric IPv4 address.*, not '::1'$/,
      );
      for (const socket of [four, six]) {
        refuse(
          () => call(socket, { path: '/nowhere' }),
          'TypeError',
          value,
          /^address must be an IP address.*, not .*Unix path/,
        );
      }
      refuse(
        () => call(local, { address: '127.0.0.1', port: 9 }),
        'TypeError',
        value,
        /^address must be a path.*, not .*IP address/,
      );
      expect(local.localAddress).toEqual({ path: '' });
      for (const socket of [four, six]) expect(socket.localAddress).toMatchObject({ port: 0 });
    });

    it(`of another family is refused by ${name} although it came from the kernel`, () => {
      using four = datagramSocket();
      using six = new Socket(AF_INET6, SOCK_DGRAM);
      const { localAddress } = four;
      refuse(() => call(six, localAddress), 'TypeError', 'ERR_INVALID_ARG_VALUE', /^address must be .*IPv6/);
    });

    it(`that is no object with an address or a path is refused by ${name}`, () => {
      using inet = new Socket(undefined, SOCK_DGRAM);
      using local = new Socket(AF_UNIX, SOCK_DGRAM);
      for (const wrong of [null, '127.0.0.1', 80, {}, { port: 80 }, [], () => {}]) {
        for (const socket of [inet, local]) {
          refuse(
            () => call(socket, wrong as unknown as Address),
            'TypeError',
            'ERR_INVALID_ARG_TYPE',
            /^address must be an object with address and port, or with path, not /,
          );
        }
      }
      for (const address of [undefined, null, 5, {}, Buffer.from('127.0.0.1')]) {
        refuse(
          () => call(inet, { address, port: 9 } as unknown as Address),
          'TypeError',
          'ERR_INVALID_ARG_TYPE',
          /^address must be a string, not /,
        );
      }
      for (const path of [undefined, null, 5, {}, ['a'], new Uint16Array(4)]) {
        refuse(
          () => call(local, { path } as unknown as Address),
          'TypeError',
          'ERR_INVALID_ARG_TYPE',
          /^path must be a string or Uint8Array, not /,
        );
      }
    });
  }

  it('whose path was moved away is refused: it would stand for no name', () => {
    using socket = new Socket(AF_UNIX);
    refuse(
      () => socket.bind({ path: detachedBuffer() }),
      'TypeError',
      'ERR_INVALID_ARG_VALUE',
      /^path must be .*detached/,
    );
    expect(socket.localAddress).toEqual({ path: '' });
  });

  it('that is none is refused by Socket.listen and by a batch, too', () => {
    const before = openDescriptors();
    const batch = new DatagramBatch(1, 8);
    const calls = [
      (address: Address) => Socket.listen(address),
      (address: Address) => batch.set(0, data, address),
    ];
    for (const call of calls) {
      for (const port of [70_000, -1, 1.5]) {
        refuseNumber(() => call({ address: '127.0.0.1', port }), 'port', port);
      }
      refuse(
        () => call({ address: 'localhost', port: 9 }),
        'TypeError',
        'ERR_INVALID_ARG_VALUE',
        /^address must be .*'localhost'/,
      );
      for (const address of [undefined, null, 5, {}]) {
        refuse(
          () => call({ address, port: 9 } as unknown as Address),
          'TypeError',
          'ERR_INVALID_ARG_TYPE',
          /^address must be a string, not /,
        );
      }
      for (const address of [null, '127.0.0.1', {}]) {
        refuse(
          () => call(address as unknown as Address),
          'TypeError',
          'ERR_INVALID_ARG_TYPE',
          /^address must be an object/,
        );
      }
    }
    expect(batch.address(0)).toBeNull();
    expect(batch.payload(0)).toHaveLength(0);
    expect(openDescriptors()).toEqual(before);
  });
});

describe('a batch', () => {
  it('holds 1 to 1024 datagrams of 1 to 65535 bytes', () => {
    for (const capacity of [0, -1, 1025, 1.5, Number.NaN, '1', undefined, null]) {
      refuseNumber(() => new DatagramBatch(capacity as number, 8), 'capacity', capacity);
    }
    for (const maxLength of [0, -1, 65_536, 1.5, Number.NaN, '1', undefined, null]) {
      refuseNumber(() => new DatagramBatch(1, maxLength as number), 'maxLength', maxLength);
    }
  });

  it('has no index beyond its capacity', () => {
    const batch = new DatagramBatch(2, 8);
    const calls: ((index: number) => unknown)[] = [
      (index) => batch.payload(index),
      (index) => batch.address(index),
      (index) => batch.truncated(index),
      (index) => batch.set(index, data),
    ];
    for (const call of calls) {
      for (const index of [-1, 2, 0.5, Number.NaN, 2 ** 32, '0', undefined]) {
        refuseNumber(() => call(index as number), 'index', index);
      }
    }
    expect([batch.payload(0), batch.payload(1)]).toEqual([Buffer.alloc(0), Buffer.alloc(0)]);
  });

  it('refuses a payload that is longer than its slots, and keeps what was there', () => {
    const batch = new DatagramBatch(2, 8);
    batch.set(0, Buffer.from('kept'), { address: '127.0.0.1', port: 9 });
    refuse(
      () => batch.set(0, Buffer.alloc(9), { address: '127.0.0.1', port: 10 }),
      'RangeError',
      'ERR_OUT_OF_RANGE',
      /^payload must be at most 8 bytes, not 9$/,
    );
    refuseNumber(() => batch.set(0, data, { address: '127.0.0.1', port: 70_000 }), 'port', 70_000);
    expect(batch.payload(0).toString()).toBe('kept');
    expect(batch.address(0)).toMatchObject({ port: 9 });
    expect(batch.payload(1)).toHaveLength(0);
  });

  it('is sent within its capacity only', () => {
    withPair(SOCK_DGRAM, (socket) => {
      const batch = new DatagramBatch(2, 8);
      for (const count of [-1, 3, 0.5, Number.NaN, '1', undefined, null]) {
        refuseNumber(() => socket.sendBatch(batch, count as number), 'count', count);
      }
      for (const start of [-1, 3, 0.5, Number.NaN, '1', null]) {
        refuseNumber(() => socket.sendBatch(batch, 1, start as number), 'start', start);
      }
      refuseNumber(() => socket.sendBatch(batch, 2, 1), 'count', 2);
      refuseNumber(() => socket.sendBatch(batch, 1, 2), 'count', 1);
    });
  });

  it('is a DatagramBatch', () => {
    withPair(SOCK_DGRAM, (socket) => {
      for (const wrong of [undefined, null, {}, [data], { capacity: 1, maxLength: 8, send: () => 1 }]) {
        const message = /^batch must be a DatagramBatch, not /;
        refuse(
          () => socket.sendBatch(wrong as unknown as DatagramBatch, 1),
          'TypeError',
          'ERR_INVALID_ARG_TYPE',
          message,
        );
        refuse(
          () => socket.recvBatch(wrong as unknown as DatagramBatch),
          'TypeError',
          'ERR_INVALID_ARG_TYPE',
          message,
        );
      }
    });
  });
});

describe('shutdown', () => {
  it('knows three words', () => {
    const [one, other] = Socket.pair();
    for (const how of ['rd', '', 'WRITE', undefined, null, 0, 1, 'constructor', 'toString', '__proto__']) {
      refuse(
        () => one.shutdown(how as 'read'),
        'TypeError',
        'ERR_INVALID_ARG_VALUE',
        /^how must be 'read', 'write' or 'both', not /,
      );
    }
    expect(one.send(data)).toBe(8);
    expect(other.send(data)).toBe(8);
    expect([one.recv(Buffer.alloc(8)), other.recv(Buffer.alloc(8))]).toEqual([8, 8]);
    one.close();
    other.close();
  });
});

describe('an option', () => {
  it('is a number of 32 bits, a flag, or bytes', () => {
    using socket = new Socket();
    for (const value of [Number.NaN, 1.5, 2 ** 32, -(2 ** 31) - 1, Number.POSITIVE_INFINITY]) {
      refuseNumber(() => socket.setOption(SOL_SOCKET, SO_KEEPALIVE, value), 'value', value);
    }
    const wrong: unknown[] = ['1', undefined, null, 1n, Symbol('1'), () => 1, {}, [1], new Int32Array([1])];
    for (const value of wrong) {
      refuse(
        () => socket.setOption(SOL_SOCKET, SO_KEEPALIVE, value as number),
        'TypeError',
        'ERR_INVALID_ARG_TYPE',
        /^value must be .*, not /,
      );
    }
    for (const make of [sharedBuffer, resizableBuffer, detachedBuffer]) {
      refuse(
        () => socket.setOption(SOL_SOCKET, SO_KEEPALIVE, make()),
        'TypeError',
        'ERR_INVALID_ARG_VALUE',
        /^value must be .*, not /,
      );
    }
    expect(socket.getOption(SOL_SOCKET, SO_KEEPALIVE)).toBe(0);
  });

  it('has a level and a name that are numbers', () => {
    using socket = new Socket();
    for (const wrong of [Number.NaN, 1.5, 2 ** 31, '1', undefined, null]) {
      refuseNumber(() => socket.setOption(wrong as number, SO_KEEPALIVE, true), 'level', wrong);
      refuseNumber(() => socket.setOption(SOL_SOCKET, wrong as number, true), 'name', wrong);
      refuseNumber(() => socket.getOption(wrong as number, SO_KEEPALIVE), 'level', wrong);
      refuseNumber(() => socket.getOption(SOL_SOCKET, wrong as number), 'name', wrong);
    }
    expect(socket.getOption(SOL_SOCKET, SO_KEEPALIVE)).toBe(0);
  });

  it('is read in 1 to 65536 bytes', () => {
    using socket = new Socket();
    for (const length of [0, -1, 1.5, Number.NaN, 65_537, '8', null]) {
      refuseNumber(() => socket.getOption(SOL_SOCKET, SO_KEEPALIVE, length as number), 'length', length);
    }
  });

  it('is not set at all where the delay of setKeepAlive is none', () => {
    using socket = new Socket();
    for (const delay of [Number.NaN, Number.POSITIVE_INFINITY, -1, '1000', null]) {
      refuseNumber(() => socket.setKeepAlive(true, delay as number), 'initialDelay', delay);
      expect(socket.getOption(SOL_SOCKET, SO_KEEPALIVE)).toBe(0);
    }
    // A number, but more seconds than the system counts.
    expect(thrownBy(() => socket.setKeepAlive(true, 1e9))).toMatchObject({
      name: 'SystemError',
      code: 'EINVAL',
    });
    expect(socket.getOption(SOL_SOCKET, SO_KEEPALIVE)).toBe(0);
  });
});

describe('other numbers', () => {
  it('are checked: family, type and protocol', () => {
    const before = openDescriptors();
    for (const wrong of [1.5, Number.NaN, 2 ** 31, '2', null]) {
      const number = wrong as number;
      refuseNumber(() => new Socket(number), 'family', wrong);
      refuseNumber(() => new Socket(AF_UNIX, number), 'type', wrong);
      refuseNumber(() => new Socket(AF_UNIX, SOCK_DGRAM, number), 'protocol', wrong);
      refuseNumber(() => Socket.pair(number), 'family', wrong);
      refuseNumber(() => Socket.pair(AF_UNIX, number), 'type', wrong);
      refuseNumber(() => Socket.pair(AF_UNIX, SOCK_DGRAM, number), 'protocol', wrong);
    }
    expect(openDescriptors()).toEqual(before);
  });

  it('are checked: backlog', () => {
    using socket = new Socket();
    socket.bind({ address: '127.0.0.1', port: 0 });
    const before = openDescriptors();
    for (const wrong of [1.5, Number.NaN, 2 ** 31, '5', null]) {
      refuseNumber(() => socket.listen(wrong as number), 'backlog', wrong);
      refuseNumber(
        () => Socket.listen({ address: '127.0.0.1', port: 0 }, { backlog: wrong as number }),
        'backlog',
        wrong,
      );
    }
    expect(openDescriptors()).toEqual(before);
    expect(socket.getOption(SOL_SOCKET, constants['SO_ACCEPTCONN'] as number)).toBe(0);
  });

  it('are checked: maxFds', () => {
    withPair(SOCK_DGRAM, (socket) => {
      for (const wrong of [-1, 254, 1.5, Number.NaN, '1', null]) {
        refuseNumber(() => socket.recvMessage(Buffer.alloc(1), { maxFds: wrong as number }), 'maxFds', wrong);
      }
    });
  });

  it('are no flags, which are true or false', () => {
    using socket = new Socket();
    const [one, other] = Socket.pair();
    const calls: Record<string, (flag: boolean) => unknown> = {
      setNoDelay: (flag) => socket.setNoDelay(flag),
      setKeepAlive: (flag) => socket.setKeepAlive(flag),
      setReuseAddress: (flag) => socket.setReuseAddress(flag),
      setReusePort: (flag) => socket.setReusePort(flag),
      recvMessage: (credentials) => one.recvMessage(Buffer.alloc(1), { credentials }),
    };
    for (const call of Object.values(calls)) {
      for (const wrong of [1, 0, 'true', '', null, {}]) {
        refuse(
          () => call(wrong as unknown as boolean),
          'TypeError',
          'ERR_INVALID_ARG_TYPE',
          /^(enable|credentials) must be .*, not /,
        );
      }
    }
    for (const name of ['SO_KEEPALIVE', 'SO_REUSEADDR', 'SO_REUSEPORT']) {
      expect(socket.getOption(SOL_SOCKET, constants[name] as number)).toBe(0);
    }
    one.close();
    other.close();
  });

  it('are no options of a message, which are an object', () => {
    withPair(SOCK_DGRAM, (socket) => {
      for (const wrong of [null, 'x', 1, true]) {
        for (const call of [
          () => socket.recvMessage(Buffer.alloc(1), wrong as never),
          () => socket.sendMessage(data, wrong as never),
        ]) {
          refuse(call, 'TypeError', 'ERR_INVALID_ARG_TYPE', /^options must be .*, not /);
        }
      }
    });
  });

  it('of descriptors are refused where no socket could receive them', () => {
    using receiver = datagramSocket();
    using sender = datagramSocket();
    sender.connect(receiver.localAddress);
    refuse(
      () => sender.sendMessage(data, { fds: [sender] }),
      'TypeError',
      'ERR_INVALID_ARG_VALUE',
      /^fds must be /,
    );
    expect(sender.sendMessage(data, { fds: [] })).toBe(8);
    expect(receiver.recv(Buffer.alloc(64))).toBe(8);
    expect(receiver.recv(Buffer.alloc(64))).toBe(WOULD_BLOCK);
  });

  it('are checked: how many descriptors are sent', () => {
    withPair(SOCK_DGRAM, (socket) => {
      for (const wrong of [5, null, {}, 'ab', socket]) {
        refuse(
          () => socket.sendMessage(data, { fds: wrong as unknown as number[] }),
          'TypeError',
          'ERR_INVALID_ARG_TYPE',
          /^fds/,
        );
      }
      expect(isReadable(socket)).toBe(false);
    });
  });
});
