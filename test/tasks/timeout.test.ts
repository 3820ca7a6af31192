/** timeout(): work with a deadline that can be moved. */
import { CancelledError } from 'iomux';
import {
  allTasks,
  type Coroutine,
  createTask,
  currentTask,
  sleep,
  TimeoutError,
  timeout,
  value,
} from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import {
  BLOCKING,
  cleaning,
  ended,
  failing,
  failingLater,
  HOSTED,
  HOUR,
  iterations,
  lasting,
  openReactor,
  outcome,
  playAlone,
  playTask,
  thrownAt,
} from '../support/task-scenes.js';

describe('timeout()', () => {
  it('gives the result of work that is done in time', async () => {
    await playAlone(function* () {
      expect(yield timeout(HOUR, () => lasting(3, 'result'))).toBe('result');
      expect(yield timeout(HOUR, async () => 'of the function')).toBe('of the function');
    });
  });

  it('fails with the error of work that fails in time', async () => {
    await playAlone(function* () {
      const error = new Error('of the work');
      expect(yield* thrownAt(() => timeout(HOUR, () => failingLater(3, error)))).toBe(error);
      expect(yield* thrownAt(() => timeout(HOUR, () => Promise.reject(error)))).toBe(error);
    });
  });

  it('runs the work as a task of its own, with a scope that knows the deadline', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const outer = currentTask();
      const begin = reactor.time();
      yield timeout(HOUR, function* (scope) {
        expect(currentTask()).not.toBe(outer);
        expect(currentTask()).not.toBeNull();
        expect(scope.deadline).toBeGreaterThanOrEqual(begin + HOUR);
        expect(scope.deadline).toBeLessThanOrEqual(reactor.time() + HOUR);
        expect(scope.expired).toBe(false);
        expect(scope.signal).toBeInstanceOf(AbortSignal);
        expect(scope.signal.aborted).toBe(false);
        yield;
      });
      expect(currentTask()).toBe(outer);
    });
  });

  it('cancels the work at its deadline, waits until it has ended, and fails with a TimeoutError', async () => {
    const reactor = openReactor();
    const log: string[] = [];
    await playTask(reactor, BLOCKING, function* () {
      const begin = reactor.time();
      const error = yield* thrownAt(() =>
        timeout(HOUR, function* (scope) {
          scope.reschedule(3);
          try {
            return yield* cleaning(log, 'work', 5);
          } finally {
            expect(scope.expired).toBe(true);
            expect(scope.signal.aborted).toBe(true);
          }
        }),
      );
      expect(reactor.time() - begin).toBeGreaterThanOrEqual(3);
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error).toMatchObject({ name: 'TimeoutError', code: 'ERR_TIMEOUT' });
    });
    expect(log).toHaveLength(3);
    expect(log[2]).toBe('work is clean');
  });

  it('aborts the signal of an async function at its deadline, and waits for it', async () => {
    const log: string[] = [];
    await playTask(openReactor(), HOSTED, function* () {
      const error = yield* thrownAt(() =>
        timeout(HOUR, async ({ signal, reschedule }) => {
          reschedule(2);
          try {
            await sleep(HOUR, undefined, { signal });
          } finally {
            log.push(`aborted: ${signal.aborted}`);
            await sleep(2);
            log.push('is clean');
          }
        }),
      );
      log.push(error.name);
    });
    expect(log).toEqual(['aborted: true', 'is clean', 'TimeoutError']);
  });

  it.each([0, -1])('of %d does not wait', async (delay) => {
    await playAlone(function* () {
      const error = yield* thrownAt(() =>
        timeout(delay, function* () {
          yield sleep(HOUR);
        }),
      );
      expect(error).toBeInstanceOf(TimeoutError);
    });
  });

  it('leaves the task alone that waits for it', async () => {
    await playAlone(function* () {
      const task = createTask(function* () {
        yield* thrownAt(() =>
          timeout(1, function* () {
            yield sleep(HOUR);
          }),
        );
        yield sleep(1);
        return 'went on';
      });
      expect(yield task).toBe('went on');
    });
  });

  it('fails with the error that comes in place of the cancellation', async () => {
    await playAlone(function* () {
      const error = new Error('of the clean-up');
      const thrown = yield* thrownAt(() =>
        timeout(HOUR, function* ({ reschedule }) {
          reschedule(1);
          try {
            yield sleep(HOUR);
          } finally {
            yield createTask(failing(error));
          }
        }),
      );
      expect(thrown).toBe(error);
    });
  });

  it('has a deadline that can be moved, away and back', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const result = yield timeout(HOUR, function* (scope) {
        scope.reschedule(2);
        const before = scope.deadline;
        expect(before).toBeLessThanOrEqual(reactor.time() + 2);
        scope.reschedule(HOUR);
        expect(scope.deadline).toBeGreaterThan(before);
        expect(scope.deadline).toBeLessThanOrEqual(reactor.time() + HOUR);
        yield sleep(6);
        expect(scope.expired).toBe(false);
        return 'in time';
      });
      expect(result).toBe('in time');
      const error = yield* thrownAt(() =>
        timeout(HOUR, function* (scope) {
          scope.reschedule(1);
          yield sleep(HOUR);
        }),
      );
      expect(error).toBeInstanceOf(TimeoutError);
    });
  });

  it('takes no other cancellation for its own', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const future = reactor.createFuture<void>();
      future.cancel('of the future');
      const timed = timeout(HOUR, function* () {
        yield future;
      });
      const error = yield* thrownAt(() => timed);
      expect(error).toBeInstanceOf(CancelledError);
      expect(error.message).toBe('of the future');
    });
  });

  it('is cancelled from outside: the work as well, which is waited for', async () => {
    const log: string[] = [];
    await playAlone(function* () {
      const timed = timeout(HOUR, () => cleaning(log, 'work', 5));
      yield* iterations(3);
      expect(timed.cancel('from outside')).toBe(true);
      expect(timed.done()).toBe(false);
      yield* ended(timed);
      expect(outcome(timed)).toBe('cancelled by CancelledError from outside');
    });
    expect(log).toEqual(['work waits', 'work gets from outside', 'work is clean']);
  });

  it('is cancelled where that comes after its deadline, while the work cleans up', async () => {
    const log: string[] = [];
    await playAlone(function* () {
      const timed = timeout(HOUR, function* ({ reschedule }) {
        reschedule(1);
        yield* cleaning(log, 'work', 30);
      });
      while (log.length < 2) yield;
      expect(timed.cancel('from outside')).toBe(true);
      yield* ended(timed);
      expect(outcome(timed)).toBe('cancelled by CancelledError from outside');
    });
  });

  it('is cancelled together with the task that waits for it', async () => {
    const log: string[] = [];
    await playAlone(function* () {
      const task = createTask(function* () {
        try {
          yield timeout(HOUR, () => cleaning(log, 'work'));
        } finally {
          log.push('outer goes on');
        }
      });
      yield* iterations(4);
      task.cancel('outer');
      yield* ended(task);
      expect(outcome(task)).toBe('cancelled by CancelledError outer');
    });
    expect(log.slice(-2)).toEqual(['work is clean', 'outer goes on']);
  });

  it('may be nested: only the one whose deadline it was fails with a TimeoutError', async () => {
    await playAlone(function* () {
      const inner = yield timeout(HOUR, function* () {
        const error = yield* thrownAt(() =>
          timeout(1, function* () {
            yield sleep(HOUR);
          }),
        );
        expect(error).toBeInstanceOf(TimeoutError);
        yield sleep(1);
        return 'the outer one has time';
      });
      expect(inner).toBe('the outer one has time');

      const seen: unknown[] = [];
      const outer = yield* thrownAt(() =>
        timeout(HOUR, function* ({ reschedule }): Coroutine<unknown> {
          reschedule(1);
          const error = yield* thrownAt(() =>
            timeout(HOUR, function* () {
              yield* value(sleep(HOUR));
            }),
          );
          seen.push(error);
          throw error;
        }),
      );
      expect(seen).toEqual([expect.any(CancelledError)]);
      expect(outer).toBeInstanceOf(TimeoutError);
    });
  });

  it.each([
    [
      'a generator function',
      (take: (signal: AbortSignal) => void) =>
        timeout(HOUR, function* ({ signal }) {
          take(signal);
          yield sleep(HOUR);
        }),
    ],
    [
      'a function that returns a generator',
      (take: (signal: AbortSignal) => void) =>
        timeout(HOUR, ({ signal }) => {
          take(signal);
          return lasting(HOUR, undefined);
        }),
    ],
  ])('aborts the signal of %s also where its task is cancelled otherwise', async (_, begin) => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      let taken: AbortSignal | null = null;
      const before = new Set(allTasks(reactor));
      const limited = begin((signal) => {
        taken = signal;
      });
      yield* iterations(2);
      const signal = taken as AbortSignal | null;
      expect(signal?.aborted).toBe(false);
      for (const task of allTasks(reactor)) if (!before.has(task)) task.cancel('by others');
      yield* ended(limited);
      expect(outcome(limited)).toBe('cancelled by CancelledError by others');
      expect(signal?.reason).toBeInstanceOf(CancelledError);
    });
  });
});
