/** What tasks refuse, with which error: nothing has begun then, and nothing has changed. */
import { Reactor } from 'iomux';
import {
  allTasks,
  asCompleted,
  type Coroutine,
  createTask,
  currentTask,
  gather,
  run,
  runBlocking,
  shield,
  sleep,
  TaskGroup,
  timeout,
  wait,
  waitFor,
} from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { thrownBy } from '../support/expecting.js';
import { refusal } from '../support/refusals.js';
import { rejection } from '../support/rejections.js';
import {
  BLOCKING,
  ended,
  iterations,
  lasting,
  openReactor,
  outcome,
  playTask,
  thrownAt,
} from '../support/task-scenes.js';

const WRONG_TYPE = 'TypeError ERR_INVALID_ARG_TYPE';
const WRONG_VALUE = 'TypeError ERR_INVALID_ARG_VALUE';
const OUT_OF_RANGE = 'RangeError ERR_OUT_OF_RANGE';
const CLOSED = 'StateError ERR_CLOSED';

type Row = readonly [name: string, value: unknown, expected: string];

const NO_WORK: readonly Row[] = [
  ['undefined', undefined, WRONG_TYPE],
  ['null', null, WRONG_TYPE],
  ['a number', 7, WRONG_TYPE],
  ['a string', 'work', WRONG_TYPE],
  ['an object', {}, WRONG_TYPE],
  ['an array, which is iterable', [1, 2], WRONG_TYPE],
  ['an iterator', [1, 2].values(), WRONG_TYPE],
  ['a promise', Promise.resolve(), WRONG_TYPE],
  ['an async generator', (async function* () {})(), WRONG_TYPE],
];

const NO_FUTURES: readonly Row[] = [
  ['undefined', undefined, WRONG_TYPE],
  ['null', null, WRONG_TYPE],
  ['a number', 7, WRONG_TYPE],
  ['a string', 'future', WRONG_TYPE],
  ['an object', {}, WRONG_TYPE],
  ['a function', () => {}, WRONG_TYPE],
  ['a generator', lasting(1, 'result'), WRONG_TYPE],
];

const NO_LISTS: readonly Row[] = [
  ['undefined', undefined, WRONG_TYPE],
  ['null', null, WRONG_TYPE],
  ['a number', 7, WRONG_TYPE],
  ['an object', {}, WRONG_TYPE],
  ['a promise', Promise.resolve(), WRONG_TYPE],
];

const NO_TIMES: readonly Row[] = [
  ['null', null, WRONG_TYPE],
  ['a string', '1', WRONG_TYPE],
  ['a boolean', true, WRONG_TYPE],
  ['a bigint', 1n, WRONG_TYPE],
  ['a Date', new Date(), WRONG_TYPE],
  ['NaN', Number.NaN, OUT_OF_RANGE],
];

const NO_OPTIONS: readonly Row[] = [
  ['null', null, WRONG_TYPE],
  ['a number', 7, WRONG_TYPE],
  ['a string', 'options', WRONG_TYPE],
];

const NO_REASONS: readonly Row[] = [
  ['null', null, WRONG_TYPE],
  ['an Error', new Error('reason'), WRONG_TYPE],
  ['a number', 7, WRONG_TYPE],
];

/** Each call with an argument to be refused, beside a task that goes on. */
const CALLS: Readonly<Record<string, readonly [call: (value: never) => unknown, rows: readonly Row[]]>> = {
  'createTask(work)': [(work) => createTask(work), NO_WORK],
  'createTask(…, options)': [(options) => createTask(iterations(1), options), NO_OPTIONS],
  'createTask(…, { name })': [
    (name) => createTask(iterations(1), { name }),
    [
      ['a number', 7, WRONG_TYPE],
      ['null', null, WRONG_TYPE],
    ],
  ],
  'createTask(…, { reactor })': [
    (reactor) => createTask(iterations(1), { reactor }),
    [
      ['an object', {}, WRONG_TYPE],
      ['null', null, WRONG_TYPE],
    ],
  ],
  'new TaskGroup().createTask(work)': [(work) => new TaskGroup().createTask(work), NO_WORK],
  'new TaskGroup().cancel(reason)': [(reason) => new TaskGroup().cancel(reason), NO_REASONS],
  'task.cancel(reason)': [(reason) => currentTask()?.cancel(reason), NO_REASONS],
  'sleep(delay)': [(delay) => sleep(delay), [['undefined', undefined, WRONG_TYPE], ...NO_TIMES]],
  'sleep(…, options)': [(options) => sleep(0, undefined, options), NO_OPTIONS],
  'sleep(…, { signal })': [
    (signal) => sleep(0, undefined, { signal }),
    [
      ['an object', {}, WRONG_TYPE],
      ['null', null, WRONG_TYPE],
    ],
  ],
  'gather(list)': [(list) => gather(list), NO_LISTS],
  'gather([future])': [(future) => gather([future]), NO_FUTURES.filter(([name]) => name === 'a generator')],
  'gather(…, options)': [(options) => gather([], options), NO_OPTIONS],
  'gather(…, { returnExceptions })': [
    (returnExceptions) => gather([], { returnExceptions }),
    [
      ['a number', 1, WRONG_TYPE],
      ['a string', 'true', WRONG_TYPE],
    ],
  ],
  'wait(list)': [
    (list) => wait(list),
    [...NO_LISTS, ['a generator', lasting(1, 'result'), WRONG_TYPE], ['nothing', [], OUT_OF_RANGE]],
  ],
  'wait([future])': [
    (future) => wait([future]),
    [...NO_FUTURES, ['a promise', Promise.resolve(), WRONG_TYPE]],
  ],
  'wait(…, options)': [(options) => wait([currentTask() as never], options), NO_OPTIONS],
  'wait(…, { timeout })': [
    (timeout) => wait([currentTask() as never], { timeout }),
    NO_TIMES.filter(([name]) => name !== 'null'),
  ],
  'wait(…, { returnWhen })': [
    (returnWhen) => wait([currentTask() as never], { returnWhen }),
    [
      ['another one', 'SECOND_COMPLETED', WRONG_VALUE],
      ['in lower case', 'first_completed', WRONG_VALUE],
      ['null', null, WRONG_VALUE],
    ],
  ],
  'waitFor(future)': [(future) => waitFor(future, 1), NO_FUTURES],
  'waitFor(…, timeout)': [
    (timeout) => waitFor(sleep(0), timeout),
    [['undefined', undefined, WRONG_TYPE], ...NO_TIMES],
  ],
  'timeout(delay, …)': [
    (delay) => timeout(delay, () => lasting(1, 'result')),
    [['undefined', undefined, WRONG_TYPE], ...NO_TIMES],
  ],
  'timeout(…, work)': [(work) => timeout(1, work), NO_WORK.filter(([name]) => name !== 'an async generator')],
  'asCompleted(list)': [(list) => asCompleted(list), NO_LISTS],
  'asCompleted([future])': [(future) => asCompleted([future]), NO_FUTURES],
  'asCompleted(…, options)': [(options) => asCompleted([], options), NO_OPTIONS],
  'asCompleted(…, { timeout })': [
    (timeout) => asCompleted([], { timeout }),
    NO_TIMES.filter(([name]) => name !== 'null'),
  ],
  'shield(future)': [(future) => shield(future), NO_FUTURES],
  'allTasks(reactor)': [
    (reactor) => allTasks(reactor),
    [
      ['null', null, WRONG_TYPE],
      ['an object', {}, WRONG_TYPE],
    ],
  ],
};

