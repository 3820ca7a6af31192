/** kqueue(2), one to one: filters, their flags, and the errors of changes. */
import { closeSync, openSync } from 'node:fs';
import { constants, type FileLike, type Kevent, Kqueue, Socket, StateError, selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { canReadFlags, isCloseOnExec } from '../support/descriptors.js';
import { isEmulated } from '../support/emulation.js';
import { thrownBy, timed } from '../support/expecting.js';
import { openPipe } from '../support/pipes.js';
import { waitUnderSignals } from '../support/signals.js';
import { refusingAddress, tcpPair } from '../support/sockets.js';
import { exitOf, messageOf, startWorker } from '../support/workers.js';

const here = selectorBackends().includes('kqueue');
const emulated = here && isEmulated('kqueue');
const {
  EVFILT_READ: READ,
  EVFILT_WRITE: WRITE,
  EVFILT_USER: USER,
  EVFILT_TIMER: TIMER,
  EV_ADD: ADD,
  EV_DELETE: DELETE,
  EV_ENABLE: ENABLE,
  EV_DISABLE: DISABLE,
  EV_CLEAR: CLEAR,
  EV_ONESHOT: ONESHOT,
  EV_DISPATCH: DISPATCH,
  EV_RECEIPT: RECEIPT,
  EV_EOF: EOF,
  EV_ERROR: ERROR,
  NOTE_TRIGGER: TRIGGER,
} = constants as Record<
  | 'EVFILT_READ'
  | 'EVFILT_WRITE'
  | 'EVFILT_USER'
  | 'EVFILT_TIMER'
  | 'EV_ADD'
  | 'EV_DELETE'
  | 'EV_ENABLE'
  | 'EV_DISABLE'
  | 'EV_CLEAR'
  | 'EV_ONESHOT'
  | 'EV_DISPATCH'
  | 'EV_RECEIPT'
  | 'EV_EOF'
  | 'EV_ERROR'
  | 'NOTE_TRIGGER',
  number
>;
const ONE_BYTE = Buffer.from('x');

/** The one event there is now, if any. */
function eventOf(kqueue: Kqueue, timeout = 0): Required<Kevent> | undefined {
  const events = kqueue.control(null, 8, timeout);
  expect(events.length).toBeLessThanOrEqual(1);
  return events[0];
}

function closeAll(...sockets: Disposable[]): void {
  for (const socket of sockets) socket[Symbol.dispose]();
}

describe.skipIf(here)('Kqueue, elsewhere', () => {
  it('says that there is none, and on Linux how to come by one', () => {
    const error = thrownBy(() => new Kqueue());
    expect(error).toBeInstanceOf(StateError);
    expect(error).toMatchObject({ name: 'StateError', code: 'ERR_UNSUPPORTED' });
    expect(error.message).toMatch(/^kqueue is not available on /);
    expect(error.message.includes('IOMUX_LIBKQUEUE=1')).toBe(process.platform === 'linux');
  });

  it('leaves a descriptor to its owner that it cannot take', async () => {
    const [one, other] = Socket.pair();
    const worker = startWorker('refused-worker.mjs', one.fileno());
    const ended = exitOf(worker);
    expect(await messageOf(worker)).toBe('ERR_UNSUPPORTED');
    await ended;
    expect(one.send(Buffer.from('open'))).toBe(4);
    closeAll(one, other);
  });

  it('has no constants of it either', () => {
    for (const name of Object.keys(constants)) expect(name).not.toMatch(/^(EVFILT|EV|NOTE)_/);
  });
});

describe.skipIf(!here)('Kqueue, the object', () => {
  it('has a descriptor of its own, which is close-on-exec', () => {
    using kqueue = new Kqueue();
    expect(kqueue.fileno()).toBeGreaterThan(2);
    if (canReadFlags) expect(isCloseOnExec(kqueue.fileno())).toBe(true);
  });

  it('closes once, and refuses everything from then on', () => {
    const kqueue = new Kqueue();
    expect(kqueue.closed).toBe(false);
    kqueue.close();
    expect(kqueue.closed).toBe(true);
    kqueue.close();
    kqueue[Symbol.dispose]();
    for (const action of [() => kqueue.fileno(), () => kqueue.control(null, 0)]) {
      const error = thrownBy(action);
      expect(error).toBeInstanceOf(StateError);
      expect(error['code']).toBe('ERR_CLOSED');
    }
  });

  it('shares one queue between two objects with the same descriptor', () => {
    using kqueue = new Kqueue();
    using pipe = openPipe();
    const shared = Kqueue.fromFd(kqueue.fileno());
    shared.control([{ ident: pipe.reader, filter: READ }], 0);
    pipe.writer.write('x');
    expect(eventOf(kqueue, 1000)).toMatchObject({ ident: pipe.reader.fileno(), filter: READ });
  });

  it('refuses to wrap what is closed or no descriptor', () => {
    const closed = openSync('/dev/null', 'r');
    closeSync(closed);
    expect(thrownBy(() => Kqueue.fromFd(closed))['code']).toBe('EBADF');
    expect(thrownBy(() => Kqueue.fromFd(-1))['code']).toBe('ERR_OUT_OF_RANGE');
    expect(thrownBy(() => Kqueue.fromFd('1' as unknown as number))['code']).toBe('ERR_INVALID_ARG_TYPE');
  });
});

describe.skipIf(!here)('Kqueue, changes', () => {
  it('adds where no flags are given', () => {
    using kqueue = new Kqueue();
    using pipe = openPipe();
    expect(kqueue.control([{ ident: pipe.writer, filter: WRITE }], 0)).toEqual([]);
    expect(eventOf(kqueue, 1000)).toMatchObject({ ident: pipe.writer.fileno(), filter: WRITE });
  });

  it('takes any iterable once: arrays, sets, generators', () => {
    using kqueue = new Kqueue();
    using one = openPipe();
    using other = openPipe();
    function* changes(): Generator<Kevent> {
      yield { ident: one.reader, filter: READ, udata: 1 };
      yield { ident: other.reader.fileno(), filter: READ, udata: 2 };
    }
    kqueue.control(changes(), 0);
    one.writer.write('x');
    other.writer.write('x');
    const ready = kqueue.control(new Set<Kevent>(), 8, 1000);
    expect(ready.map(({ udata }) => udata).toSorted()).toEqual([1, 2]);
    kqueue.control(
      [one.reader, other.reader].map((ident) => ({ ident, filter: READ, flags: DELETE })),
      0,
    );
    expect(kqueue.control([], 8, 0)).toEqual([]);
  });

  it('copies the changes before it changes anything', () => {
    using kqueue = new Kqueue();
    using pipe = openPipe();
    pipe.writer.write('x');
    const changes: Kevent[] = [{ ident: pipe.reader, filter: READ }];
    const closed = {
      fileno(): number {
        changes.splice(0);
        return -1;
      },
    };
    changes.push({ ident: closed, filter: READ });
    expect(thrownBy(() => kqueue.control(changes, 0))['code']).toBe('ERR_CLOSED');
    expect(kqueue.control(null, 8, 0), 'a bad one spoils all').toEqual([]);
  });

  it('throws ENOENT where there is nothing to delete, and EBADF for what is closed', () => {
    using kqueue = new Kqueue();
    using pipe = openPipe();
    const closed = openSync('/dev/null', 'r');
    closeSync(closed);
    expect(
      thrownBy(() => kqueue.control([{ ident: pipe.reader, filter: READ, flags: DELETE }], 0)),
    ).toMatchObject({ name: 'SystemError', code: 'ENOENT', syscall: 'kevent' });
    expect(thrownBy(() => kqueue.control([{ ident: closed, filter: READ }], 0))).toMatchObject({
      name: 'SystemError',
      code: 'EBADF',
      syscall: 'kevent',
    });
  });

  it('stops at the first change that fails where there is no room for events', () => {
    using kqueue = new Kqueue();
    using pipe = openPipe();
    pipe.writer.write('x');
    const error = thrownBy(() =>
      kqueue.control(
        [
          { ident: pipe.writer, filter: READ, flags: DELETE },
          { ident: pipe.reader, filter: READ },
        ],
        0,
      ),
    );
    expect(error['code']).toBe('ENOENT');
    expect(kqueue.control(null, 8, 0)).toEqual([]);
  });

  it('returns a change that fails as an event with EV_ERROR where there is room', () => {
    using kqueue = new Kqueue();
    using pipe = openPipe();
    const [event] = kqueue.control([{ ident: pipe.reader, filter: READ, flags: DELETE }], 1, 0);
    expect((event?.flags ?? 0) & ERROR).toBe(ERROR);
    expect(event).toMatchObject({ ident: pipe.reader.fileno(), filter: READ, data: 2 });
  });

  it('returns a receipt for each change that asks for one', () => {
    using kqueue = new Kqueue();
    using pipe = openPipe();
    pipe.writer.write('x');
    const flags = ADD | RECEIPT;
    const events = kqueue.control(
      [
        { ident: pipe.reader, filter: READ, flags },
        { ident: pipe.writer, filter: WRITE, flags },
      ],
      2,
      0,
    );
    expect(events).toHaveLength(2);
    for (const event of events) {
      expect(event.flags & ERROR).toBe(ERROR);
      expect(event.data).toBe(0);
    }
    expect(kqueue.control(null, 8, 1000).length).toBeGreaterThan(0);
  });

  it('returns at once with room for no event, whatever the timeout is', () => {
    using kqueue = new Kqueue();
    using pipe = openPipe();
    for (const timeout of [undefined, null, 60_000, 0]) {
      expect(kqueue.control([{ ident: pipe.reader, filter: READ }], 0, timeout)).toEqual([]);
      expect(kqueue.control(null, 0, timeout)).toEqual([]);
    }
  });

  it('refuses what is no change, before anything changed', () => {
    using kqueue = new Kqueue();
    using pipe = openPipe();
    pipe.writer.write('x');
    const good = { ident: pipe.reader, filter: READ };
    const wrong: [unknown, string][] = [
      [null, 'ERR_INVALID_ARG_TYPE'],
      [1, 'ERR_INVALID_ARG_TYPE'],
      ['READ', 'ERR_INVALID_ARG_TYPE'],
      [{ filter: READ }, 'ERR_INVALID_ARG_TYPE'],
      [{ ...good, ident: '1' }, 'ERR_INVALID_ARG_TYPE'],
      [{ ...good, ident: -1 }, 'ERR_OUT_OF_RANGE'],
      [{ ...good, ident: 0.5 }, 'ERR_OUT_OF_RANGE'],
      [{ ident: 1 }, 'ERR_INVALID_ARG_TYPE'],
      [{ ...good, filter: 'READ' }, 'ERR_INVALID_ARG_TYPE'],
      [{ ...good, filter: 0x8000 }, 'ERR_OUT_OF_RANGE'],
      [{ ...good, flags: -1 }, 'ERR_OUT_OF_RANGE'],
      [{ ...good, flags: 0x1_0000 }, 'ERR_OUT_OF_RANGE'],
      [{ ...good, fflags: 2 ** 32 }, 'ERR_OUT_OF_RANGE'],
      [{ ...good, data: 1.5 }, 'ERR_OUT_OF_RANGE'],
      [{ ...good, data: 1n }, 'ERR_INVALID_ARG_TYPE'],
      [{ ...good, udata: 2 ** 60 }, 'ERR_OUT_OF_RANGE'],
      [{ ...good, udata: {} }, 'ERR_INVALID_ARG_TYPE'],
    ];
    for (const [change, code] of wrong) {
      const error = thrownBy(() => kqueue.control([good, change as Kevent], 0));
      expect(
        error['code'],
        JSON.stringify(change, (_, value) => String(value)),
      ).toBe(code);
    }
    expect(kqueue.control(null, 8, 0)).toEqual([]);
  });

  it('refuses changes that cannot be iterated, and wrong counts and timeouts', () => {
    using kqueue = new Kqueue();
    for (const changes of [1, {}, true] as unknown as Kevent[][]) {
      expect(thrownBy(() => kqueue.control(changes, 0))['code']).toBe('ERR_INVALID_ARG_TYPE');
    }
    for (const maxEvents of [-1, 1.5, Number.NaN, 2 ** 40]) {
      expect(thrownBy(() => kqueue.control(null, maxEvents))['code']).toBe('ERR_OUT_OF_RANGE');
    }
    expect(thrownBy(() => kqueue.control(null, undefined as unknown as number))['code']).toBe(
      'ERR_INVALID_ARG_TYPE',
    );
    expect(thrownBy(() => kqueue.control(null, 1, '1' as unknown as number))['code']).toBe(
      'ERR_INVALID_ARG_TYPE',
    );
    expect(thrownBy(() => kqueue.control(null, 1, Number.NaN))['code']).toBe('ERR_OUT_OF_RANGE');
  });

  it('refuses the ident of a closed object', () => {
    using kqueue = new Kqueue();
    const socket = new Socket();
    socket.close();
    expect(thrownBy(() => kqueue.control([{ ident: socket as FileLike, filter: READ }], 0))['code']).toBe(
      'ERR_CLOSED',
    );
  });
});

describe.skipIf(!here)('Kqueue, readiness', () => {
  it('reports the bytes that can be read, as long as there are some', () => {
    using kqueue = new Kqueue();
    const [one, other] = Socket.pair();
    kqueue.control([{ ident: one, filter: READ, udata: 7 }], 0);
    expect(eventOf(kqueue)).toBeUndefined();
    other.send(Buffer.from('seven..'));
    for (let i = 0; i < 3; i++) {
      expect(eventOf(kqueue, 1000)).toMatchObject({ ident: one.fileno(), filter: READ, data: 7, udata: 7 });
    }
    one.recv(Buffer.alloc(7));
    expect(eventOf(kqueue)).toBeUndefined();
    closeAll(one, other);
  });

  it('keeps the filters of one descriptor apart', () => {
    using kqueue = new Kqueue();
    const [one, other] = Socket.pair();
    kqueue.control(
      [
        { ident: one, filter: READ },
        { ident: one, filter: WRITE },
      ],
      0,
    );
    expect(eventOf(kqueue, 1000)).toMatchObject({ filter: WRITE });
    other.send(ONE_BYTE);
    const filters = new Set<number>();
    for (let i = 0; i < 10; i++) for (const { filter } of kqueue.control(null, 8, 0)) filters.add(filter);
    expect(filters).toEqual(new Set([READ, WRITE]));
    kqueue.control([{ ident: one, filter: WRITE, flags: DELETE }], 0);
    expect(eventOf(kqueue, 1000)).toMatchObject({ filter: READ });
    closeAll(one, other);
  });

  it('returns no more than maxEvents, and what is left later', () => {
    using kqueue = new Kqueue();
    const sockets = Array.from({ length: 3 }, () => Socket.pair()).flat();
    kqueue.control(
      sockets.map((ident) => ({ ident, filter: WRITE, flags: ADD | ONESHOT })),
      0,
    );
    const seen: number[] = [];
    for (let i = 0; i < 6; i++) {
      const events = kqueue.control(null, 1, 1000);
      expect(events).toHaveLength(1);
      seen.push(...events.map(({ ident }) => ident as number));
    }
    expect(seen.toSorted()).toEqual(sockets.map((socket) => socket.fileno()).toSorted());
    expect(kqueue.control(null, 8, 0)).toEqual([]);
    closeAll(...sockets);
  });

  it('reports with EV_CLEAR once for each new activity', () => {
    using kqueue = new Kqueue();
    const [one, other] = Socket.pair();
    kqueue.control([{ ident: one, filter: READ, flags: ADD | CLEAR }], 0);
    other.send(ONE_BYTE);
    expect(eventOf(kqueue, 1000)).toMatchObject({ filter: READ });
    expect(eventOf(kqueue)).toBeUndefined();
    other.send(ONE_BYTE);
    expect(eventOf(kqueue, 1000)).toMatchObject({ filter: READ });
    expect(eventOf(kqueue)).toBeUndefined();
    closeAll(one, other);
  });

  it('deletes the filter with EV_ONESHOT once it has fired', () => {
    using kqueue = new Kqueue();
    const [one, other] = Socket.pair();
    kqueue.control([{ ident: one, filter: READ, flags: ADD | ONESHOT }], 0);
    other.send(ONE_BYTE);
    expect(eventOf(kqueue, 1000)).toMatchObject({ filter: READ });
    expect(eventOf(kqueue)).toBeUndefined();
    expect(thrownBy(() => kqueue.control([{ ident: one, filter: READ, flags: DELETE }], 0))['code']).toBe(
      'ENOENT',
    );
    closeAll(one, other);
  });

  it('mutes the filter with EV_DISPATCH once it has fired, until EV_ENABLE', () => {
    using kqueue = new Kqueue();
    const [one, other] = Socket.pair();
    kqueue.control([{ ident: one, filter: READ, flags: ADD | DISPATCH }], 0);
    other.send(ONE_BYTE);
    expect(eventOf(kqueue, 1000)).toMatchObject({ filter: READ });
    other.send(ONE_BYTE);
    expect(eventOf(kqueue)).toBeUndefined();
    kqueue.control([{ ident: one, filter: READ, flags: ENABLE }], 0);
    expect(eventOf(kqueue, 1000)).toMatchObject({ filter: READ, data: 2 });
    expect(eventOf(kqueue)).toBeUndefined();
    closeAll(one, other);
  });

  it('mutes with EV_DISABLE and reports again after EV_ENABLE', () => {
    using kqueue = new Kqueue();
    const [one, other] = Socket.pair();
    other.send(ONE_BYTE);
    kqueue.control([{ ident: one, filter: READ }], 0);
    kqueue.control([{ ident: one, filter: READ, flags: DISABLE }], 0);
    expect(eventOf(kqueue)).toBeUndefined();
    kqueue.control([{ ident: one, filter: READ, flags: ENABLE }], 0);
    expect(eventOf(kqueue, 1000)).toMatchObject({ filter: READ });
    closeAll(one, other);
  });

  it('triggers user events, with numbers of the caller', () => {
    using kqueue = new Kqueue();
    kqueue.control([{ ident: 42, filter: USER, flags: ADD | CLEAR, udata: -5 }], 0);
    expect(eventOf(kqueue)).toBeUndefined();
    kqueue.control([{ ident: 42, filter: USER, flags: 0, fflags: TRIGGER, udata: -5 }], 0);
    expect(eventOf(kqueue, 1000)).toMatchObject({ ident: 42, filter: USER, udata: -5 });
    expect(eventOf(kqueue)).toBeUndefined();
  });

  it('fires timers, never early', () => {
    using kqueue = new Kqueue();
    const [events, elapsed] = timed(() =>
      kqueue.control([{ ident: 1, filter: TIMER, flags: ADD | ONESHOT, data: 30 }], 1),
    );
    expect(events).toMatchObject([{ ident: 1, filter: TIMER, data: 1 }]);
    expect(elapsed).toBeGreaterThanOrEqual(29);
  });

  it('reports the end of the peer with EV_EOF, beside what can still be read', () => {
    using kqueue = new Kqueue();
    const [client, server] = tcpPair();
    kqueue.control([{ ident: client, filter: READ }], 0);
    server.send(Buffer.from('rest'));
    server.shutdown('write');
    let event: Required<Kevent> | undefined;
    for (let i = 0; i < 100 && ((event?.flags ?? 0) & EOF) === 0; i++) event = eventOf(kqueue, 10);
    expect((event?.flags ?? 0) & EOF).toBe(EOF);
    expect(event).toMatchObject({ filter: READ, data: 4 });
    expect(client.recv(Buffer.alloc(8))).toBe(4);
    const ended = eventOf(kqueue, 1000);
    expect((ended?.flags ?? 0) & EOF).toBe(EOF);
    expect(ended?.data).toBe(0);
    closeAll(client, server);
  });

  it('reports the end of a pipe on both sides with EV_EOF', () => {
    using kqueue = new Kqueue();
    using one = openPipe();
    using other = openPipe();
    one.writer.close();
    other.reader.close();
    kqueue.control([{ ident: one.reader, filter: READ }], 0);
    const [end] = kqueue.control(null, 1, 1000);
    expect((end?.flags ?? 0) & EOF).toBe(EOF);
    kqueue.control([{ ident: one.reader, filter: READ, flags: DELETE }], 0);
    try {
      kqueue.control([{ ident: other.writer, filter: WRITE }], 0);
    } catch (error) {
      // macOS says so at once.
      expect(error).toMatchObject({ code: 'EPIPE' });
    }
    const [broken] = kqueue.control(null, 1, 1000);
    expect((broken?.flags ?? 0) & EOF).toBe(EOF);
  });

  it('reports a refused connect with EV_EOF and its errno', () => {
    using kqueue = new Kqueue();
    using socket = new Socket();
    const error = thrownBy(() => {
      socket.connect(refusingAddress());
      kqueue.control([{ ident: socket, filter: WRITE }], 0);
      const event = eventOf(kqueue, 5000);
      expect((event?.flags ?? 0) & EOF).toBe(EOF);
      throw Object.assign(new Error('fflags'), { fflags: event?.fflags });
    });
    if (error['code'] === undefined) expect(error['fflags']).toBeGreaterThan(0);
    else expect(error['code']).toBe('ECONNREFUSED');
  });

  it('loses the filters of a closed descriptor', () => {
    using kqueue = new Kqueue();
    const [one, other] = Socket.pair();
    const ident = one.fileno();
    kqueue.control([{ ident: one, filter: READ }], 0);
    one.close();
    expect(kqueue.control(null, 8, 0)).toEqual([]);
    other.close();
    // libkqueue keeps a record of the filter, which can be deleted, but never fires.
    if (emulated) return;
    const error = thrownBy(() => kqueue.control([{ ident, filter: READ, flags: DELETE }], 0));
    expect(['EBADF', 'ENOENT']).toContain(error['code']);
  });
});

describe.skipIf(!here)('Kqueue, time', () => {
  it('sleeps with nothing to watch, and not shorter than asked', () => {
    using kqueue = new Kqueue();
    for (const timeout of [0.1, 1.2, 20]) {
      const [result, elapsed] = timed(() => kqueue.control(null, 1, timeout));
      expect(result).toEqual([]);
      expect(elapsed).toBeGreaterThanOrEqual(timeout);
    }
  });

  it('does not wait with 0 and less', () => {
    using kqueue = new Kqueue();
    for (const timeout of [0, -0, -1, -1e-100, Number.NEGATIVE_INFINITY]) {
      const [result, elapsed] = timed(() => kqueue.control(null, 1, timeout));
      expect(result).toEqual([]);
      expect(elapsed).toBeLessThan(5000);
    }
  });

  it('takes no timeout, or a very long one, as what ends with readiness', () => {
    using kqueue = new Kqueue();
    using pipe = openPipe();
    kqueue.control([{ ident: pipe.writer, filter: WRITE }], 0);
    for (const timeout of [undefined, null, Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 40]) {
      expect(kqueue.control(null, 8, timeout)).toHaveLength(1);
    }
  });

  it('waits on through signals, to its full time', async () => {
    const { ready, elapsed, handled } = await waitUnderSignals('kqueue', 300);
    expect(ready).toEqual([]);
    expect(elapsed).toBeGreaterThanOrEqual(300);
    expect(handled).toBeGreaterThan(0);
  });
});
