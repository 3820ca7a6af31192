/** What is refused, with which error, and that nothing has changed then. */
import { closeSync, openSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import {
  createSelector,
  EVENT_ERROR,
  EVENT_HANGUP,
  EVENT_INVALID,
  EVENT_PRIORITY,
  EVENT_READ,
  EVENT_READ_CLOSED,
  type FileLike,
  type RegisterOptions,
  type Selector,
  Socket,
  selectorBackends,
  type TriggerMode,
  Waker,
} from 'iomux';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { send, socketPair } from '../support/pairs.js';
import { refusal } from '../support/refusals.js';

const WRONG_TYPE = 'TypeError ERR_INVALID_ARG_TYPE';
const WRONG_VALUE = 'TypeError ERR_INVALID_ARG_VALUE';
const OUT_OF_RANGE = 'RangeError ERR_OUT_OF_RANGE';
const UNSUPPORTED = 'StateError ERR_UNSUPPORTED';

/** No file at all, on any backend and for any method. */
const NO_FILES: readonly [name: string, file: unknown, expected: string][] = [
  ['negative', -1, OUT_OF_RANGE],
  ['far negative', -0x8000_0000, OUT_OF_RANGE],
  ['not an integer', 1.5, OUT_OF_RANGE],
  ['NaN', Number.NaN, OUT_OF_RANGE],
  ['infinite', Number.POSITIVE_INFINITY, OUT_OF_RANGE],
  ['beyond an int', 2 ** 31, OUT_OF_RANGE],
  ['beyond an unsigned int', 2 ** 32, OUT_OF_RANGE],
  ['a string', '0', WRONG_TYPE],
  ['a boolean', true, WRONG_TYPE],
  ['null', null, WRONG_TYPE],
  ['undefined', undefined, WRONG_TYPE],
  ['a bigint', 3n, WRONG_TYPE],
  ['a symbol', Symbol('file'), WRONG_TYPE],
  ['a function', () => 0, WRONG_TYPE],
  ['an array', [0], WRONG_TYPE],
  ['an object without fileno', {}, WRONG_TYPE],
  ['an object without prototype', Object.create(null), WRONG_TYPE],
  ['an object whose fileno is a number', { fileno: 0 }, WRONG_TYPE],
  ['an object whose fileno() is a string', { fileno: () => '0' }, WRONG_TYPE],
  ['an object whose fileno() is nothing', { fileno: () => undefined }, WRONG_TYPE],
  ['an object whose fd is null', { fd: null }, WRONG_TYPE],
  ['an object whose fileno() is no integer', { fileno: () => 0.5 }, OUT_OF_RANGE],
  ['an object whose fileno() is NaN', { fileno: () => Number.NaN }, OUT_OF_RANGE],
];

const NO_INTERESTS: readonly [name: string, events: unknown, expected: string][] = [
  ['0', 0, WRONG_VALUE],
  ['-0', -0, WRONG_VALUE],
  ['an unknown bit', 128, WRONG_VALUE],
  ['an unknown bit beside a known one', 128 | EVENT_READ, WRONG_VALUE],
  ['ERROR, a result', EVENT_ERROR, WRONG_VALUE],
  ['HANGUP, a result', EVENT_HANGUP | EVENT_READ, WRONG_VALUE],
  ['INVALID, a result', EVENT_INVALID, WRONG_VALUE],
  ['all bits', -1, WRONG_VALUE],
  ['a bit beyond 32', 2 ** 32 + EVENT_READ, WRONG_VALUE],
  ['a fraction', 1.5, WRONG_VALUE],
  ['NaN', Number.NaN, WRONG_VALUE],
  ['infinite', Number.POSITIVE_INFINITY, WRONG_VALUE],
  ['a string', '1', WRONG_TYPE],
  ['a boolean', true, WRONG_TYPE],
  ['null', null, WRONG_TYPE],
  ['undefined', undefined, WRONG_TYPE],
  ['a bigint', 1n, WRONG_TYPE],
];

const NO_OPTIONS: readonly [name: string, options: unknown, expected: string][] = [
  ['null', null, WRONG_TYPE],
  ['a string', 'edge', WRONG_TYPE],
  ['a number', 1, WRONG_TYPE],
  ['a mode that is none', { mode: 'sometimes' }, WRONG_VALUE],
  ['a mode that every object has', { mode: 'toString' }, WRONG_VALUE],
  ['a mode of the wrong type', { mode: 1 }, WRONG_VALUE],
  ['the mode null', { mode: null }, WRONG_VALUE],
  ['exclusive as a number', { exclusive: 1 }, WRONG_TYPE],
  ['exclusive as null', { exclusive: null }, WRONG_TYPE],
];

const NO_TIMEOUTS: readonly [name: string, timeout: unknown, expected: string][] = [
  ['NaN', Number.NaN, OUT_OF_RANGE],
  ['a string', '1', WRONG_TYPE],
  ['a boolean', false, WRONG_TYPE],
  ['a bigint', 0n, WRONG_TYPE],
  ['an object', {}, WRONG_TYPE],
];

for (const backend of selectorBackends()) {
  describe(`${backend} selector, bad input`, () => {
    let selector: Selector<string>;
    let near: Socket;
    let far: Socket;

    beforeEach(() => {
      selector = createSelector<string>(backend);
      [near, far] = Socket.pair();
      selector.register(near, EVENT_READ, 'data');
    });

    // Whatever was refused: the one registration is there, unchanged and alive.
    afterEach(() => {
      expect(selector.getMap().size).toBe(1);
      const key = selector.getKey(near);
      expect(key).toEqual({
        fileobj: near,
        fd: near.fileno(),
        events: EVENT_READ,
        mode: 'level',
        data: 'data',
      });
      selector.verify();
      expect(selector.select(0)).toEqual([]);
      send(far);
      expect(selector.select(0)).toEqual([[key, EVENT_READ]]);
      selector.close();
      near.close();
      far.close();
    });

    it.each(NO_FILES)('refuses a file that is %s', (_, file, expected) => {
      const wrong = file as FileLike;
      const calls = [
        () => selector.register(wrong, EVENT_READ),
        () => selector.modify(wrong, EVENT_READ),
        () => selector.rearm(wrong),
        () => selector.unregister(wrong),
        () => selector.getKey(wrong),
      ];
      expect(calls.map(refusal)).toEqual(calls.map(() => expected));
    });

    it('refuses a descriptor that is closed', () => {
      const fd = socketPair()[0].detach();
      closeSync(fd);
      expect(refusal(() => selector.register(fd, EVENT_READ))).toBe('SystemError EBADF');
      expect(refusal(() => selector.register({ fd }, EVENT_READ))).toBe('SystemError EBADF');
      expect(() => selector.register(fd, EVENT_READ)).toThrow(`(fd ${fd})`);
    });

    it('refuses a descriptor that no process has', () => {
      expect(refusal(() => selector.register(0x7fff_ffff, EVENT_READ))).toBe('SystemError EBADF');
    });

    it('refuses an object that is closed', () => {
      const [closed] = Socket.pair();
      closed.close();
      expect(refusal(() => selector.register(closed, EVENT_READ))).toBe('StateError ERR_CLOSED');
      expect(refusal(() => selector.register({ fileno: () => -1 }, EVENT_READ))).toBe(
        'StateError ERR_CLOSED',
      );
      expect(refusal(() => selector.register({ fd: -1 }, EVENT_READ))).toBe('StateError ERR_CLOSED');
    });

    it('lets the exception of a fileno() through', () => {
      const broken = {
        fileno(): number {
          throw new Error('of fileno');
        },
      };
      expect(() => selector.register(broken, EVENT_READ)).toThrow('of fileno');
      expect(() => selector.unregister(broken)).toThrow('of fileno');
    });

    it.each(NO_INTERESTS)('refuses an interest that is %s', (_, events, expected) => {
      const [other] = socketPair();
      expect(refusal(() => selector.register(other, events as number))).toBe(expected);
      expect(refusal(() => selector.modify(near, events as number, 'changed'))).toBe(expected);
    });

    it.each(NO_OPTIONS)('refuses options that are %s', (_, options, expected) => {
      const [other] = socketPair();
      expect(refusal(() => selector.register(other, EVENT_READ, 'x', options as RegisterOptions))).toBe(
        expected,
      );
      expect(refusal(() => selector.modify(near, EVENT_READ, 'x', options as RegisterOptions))).toBe(
        expected,
      );
    });

    it.each(NO_TIMEOUTS)('refuses a timeout that is %s', (_, timeout, expected) => {
      expect(refusal(() => selector.select(timeout as number))).toBe(expected);
      expect(refusal(() => selector.dispatch(timeout as number, () => {}))).toBe(expected);
      expect(selector.stats.waits).toBe(0);
    });

    it.each([
      ['nothing', undefined],
      ['null', null],
      ['an object', { handle() {} }],
    ])('refuses a handler that is %s', (_, handler) => {
      send(far);
      expect(refusal(() => selector.dispatch(0, handler as never))).toBe(WRONG_TYPE);
      expect(selector.stats.waits).toBe(0);
      near.recv(Buffer.alloc(8));
    });

    it('looks at the interest before it looks at the file', () => {
      expect(refusal(() => selector.register(-1, 0))).toBe(WRONG_VALUE);
      expect(refusal(() => selector.register(near, 0))).toBe(WRONG_VALUE);
      expect(refusal(() => selector.modify(-1, 0))).toBe(WRONG_VALUE);
    });

    it('refuses to register twice', () => {
      expect(refusal(() => selector.register(near, EVENT_READ))).toBe('StateError ERR_ALREADY_REGISTERED');
      expect(refusal(() => selector.register(near.fileno(), EVENT_READ))).toBe(
        'StateError ERR_ALREADY_REGISTERED',
      );
    });

    it('refuses to unregister, modify, rearm or find what is unknown', () => {
      for (const file of [far, far.fileno(), { fd: far.fileno() }, 100_000]) {
        const calls = [
          () => selector.unregister(file),
          () => selector.modify(file, EVENT_READ),
          () => selector.rearm(file),
          () => selector.getKey(file),
        ];
        expect(calls.map(refusal)).toEqual(calls.map(() => 'StateError ERR_NOT_REGISTERED'));
      }
    });

    it('refuses what the backend cannot do, at register', () => {
      const [other] = socketPair();
      const { modes, priority, readClosed, exclusive } = selector.capabilities;
      const wanted: [supported: boolean, events: number, options: RegisterOptions][] = [
        ...(['level', 'edge', 'oneshot', 'edge-oneshot'] as TriggerMode[]).map(
          (mode) => [modes.includes(mode), EVENT_READ, { mode }] as [boolean, number, RegisterOptions],
        ),
        [priority, EVENT_PRIORITY, {}],
        [priority, EVENT_PRIORITY | EVENT_READ, {}],
        [readClosed, EVENT_READ_CLOSED, {}],
        [readClosed, EVENT_READ_CLOSED | EVENT_READ, {}],
        [exclusive, EVENT_READ, { exclusive: true }],
      ];
      for (const [supported, events, options] of wanted) {
        if (!supported) {
          expect(refusal(() => selector.register(other, events, 'x', options))).toBe(UNSUPPORTED);
          expect(selector.getMap().has(other.fileno())).toBe(false);
          continue;
        }
        expect(selector.register(other, events, 'x', options).events).toBe(events);
        selector.unregister(other);
      }
    });

    it('says which mode it has where it lacks one', () => {
      const { modes } = selector.capabilities;
      if (modes.includes('edge')) return;
      expect(() => selector.register(far, EVENT_READ, 'x', { mode: 'edge' })).toThrow(
        `${backend} has no mode 'edge', only level, oneshot`,
      );
    });

    it.each([
      ['a regular file', import.meta.filename],
      ['a directory', tmpdir()],
      ['the null device', devNull],
    ])('takes %s as always ready, or refuses it and says what to do', (kind, path) => {
      const fd = openSync(path, 'r');
      try {
        if (backend === 'epoll') {
          expect(refusal(() => selector.register(fd, EVENT_READ))).toBe('SystemError EPERM');
          expect(() => selector.register(fd, EVENT_READ)).toThrow(/always ready.*PollSelector/);
        } else if (backend === 'poll' || backend === 'select') {
          const key = selector.register(fd, EVENT_READ, kind);
          expect(selector.select(0)).toEqual([[key, EVENT_READ]]);
          selector.unregister(fd);
        }
        expect(selector.getMap().has(fd)).toBe(false);
      } finally {
        closeSync(fd);
      }
    });

    it('has a descriptor of its own, or says that it has none', () => {
      if (backend === 'epoll' || backend === 'kqueue') expect(selector.fileno()).toBeGreaterThanOrEqual(0);
      else expect(refusal(() => selector.fileno())).toBe(UNSUPPORTED);
    });

    it('refuses a waker handle that is none', () => {
      const { handle } = selector.waker;
      for (const [bad, expected] of [
        [null, WRONG_TYPE],
        ['handle', WRONG_TYPE],
        [{}, WRONG_TYPE],
        [{ fd: handle.fd, state: new ArrayBuffer(12) }, WRONG_TYPE],
        [{ fd: handle.fd, state: new SharedArrayBuffer(4) }, OUT_OF_RANGE],
        [{ fd: -1, state: handle.state }, OUT_OF_RANGE],
        [{ fd: '3', state: handle.state }, WRONG_TYPE],
      ] as const) {
        expect(refusal(() => Waker.from(bad as never))).toBe(expected);
      }
    });
  });
}
