/** waitFor(): a limit for what may take too long, which loses neither a result nor a cancellation. */
import { CancelledError, Future } from 'iomux';
import { createTask, sleep, TimeoutError, value, waitFor } from 'iomux/tasks';
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

describe('waitFor()', () => {
  it('gives the result that comes in time', async () => {
    await playAlone(function* () {
      expect(yield waitFor(createTask(lasting(3, 'result')), HOUR)).toBe('result');
      expect(yield waitFor(Promise.resolve('promise'), HOUR)).toBe('promise');
      expect(yield waitFor(sleep(1, 'slept'), HOUR)).toBe('slept');
    });
  });

  it('fails with the error that comes in time', async () => {
    await playAlone(function* () {
      const error = new Error('of the task');
      expect(yield* thrownAt(() => waitFor(createTask(failingLater(3, error)), HOUR))).toBe(error);
      expect(yield* thrownAt(() => waitFor(Promise.reject(error), HOUR))).toBe(error);
    });
  });

  it('cancels what takes too long, and fails with a TimeoutError', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const future = reactor.createFuture<void>();
      const begin = reactor.time();
      const error = yield* thrownAt(() => waitFor(future, 3));
      expect(reactor.time() - begin).toBeGreaterThanOrEqual(3);
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error).toBeInstanceOf(Error);
      expect(error).toMatchObject({ name: 'TimeoutError', code: 'ERR_TIMEOUT' });
      expect(error.message).not.toBe('');
      expect(future.cancelled()).toBe(true);
    });
  });

  it('waits until what took too long has ended', async () => {
    const log: string[] = [];
    await playAlone(function* () {
      const task = createTask(cleaning(log, 'inner', 9));
      yield* iterations(2);
      const error = yield* thrownAt(() => waitFor(task, 2));
      log.push(error.name);
      expect(task.state).toBe('cancelled');
    });
    expect(log.at(-2)).toBe('inner is clean');
    expect(log.at(-1)).toBe('TimeoutError');
    expect(log).toHaveLength(4);
  });

  it('does not cancel the task that waits', async () => {
    await playAlone(function* () {
      const task = createTask(function* () {
        const error = yield* thrownAt(() => waitFor(sleep(HOUR), 1));
        yield sleep(1);
        return error.name;
      });
      expect(yield task).toBe('TimeoutError');
      expect(task.cancelled()).toBe(false);
    });
  });

  it('gives the result that comes in spite of the timeout', async () => {
    await playAlone(function* () {
      const stubborn = createTask(function* () {
        yield* thrownAt(() => sleep(HOUR));
        yield* iterations(3);
        return 'in spite of it';
      });
      yield* iterations(2);
      expect(yield waitFor(stubborn, 1)).toBe('in spite of it');
    });
  });

  it('fails with the error that comes in place of the cancellation', async () => {
    await playAlone(function* () {
      const error = new Error('of the clean-up');
      const task = createTask(function* () {
        try {
          yield sleep(HOUR);
        } finally {
          yield createTask(failing(error));
        }
      });
      yield* iterations(2);
      expect(yield* thrownAt(() => waitFor(task, 1))).toBe(error);
    });
  });

  it.each([0, -1])('gives what is there, and waits for nothing else, where the time is %d', async (time) => {
    const log: string[] = [];
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const done = reactor.createFuture<string>();
      done.setResult('there');
      expect(yield waitFor(done, time)).toBe('there');

      const task = createTask(cleaning(log, 'inner', 3));
      yield* iterations(2);
      const error = yield* thrownAt(() => waitFor(task, time));
      expect(error).toBeInstanceOf(TimeoutError);
      expect(task.state).toBe('cancelled');
      expect(log).toHaveLength(3);

      const never = createTask(function* () {
        log.push('begun');
        yield;
      });
      expect(yield* thrownAt(() => waitFor(never, time))).toBeInstanceOf(TimeoutError);
      expect(never.state).toBe('cancelled');
      expect(log).not.toContain('begun');
    });
  });

  it('ends as cancelled where what it waits for is cancelled by others', async () => {
    await playAlone(function* () {
      const task = createTask(lasting(HOUR, 'never'));
      const waiting = waitFor(task, HOUR);
      yield* iterations(2);
      task.cancel('of the inner one');
      const error = yield* thrownAt(() => waiting);
      expect(error).toBeInstanceOf(CancelledError);
      expect(error.message).toBe('of the inner one');
    });
  });

  it('cancels, waits and is cancelled itself where it is cancelled', async () => {
    const log: string[] = [];
    await playAlone(function* () {
      const inner = createTask(cleaning(log, 'inner', 5));
      const waiting = waitFor(inner, HOUR);
      yield* iterations(2);
      expect(waiting.cancel('from outside')).toBe(true);
      expect(waiting.done()).toBe(false);
      yield* ended(waiting);
      expect(outcome(waiting)).toBe('cancelled by CancelledError from outside');
      expect(inner.state).toBe('cancelled');
    });
    expect(log).toEqual(['inner waits', 'inner gets from outside', 'inner is clean']);
  });

  it('ends as cancelled where it is cancelled and the result comes in spite of it', async () => {
    await playAlone(function* () {
      const stubborn = createTask(function* () {
        yield* thrownAt(() => sleep(HOUR));
        return 'in spite of it';
      });
      const waiting = waitFor(stubborn, HOUR);
      yield* iterations(2);
      waiting.cancel('from outside');
      yield* ended(waiting);
      expect(outcome(waiting)).toBe('cancelled by CancelledError from outside');
    });
  });

  it.each(['result first', 'cancellation first'])(
    'ends as cancelled where both come in one iteration: %s',
    async (order) => {
      const reactor = openReactor();
      await playTask(reactor, BLOCKING, function* () {
        const future = reactor.createFuture<string>();
        const task = createTask(function* () {
          return yield* value(waitFor(future, HOUR));
        });
        yield* iterations(3);
        if (order === 'result first') future.setResult('result');
        expect(task.cancel('from outside')).toBe(true);
        if (!future.done()) future.setResult('result');
        yield* ended(task);
        expect(outcome(task)).toBe('cancelled by CancelledError from outside');
      });
    },
  );

  it('ends as cancelled where that comes after the timeout, while the inner task cleans up', async () => {
    const log: string[] = [];
    await playAlone(function* () {
      const inner = createTask(cleaning(log, 'inner', 30));
      yield* iterations(2);
      const waiting = waitFor(inner, 1);
      while (log.length < 2) yield;
      expect(waiting.cancel('from outside')).toBe(true);
      yield* ended(waiting);
      expect(outcome(waiting)).toBe('cancelled by CancelledError from outside');
      expect(inner.done()).toBe(true);
    });
  });

  it('gives back the result that is there when it is cancelled, at whichever moment', async () => {
    const reactor = openReactor();
    for (let moment = 0; moment < 9; moment++) {
      await playTask(reactor, BLOCKING, function* () {
        const returned: string[] = [];
        const received: string[] = [];
        const future = new Future<string>(reactor.futures, null, (value) => returned.push(value));
        const task = createTask(function* () {
          received.push(yield waitFor(future, HOUR));
          yield* iterations(20);
        });
        yield* iterations(3);
        future.setResult('the lock');
        yield* iterations(moment);
        task.cancel();
        yield* ended(task);
        yield* iterations(5);
        expect([...received, ...returned]).toEqual(['the lock']);
        expect(task.cancelled()).toBe(true);
      });
    }
  });

  it('does not wait for a promise that takes too long: it cannot be cancelled', async () => {
    await playTask(openReactor(), HOSTED, function* () {
      const error = yield* thrownAt(() => waitFor(new Promise(() => {}), 2));
      expect(error).toBeInstanceOf(TimeoutError);
      const waiting = waitFor(new Promise(() => {}), HOUR);
      yield;
      waiting.cancel('from outside');
      yield* ended(waiting);
      expect(outcome(waiting)).toBe('cancelled by CancelledError from outside');
    });
  });

  it('can be nested: the inner limit is no business of the outer one, and the other way round', async () => {
    await playAlone(function* () {
      const inner = yield* thrownAt(() => waitFor(waitFor(sleep(HOUR), 1), HOUR));
      expect(inner).toBeInstanceOf(TimeoutError);
      const sleeping = sleep(HOUR);
      const outer = yield* thrownAt(() => waitFor(waitFor(sleeping, HOUR), 1));
      expect(outer).toBeInstanceOf(TimeoutError);
      expect(sleeping.cancelled()).toBe(true);
    });
  });

  it('fails at its timeout with the error of the clean-up of what the awaited task waited for', async () => {
    await playAlone(function* () {
      const error = new Error('of the clean-up');
      const inner = createTask(function* () {
        try {
          yield sleep(HOUR);
        } finally {
          yield* failing(error);
        }
      });
      const outer = createTask(function* () {
        yield inner;
      });
      expect(yield* thrownAt(() => waitFor(outer, 1))).toBe(error);
      expect(outer.cancelled()).toBe(true);
    });
  });
});