describe.each(Object.entries(CALLS))('%s refuses', (_, [call, rows]) => {
  it.each(rows)('%s', async (_name, value, expected) => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const beside = createTask(lasting(2, 'went on'));
      const before = new Set(allTasks());
      // The call that is refused refuses at once, and not by a future.
      expect(refusal(() => call(value as never))).toBe(expected);
      expect(new Set(allTasks())).toEqual(before);
      expect(yield beside).toBe('went on');
    });
    expect(allTasks(reactor).size).toBe(0);
  });
});

describe('a function', () => {
  it.each([
    ['nothing', () => {}],
    ['a number', () => 7],
    ['an array', () => [1, 2]],
    ['an iterator', () => [1, 2].values()],
    ['an object', () => ({})],
    ['a function', () => () => lasting(1, 'result')],
    ['an async generator', async function* () {}],
  ])('that returns %s makes a task that fails', async (_, work) => {
    await playTask(openReactor(), BLOCKING, function* () {
      const task = createTask(work as never);
      const error = yield* thrownAt(() => task);
      expect(error).toBeInstanceOf(TypeError);
      expect(error.code).toBe('ERR_INVALID_ARG_TYPE');
      expect(task.state).toBe('done');
    });
  });
});

describe('a program', () => {
  // An async generator would run for ever if it were taken.
  it.each(NO_WORK.filter(([name]) => name !== 'an async generator'))(
    'that is %s is refused',
    async (_, value, expected) => {
      expect(refusal(() => runBlocking(value as never))).toBe(expected);
      expect(await rejection(() => run(value as never))).toBe(expected);
    },
  );
});

describe('a closed reactor', () => {
  it('takes no task, and begins none of those that wait', async () => {
    const reactor = new Reactor();
    let begun = false;
    // biome-ignore lint/correctness/useYield: it must not even begin.
    const work = function* (): Coroutine<void> {
      begun = true;
    };
    createTask(work, { reactor });
    const before = allTasks(reactor).size;
    reactor.close();
    expect(refusal(() => createTask(work, { reactor }))).toBe(CLOSED);
    expect(allTasks(reactor).size).toBe(before);
    expect(begun).toBe(false);
  });
});

describe('a deadline', () => {
  it.each(NO_TIMES)('cannot be moved to %s, and stays where it is', async (_, value, expected) => {
    await playTask(openReactor(), BLOCKING, function* () {
      const task = createTask(function* () {
        yield timeout(1_000, function* (scope) {
          const { deadline } = scope;
          expect(refusal(() => scope.reschedule(value as never))).toBe(expected);
          expect(scope.deadline).toBe(deadline);
          expect(scope.expired).toBe(false);
          yield;
        });
        return 'went on';
      });
      yield* ended(task);
      expect(outcome(task)).toBe('result went on');
    });
  });

  it('that is no number is refused by the name of its argument', async () => {
    await playTask(openReactor(), BLOCKING, function* () {
      expect(thrownBy(() => timeout(Number.NaN, () => lasting(1, ''))).message).toMatch(/^delay must/);
      expect(thrownBy(() => timeout('1' as never, () => lasting(1, ''))).message).toMatch(/^delay must/);
      expect(thrownBy(() => waitFor(sleep(1), Number.NaN)).message).toMatch(/^timeout must/);
      yield timeout(1_000, function* ({ reschedule }) {
        expect(thrownBy(() => reschedule(Number.NaN)).message).toMatch(/^delay must/);
        yield;
      });
    });
  });
});
