/** What a reactor refuses, with which error, while it runs: nothing has changed then, and the loop goes on. */
import { closeSync, openSync } from 'node:fs';
import {
  AF_UNIX,
  createSelector,
  EVENT_ERROR,
  EVENT_READ,
  EVENT_WRITE,
  type FileLike,
  Reactor,
  Remote,
  SOCK_DGRAM,
  Socket,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { detachedBuffer, noBuffers } from '../support/memory.js';
import { drain, send, socketPair } from '../support/pairs.js';
import { describeReactors, run } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { rejection } from '../support/rejections.js';
import { runToStop } from '../support/running.js';

const WRONG_TYPE = 'TypeError ERR_INVALID_ARG_TYPE';
const WRONG_VALUE = 'TypeError ERR_INVALID_ARG_VALUE';
const OUT_OF_RANGE = 'RangeError ERR_OUT_OF_RANGE';
const UNSUPPORTED = 'StateError ERR_UNSUPPORTED';
const TAKEN = 'StateError ERR_ALREADY_REGISTERED';
const CLOSED = 'StateError ERR_CLOSED';

type Row = readonly [name: string, value: unknown, expected: string];

const NO_FUNCTIONS: readonly Row[] = [
  ['undefined', undefined, WRONG_TYPE],
  ['null', null, WRONG_TYPE],
  ['a string', 'callback', WRONG_TYPE],
  ['an object', { call() {} }, WRONG_TYPE],
  ['a promise', Promise.resolve(), WRONG_TYPE],
];

const NO_TIMES: readonly Row[] = [
  ['undefined', undefined, WRONG_TYPE],
  ['null', null, WRONG_TYPE],
  ['a string', '1', WRONG_TYPE],
  ['a boolean', true, WRONG_TYPE],
  ['a bigint', 1n, WRONG_TYPE],
  ['a Date', new Date(), WRONG_TYPE],
  ['NaN', Number.NaN, OUT_OF_RANGE],
  ['Infinity', Number.POSITIVE_INFINITY, OUT_OF_RANGE],
];

const NO_FILES: readonly Row[] = [
  ['undefined', undefined, WRONG_TYPE],
  ['null', null, WRONG_TYPE],
  ['a string', '0', WRONG_TYPE],
  ['an object without fileno', {}, WRONG_TYPE],
  ['an object whose fileno() is a string', { fileno: () => '0' }, WRONG_TYPE],
  ['an object whose fd is null', { fd: null }, WRONG_TYPE],
  ['a function', () => 0, WRONG_TYPE],
  ['negative', -1, OUT_OF_RANGE],
  ['not an integer', 1.5, OUT_OF_RANGE],
  ['NaN', Number.NaN, OUT_OF_RANGE],
  ['beyond an int', 2 ** 31, OUT_OF_RANGE],
];

const NO_EVENTS: readonly Row[] = [
  ['undefined', undefined, WRONG_TYPE],
  ['a string', '1', WRONG_TYPE],
  ['0', 0, WRONG_VALUE],
  ['an unknown bit', 128 | EVENT_READ, WRONG_VALUE],
  ['ERROR, a result', EVENT_ERROR, WRONG_VALUE],
  ['NaN', Number.NaN, WRONG_VALUE],
];

const NO_OPTIONS: readonly Row[] = [
  ['null', null, WRONG_TYPE],
  ['a string', 'edge', WRONG_TYPE],
  ['a mode that is none', { mode: 'sometimes' }, WRONG_VALUE],
  ['exclusive as a number', { exclusive: 1 }, WRONG_TYPE],
];

const NO_AWAITABLES: readonly Row[] = [
  ['undefined', undefined, WRONG_TYPE],
  ['null', null, WRONG_TYPE],
  ['a number', 1, WRONG_TYPE],
  ['an object', {}, WRONG_TYPE],
  // biome-ignore lint/suspicious/noThenProperty: that it is no thenable is the point.
  ['an object whose then is no function', { then: 1 }, WRONG_TYPE],
  ['a function', async () => {}, WRONG_TYPE],
];

const NO_SIGNALS: readonly Row[] = [
  ['undefined', undefined, WRONG_TYPE],
  ['null', null, WRONG_TYPE],
  ['a number', 10, WRONG_TYPE],
  ['no name', '', WRONG_VALUE],
  ['a name that does not exist', 'SIGNOTHING', WRONG_VALUE],
  ['a name of every object', 'toString', WRONG_VALUE],
  ['in small letters', 'sigusr2', WRONG_VALUE],
  ['SIGKILL', 'SIGKILL', WRONG_VALUE],
  ['SIGSTOP', 'SIGSTOP', WRONG_VALUE],
  ['SIGSEGV', 'SIGSEGV', WRONG_VALUE],
  ['SIGBUS', 'SIGBUS', WRONG_VALUE],
  ['SIGFPE', 'SIGFPE', WRONG_VALUE],
  ['SIGILL', 'SIGILL', WRONG_VALUE],
];

const NO_MESSAGES: readonly Row[] = [
  ['a function', () => {}, WRONG_VALUE],
  ['an object with a function in it', { deep: [() => {}] }, WRONG_VALUE],
  ['a symbol', Symbol('value'), WRONG_VALUE],
  ['shared memory', new SharedArrayBuffer(4), WRONG_VALUE],
  ['shared memory in an object', { memory: new Int32Array(new SharedArrayBuffer(4)) }, WRONG_VALUE],
  ['a port', new MessageChannel().port1, WRONG_VALUE],
  ['a WeakMap', new WeakMap(), WRONG_VALUE],
];

const NO_HANDLES: readonly Row[] = [
  ['undefined', undefined, WRONG_TYPE],
  ['null', null, WRONG_TYPE],
  ['a number', 1, WRONG_TYPE],
  ['a string', 'handle', WRONG_TYPE],
];

function nothing(): void {}

/** The `value` of each row beside how it was refused, for an assertion that shows which was not. */
function refusals(rows: readonly Row[], call: (value: never) => unknown): [name: string, refused: string][] {
  return rows.map(([name, value]) => [name, refusal(() => call(value as never))]);
}

function expected(rows: readonly Row[]): [name: string, refused: string][] {
  return rows.map(([name, , wanted]) => [name, wanted]);
}

describeReactors((setting, open) => {
  /**
   * Calls `attempt` in a callback of a running reactor that has one of everything, and then makes sure that each of
   * these is as it was and that the loop went on. Returns what `attempt` did.
   */
  async function unharmed<T>(attempt: (reactor: Reactor, near: Socket) => T): Promise<T> {
    const reactor = open();
    const [near, far] = socketPair();
    const [other] = socketPair();
    const order: string[] = [];
    const done: { result?: T; error?: unknown } = {};
    const watcher = reactor.watch(near, EVENT_READ, (events) => {
      if (events !== EVENT_READ) order.push(`events ${events}`);
      drain(near);
      order.push('watcher');
      arrived();
    });
    reactor.addWriter(other, () => {
      order.push('writer');
      reactor.removeWriter(other);
    });
    reactor.onMessage = (value) => {
      order.push(`message ${value}`);
      arrived();
    };
    reactor.addSignalHandler('SIGUSR2', nothing);
    const timer = reactor.callLater(60_000, nothing);
    const { when } = timer;
    reactor.callSoon(() => {
      try {
        done.result = attempt(reactor, near);
      } catch (error) {
        done.error = error;
      }
      order.push('attempt');
      // The iteration in which it was made is complete; what it left behind would show in the next ones.
      reactor.callSoon(() => {
        send(far);
        reactor.remote.post('here');
      });
    });
    // Both are there: an iteration more, and some time, for what should not be.
    let missing = 2;
    const arrived = () => {
      if (--missing === 0) reactor.callLater(2, () => reactor.stop());
    };
    await runToStop(reactor, setting);
    if ('error' in done) throw done.error;
    expect(order.slice(0, 2)).toEqual(['attempt', 'writer']);
    expect(order.slice(2).sort()).toEqual(['message here', 'watcher']);
    expect(watcher).toMatchObject({ active: true, events: EVENT_READ, fd: near.fileno() });
    expect(timer).toMatchObject({ when, cancelled: false });
    expect(reactor.removeSignalHandler('SIGUSR2')).toBe(true);
    expect([...reactor.selector.getMap().keys()]).toEqual([near.fileno()]);
    expect(reactor.state).toBe('idle');
    return done.result as T;
  }

  it('refuses what is no function', async () => {
    const results = await unharmed((reactor, near) => {
      const calls: ((value: never) => unknown)[] = [
        (callback) => reactor.callSoon(callback),
        (callback) => reactor.callLater(0, callback),
        (callback) => reactor.callAt(0, callback),
        (callback) => reactor.watch(near, EVENT_WRITE, callback),
        (callback) => reactor.addWriter(near, callback),
        (callback) => reactor.addReader(socketPair()[0], callback),
        (callback) => reactor.addSignalHandler('SIGHUP', callback),
        (callback) => reactor.addSignalHandler('SIGUSR2', callback),
        (callback) => reactor.createFuture().addDoneCallback(callback),
      ];
      return calls.map((call) => refusals(NO_FUNCTIONS, call));
    });
    expect(results).toEqual(results.map(() => expected(NO_FUNCTIONS)));
  });

  it('refuses a message handler that is no function, but null', async () => {
    const rows = NO_FUNCTIONS.filter(([name]) => name !== 'null');
    const results = await unharmed((reactor) => {
      const { onMessage } = reactor;
      return [
        refusals(rows, (value) => {
          reactor.onMessage = value;
        }),
        reactor.onMessage === onMessage && onMessage !== null,
      ];
    });
    expect(results).toEqual([expected(rows), true]);
  });

  it('refuses delays and due times that are none', async () => {
    let fired = 0;
    const results = await unharmed((reactor) => {
      const timer = reactor.callLater(1, () => fired++);
      const { when } = timer;
      const calls: ((value: never) => unknown)[] = [
        (delay) => reactor.callLater(delay, nothing),
        (due) => reactor.callAt(due, nothing),
        (delay) => timer.reschedule(delay),
      ];
      const refused = calls.map((call) => refusals(NO_TIMES, call));
      expect([timer.when, timer.cancelled]).toEqual([when, false]);
      return refused;
    });
    expect(results).toEqual(results.map(() => expected(NO_TIMES)));
    expect(fired).toBe(1);
  });

  it('refuses files that are none', async () => {
    const results = await unharmed((reactor) => {
      const calls: ((value: never) => unknown)[] = [
        (file) => reactor.watch(file, EVENT_READ, nothing),
        (file) => reactor.addReader(file, nothing),
        (file) => reactor.addWriter(file, nothing),
        (file) => reactor.removeReader(file),
        (file) => reactor.removeWriter(file),
      ];
      return calls.map((call) => refusals(NO_FILES, call));
    });
    expect(results).toEqual(results.map(() => expected(NO_FILES)));
  });

  it('refuses files that are closed', async () => {
    const results = await unharmed((reactor) => {
      const [closed, peer] = Socket.pair();
      const fd = peer.detach();
      closed.close();
      closeSync(fd);
      return [closed, { fileno: () => -1 }, { fd: -1 }, fd, { fd }].map((file: FileLike) => [
        refusal(() => reactor.watch(file, EVENT_READ, nothing)),
        refusal(() => reactor.addReader(file, nothing)),
        refusal(() => reactor.addWriter(file, nothing)),
      ]);
    });
    const three = (wanted: string) => [wanted, wanted, wanted];
    const gone = three('SystemError EBADF');
    expect(results).toEqual([three(CLOSED), three(CLOSED), three(CLOSED), gone, gone]);
  });

  it('finds no callback to remove of a descriptor that it does not know', async () => {
    const results = await unharmed((reactor, near) => {
      const [stranger] = socketPair();
      return [
        reactor.removeReader(stranger),
        reactor.removeWriter(stranger.fileno()),
        reactor.removeReader(0x7fff_ffff),
        // A watcher of watch() is none of addReader's.
        reactor.removeReader(near),
        reactor.removeWriter(near),
      ];
    });
    expect(results).toEqual([false, false, false, false, false]);
  });

  it('lets the exception of a fileno() through', async () => {
    const results = await unharmed((reactor) => {
      const broken = {
        fileno(): number {
          throw new RangeError('of fileno');
        },
      };
      return [
        refusal(() => reactor.watch(broken, EVENT_READ, nothing)),
        refusal(() => reactor.addReader(broken, nothing)),
        refusal(() => reactor.removeReader(broken)),
      ];
    });
    expect(results).toEqual(results.map(() => 'RangeError undefined'));
  });

  it('refuses events that are none', async () => {
    const results = await unharmed((reactor, near) => {
      const [stranger] = socketPair();
      const watcher = reactor.watch(near, EVENT_WRITE, nothing);
      const calls: ((value: never) => unknown)[] = [
        (events) => reactor.watch(stranger, events, nothing),
        (events) => watcher.modify(events),
      ];
      const refused = calls.map((call) => refusals(NO_EVENTS, call));
      expect([watcher.events, watcher.active]).toEqual([EVENT_WRITE, true]);
      watcher.close();
      return refused;
    });
    expect(results).toEqual(results.map(() => expected(NO_EVENTS)));
  });

  it('refuses options that are none', async () => {
    const results = await unharmed((reactor) => {
      const [stranger] = socketPair();
      return refusals(NO_OPTIONS, (options) => reactor.watch(stranger, EVENT_READ, nothing, options));
    });
    expect(results).toEqual(expected(NO_OPTIONS));
  });

  it('refuses what its backend cannot do', async () => {
    const results = await unharmed((reactor) => {
      const { modes, exclusive } = reactor.selector.capabilities;
      const [stranger] = socketPair();
      const able: string[] = [];
      for (const mode of ['level', 'edge', 'oneshot', 'edge-oneshot'] as const) {
        const refused = refusal(() => reactor.watch(stranger, EVENT_READ, nothing, { mode }).close());
        expect(refused).toBe(modes.includes(mode) ? 'nothing' : UNSUPPORTED);
        if (refused === 'nothing') able.push(mode);
      }
      if (!exclusive) {
        expect(refusal(() => reactor.watch(stranger, EVENT_READ, nothing, { exclusive: true }))).toBe(
          UNSUPPORTED,
        );
      }
      return able;
    });
    expect(results).toContain('level');
  });

  it.runIf(setting.backend === 'epoll')('refuses a regular file, which epoll cannot watch', async () => {
    const results = await unharmed((reactor) => {
      const fd = openSync(new URL(import.meta.url), 'r');
      try {
        return [
          refusal(() => reactor.watch(fd, EVENT_READ, nothing)),
          refusal(() => reactor.addReader(fd, nothing)),
        ];
      } finally {
        closeSync(fd);
      }
    });
    expect(results).toEqual(['SystemError EPERM', 'SystemError EPERM']);
  });

  it('refuses a direction that is taken', async () => {
    const results = await unharmed((reactor, near) => {
      const [stranger] = socketPair();
      const writer = reactor.watch(near, EVENT_WRITE, nothing);
      const buffer = Buffer.alloc(1);
      reactor.addReader(stranger, nothing);
      const refused = [
        () => reactor.watch(near, EVENT_READ, nothing),
        () => reactor.watch(near.fileno(), EVENT_READ | EVENT_WRITE, nothing),
        () => reactor.watch({ fd: near.fileno() }, EVENT_WRITE, nothing),
        () => reactor.watch(stranger, EVENT_READ, nothing),
        () => reactor.addReader(near, nothing),
        () => reactor.addWriter(near, nothing),
        () => writer.modify(EVENT_READ),
        () => writer.modify(EVENT_READ | EVENT_WRITE),
        () => reactor.sockRecv(near, buffer),
        () => reactor.sockRecvFrom(near, buffer),
        () => reactor.sockAccept(near),
        () => reactor.sockSendAll(near, buffer),
      ].map(refusal);
      expect([writer.events, writer.active]).toEqual([EVENT_WRITE, true]);
      writer.close();
      expect(reactor.removeReader(stranger)).toBe(true);
      return refused;
    });
    expect(results).toEqual(results.map(() => TAKEN));
  });

  it('refuses another mode than that of the other watcher of a descriptor', async () => {
    const results = await unharmed((reactor, near) => [
      refusal(() => reactor.watch(near, EVENT_WRITE, nothing, { mode: 'oneshot' })),
      refusal(() => reactor.watch(near, EVENT_WRITE, nothing, { exclusive: true })),
    ]);
    expect(results).toEqual([UNSUPPORTED, UNSUPPORTED]);
  });

  it('refuses to change a watcher that is closed', async () => {
    const results = await unharmed((reactor) => {
      const watcher = reactor.watch(socketPair()[0], EVENT_READ, nothing);
      watcher.close();
      watcher.close();
      expect(watcher.ref().unref()).toBe(watcher);
      return [refusal(() => watcher.modify(EVENT_WRITE)), refusal(() => watcher.rearm()), watcher.active];
    });
    expect(results).toEqual([CLOSED, CLOSED, false]);
  });

  it('refuses sockets that are none or closed', async () => {
    const buffer = Buffer.alloc(1);
    const address = { address: '127.0.0.1', port: 1 };
    const results = await unharmed((reactor) => {
      const [closed] = socketPair();
      const fd = closed.fileno();
      const operations = (socket: never) => [
        refusal(() => reactor.sockAccept(socket)),
        refusal(() => reactor.sockConnect(socket, address)),
        refusal(() => reactor.sockRecv(socket, buffer)),
        refusal(() => reactor.sockSendAll(socket, buffer)),
        refusal(() => reactor.sockRecvFrom(socket, buffer)),
        refusal(() => reactor.sockSendTo(socket, buffer, address)),
      ];
      const none = [undefined, null, fd, { fileno: () => fd }, 'socket'].flatMap((socket) =>
        operations(socket as never),
      );
      closed.close();
      return { none, closed: operations(closed as never) };
    });
    expect(results.none).toEqual(results.none.map(() => WRONG_TYPE));
    expect(results.closed).toEqual(results.closed.map(() => CLOSED));
  });

  it('refuses buffers that are none', async () => {
    const address = { address: '127.0.0.1', port: 1 };
    const results = await unharmed((reactor) => {
      const [stream] = socketPair();
      const datagram = new Socket(undefined, SOCK_DGRAM);
      const refused = [...noBuffers, detachedBuffer()].flatMap((buffer) =>
        [
          () => reactor.sockRecv(stream, buffer as Uint8Array),
          () => reactor.sockSendAll(stream, buffer as Uint8Array),
          () => reactor.sockRecvFrom(datagram, buffer as Uint8Array),
          () => reactor.sockSendTo(datagram, buffer as Uint8Array, address),
        ].map((call) => refusal(call).split(' ')[0]),
      );
      datagram.close();
      return refused;
    });
    expect(results).toEqual(results.map(() => 'TypeError'));
  });

  it('refuses addresses that are none', async () => {
    const results = await unharmed((reactor) => {
      const socket = new Socket();
      const local = new Socket(AF_UNIX);
      const refused = [
        [undefined, WRONG_TYPE],
        [null, WRONG_TYPE],
        ['127.0.0.1:80', WRONG_TYPE],
        [{ address: '127.0.0.1', port: 65_536 }, OUT_OF_RANGE],
      ].map(([address, wanted]) => [
        refusal(() => reactor.sockConnect(socket, address as never)),
        refusal(() => reactor.sockSendTo(socket, Buffer.alloc(1), address as never)),
        wanted,
      ]);
      const unlike = refusal(() => reactor.sockConnect(local, { path: 'x'.repeat(4_096) }));
      socket.close();
      local.close();
      return { refused, unlike };
    });
    expect(results.refused).toEqual(results.refused.map(([, , wanted]) => [wanted, wanted, wanted]));
    expect(results.unlike).not.toBe('nothing');
  });

  it('refuses signals that do not exist or cannot be caught', async () => {
    const results = await unharmed((reactor) => [
      refusals(NO_SIGNALS, (signal) => reactor.addSignalHandler(signal, nothing)),
      ['SIGHUP', 'SIGKILL'].map((signal) => reactor.removeSignalHandler(signal as NodeJS.Signals)),
    ]);
    expect(results).toEqual([expected(NO_SIGNALS), [false, false]]);
  });

  it('refuses messages that cannot be cloned, and loses none for them', async () => {
    const results = await unharmed((reactor) => {
      const remote = Remote.from(reactor.remote.handle);
      return [
        refusals(NO_MESSAGES, (value) => remote.post(value)),
        refusals(NO_MESSAGES, (value) => reactor.remote.post(value)),
      ];
    });
    expect(results).toEqual(results.map(() => expected(NO_MESSAGES)));
  });

  it('refuses to transfer anything but memory, and keeps what was to be transferred', async () => {
    const { port1 } = new MessageChannel();
    const memory = new ArrayBuffer(8);
    const results = await unharmed(({ remote }) =>
      [
        () => remote.post(1, [port1]),
        () => remote.post(1, [{}]),
        () => remote.post(1, [new SharedArrayBuffer(8)]),
        () => remote.post(memory, [memory, memory]),
        () => remote.post(() => {}, [memory]),
        () => remote.post(1, 'transfer' as never),
        () => remote.post(1, 5 as never),
      ].map((call) => refusal(call).split(' ')[0]),
    );
    expect(results).toEqual(results.map(() => 'TypeError'));
    expect(memory.byteLength).toBe(8);
    port1.close();
  });

  it('refuses futures of another reactor and what is nothing to wait for', () => {
    const reactor = open();
    using other = new Reactor({ selector: createSelector(setting.backend) });
    let called = 0;
    reactor.callSoon(() => called++);
    expect(refusals(NO_AWAITABLES, (awaitable) => reactor.runUntilComplete(awaitable))).toEqual(
      expected(NO_AWAITABLES),
    );
    const foreign = other.createFuture<number>();
    foreign.setResult(1);
    expect(refusal(() => reactor.runUntilComplete(foreign)).split(' ')[0]).toBe('TypeError');
    expect([reactor.state, called]).toEqual(['idle', 0]);
    reactor.runOnce(0);
    expect(called).toBe(1);
  });

  it.each([
    ['NaN', Number.NaN, OUT_OF_RANGE],
    ['a string', '1', WRONG_TYPE],
    ['a boolean', false, WRONG_TYPE],
    ['a bigint', 0n, WRONG_TYPE],
  ])('refuses a timeout that is %s', (_, timeout, wanted) => {
    const reactor = open();
    let called = 0;
    reactor.callSoon(() => called++);
    expect(refusal(() => reactor.runOnce(timeout as number))).toBe(wanted);
    expect([reactor.state, called]).toEqual(['idle', 0]);
    reactor.runOnce(0);
    expect(called).toBe(1);
  });

  it('ends its run where its selector is closed behind its back, and can be closed', async () => {
    // That its interests cannot be applied is reported, too.
    const reactor = open({ onError: nothing });
    const [near, far] = socketPair();
    send(far);
    const watcher = reactor.watch(near, EVENT_READ, nothing);
    reactor.callSoon(() => {
      watcher.close();
      reactor.selector.close();
    });
    expect(await rejection(() => run(reactor, setting))).toBe(CLOSED);
    expect(reactor.state).toBe('idle');
    expect(await rejection(() => run(reactor, setting))).toBe(CLOSED);
    reactor.close();
    expect(reactor.state).toBe('closed');
  });

  it.each([
    ['null', null],
    ['a string', 'signal'],
    ['with a signal that is none', { signal: {} }],
    ['with a signal that is a name', { signal: 'SIGINT' }],
    ['with a signal that is null', { signal: null }],
  ])('refuses options of a run that are %s', async (_, options) => {
    const reactor = open();
    expect(await rejection(() => reactor.run(options as never))).toBe(WRONG_TYPE);
    expect(reactor.state).toBe('idle');
    reactor.callSoon(() => reactor.stop());
    await run(reactor, setting);
  });
});

describe('Reactor', () => {
  it.each([
    ['null', null],
    ['a string', 'epoll'],
    ['with a selector that is a name', { selector: 'epoll' }],
    ['with a selector that is none', { selector: { select() {} } }],
    ['with a selector that is null', { selector: null }],
    ['with an onError that is no function', { onError: 'throw' }],
    ['with an onError that is null', { onError: null }],
  ])('refuses options that are %s', (_, options) => {
    expect(refusal(() => new Reactor(options as never))).toBe(WRONG_TYPE);
  });

  it('refuses a selector that is closed', () => {
    const selector = createSelector();
    selector.close();
    expect(refusal(() => new Reactor({ selector }))).toBe(CLOSED);
  });
});

describe('Remote', () => {
  it('refuses handles that are none', () => {
    expect(refusals(NO_HANDLES, (handle) => Remote.from(handle))).toEqual(expected(NO_HANDLES));
    for (const handle of [{}, [], { fd: 0 }, { fd: -1, state: new SharedArrayBuffer(4) }]) {
      expect(refusal(() => Remote.from(handle)).split(' ')[0]).toMatch(/^(Type|Range)Error$/);
    }
  });

  it('says of a reactor that is closed that nothing arrives', () => {
    const reactor = new Reactor();
    const { handle } = reactor.remote;
    const remote = Remote.from(handle);
    expect(remote.post('before')).toBe(true);
    reactor.close();
    expect([remote.post('after'), Remote.from(handle).post('after')]).toEqual([false, false]);
  });
});
