/** wait(): until some of several futures are done. */
import { Future } from 'iomux';
import { createTask, value, wait } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import {
  BLOCKING,
  ended,
  failingLater,
  HOUR,
  iterations,
  lasting,
  openReactor,
  outcome,
  playAlone,
  playTask,
  thrownAt,
} from '../support/task-scenes.js';

describe('wait()', () => {
  it('waits for all of them, however they end, and throws nothing', async () => {
    await playAlone(function* () {
      const tasks = [
        createTask(lasting(5, 'slow')),
        createTask(failingLater(1, new Error('of the test'))),
        createTask(lasting(HOUR, 'cancelled')),
      ];
      const waiting = wait(tasks);
      yield* iterations(2);
      tasks[2]?.cancel();
      const { done, pending } = yield waiting;
      expect(done).toEqual(new Set(tasks));
      expect([...done]).toEqual(tasks);
      expect(pending.size).toBe(0);
      expect(tasks.map(outcome)).toEqual([
        'result slow',
        'failed with Error of the test',
        'cancelled by CancelledError cancelled',
      ]);
    });
  });

  it('waits for the first one where that is asked for', async () => {
    await playAlone(function* () {
      const [fast, slow, slower] = [
        createTask(lasting(2, 'fast')),
        createTask(lasting(20, 'slow')),
        createTask(lasting(30, 'slower')),
      ];
      const first = yield wait([slow, fast, slower], { returnWhen: 'FIRST_COMPLETED' });
      expect(first).toEqual({ done: new Set([fast]), pending: new Set([slow, slower]) });
      expect([slow.state, slower.state]).toEqual(['running', 'running']);
      const second = yield wait(first.pending, { returnWhen: 'FIRST_COMPLETED' });
      expect(second).toEqual({ done: new Set([slow]), pending: new Set([slower]) });
      expect(yield slower).toBe('slower');
    });
  });

  it('takes a failure and a cancellation for completed', async () => {
    await playAlone(function* () {
      const failing = createTask(failingLater(1, new Error('of the test')));
      const slow = createTask(lasting(9, 'slow'));
      const { done } = yield wait([slow, failing], { returnWhen: 'FIRST_COMPLETED' });
      expect(done).toEqual(new Set([failing]));
      const cancelled = createTask(lasting(HOUR, 'never'));
      const waiting = wait([slow, cancelled], { returnWhen: 'FIRST_COMPLETED' });
      cancelled.cancel();
      expect((yield waiting).done).toEqual(new Set([cancelled]));
      expect(slow.done()).toBe(false);
    });
  });

  it('waits for the first exception where that is asked for, which a cancellation is not', async () => {
    await playAlone(function* () {
      const cancelled = createTask(lasting(HOUR, 'never'));
      const fast = createTask(lasting(1, 'fast'));
      const failing = createTask(failingLater(9, new Error('of the test')));
      const slow = createTask(lasting(20, 'slow'));
      const waiting = wait([cancelled, slow, failing, fast], { returnWhen: 'FIRST_EXCEPTION' });
      yield* iterations(2);
      cancelled.cancel();
      yield* iterations(3);
      expect(cancelled.cancelled()).toBe(true);
      expect(waiting.done()).toBe(false);
      const { done, pending } = yield waiting;
      expect(done).toEqual(new Set([cancelled, failing, fast]));
      expect(pending).toEqual(new Set([slow]));
    });
  });

  it('waits for all where there is no exception', async () => {
    await playAlone(function* () {
      const tasks = [createTask(lasting(1, 'fast')), createTask(lasting(5, 'slow'))];
      const { done, pending } = yield wait(tasks, { returnWhen: 'FIRST_EXCEPTION' });
      expect([done.size, pending.size]).toEqual([2, 0]);
    });
  });

  it.each(['FIRST_COMPLETED', 'FIRST_EXCEPTION', 'ALL_COMPLETED'] as const)(
    'gives what was done before, all of it: %s',
    async (returnWhen) => {
      const reactor = openReactor();
      await playTask(reactor, BLOCKING, function* () {
        const [failed, result, pending] = [1, 2, 3].map(() => reactor.createFuture<string>());
        failed?.setException(new Error('of the test'));
        result?.setResult('result');
        const futures = [failed, result, pending].filter((future) => future !== undefined);
        if (returnWhen === 'ALL_COMPLETED') futures.pop();
        const sets = yield wait(futures, { returnWhen });
        expect(sets.done).toEqual(new Set([failed, result]));
        expect([...sets.pending]).toEqual(futures.slice(2));
      });
    },
  );

  it('gives what is done in the moment in which it is told, also what was not the first', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const [first, second, third] = [
        reactor.createFuture<string>(),
        reactor.createFuture<string>(),
        reactor.createFuture<string>(),
      ];
      const waiting = wait([first, second, third], { returnWhen: 'FIRST_COMPLETED' });
      yield;
      third.setResult('third');
      first.setResult('first');
      const { done, pending } = yield waiting;
      expect(done).toEqual(new Set([first, third]));
      expect(pending).toEqual(new Set([second]));
    });
  });

  it('ends at its timeout, without an error, and cancels nothing', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const fast = createTask(lasting(1, 'fast'));
      const future = reactor.createFuture<string>();
      const slow = createTask(function* () {
        return yield* value(future);
      });
      yield fast;
      const begin = reactor.time();
      const { done, pending } = yield wait([fast, slow], { timeout: 5 });
      expect(reactor.time() - begin).toBeGreaterThanOrEqual(5);
      expect(done).toEqual(new Set([fast]));
      expect(pending).toEqual(new Set([slow]));
      expect(slow.state).toBe('running');
      future.setResult('slow');
      expect(yield slow).toBe('slow');
    });
  });

  it.each([0, -1])('looks only where the timeout is %d', async (timeout) => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const [done, pending] = [reactor.createFuture<string>(), reactor.createFuture<string>()];
      done.setResult('result');
      expect(yield wait([done, pending], { timeout })).toEqual({
        done: new Set([done]),
        pending: new Set([pending]),
      });
      expect(pending.done()).toBe(false);
    });
  });

  it('does not wait for its timeout where it has what it waits for', async () => {
    await playAlone(function* () {
      const task = createTask(lasting(2, 'result'));
      const { done } = yield wait(new Set([task]), { timeout: HOUR });
      expect(done).toEqual(new Set([task]));
    });
  });

  it('takes any iterable, and each future once', async () => {
    await playAlone(function* () {
      const tasks = [createTask(lasting(1, 'one')), createTask(lasting(2, 'two'))];
      const twice = function* () {
        yield* tasks;
        yield* tasks;
      };
      const { done } = yield wait(twice());
      expect([...done]).toEqual(tasks);
    });
  });

  it('leaves the futures alone when it is cancelled', async () => {
    await playAlone(function* () {
      const tasks = [createTask(lasting(9, 'one')), createTask(lasting(9, 'two'))];
      const waiting = wait(tasks, { timeout: HOUR });
      yield* iterations(2);
      expect(waiting.cancel('of the wait')).toBe(true);
      yield* ended(waiting);
      expect(outcome(waiting)).toBe('cancelled by CancelledError of the wait');
      expect(tasks.map(({ state }) => state)).toEqual(['running', 'running']);
      expect([yield tasks[0], yield tasks[1]]).toEqual(['one', 'two']);
    });
  });

  it('leaves the futures alone when the task is cancelled that waits', async () => {
    await playAlone(function* () {
      const inner = createTask(lasting(9, 'inner'));
      const outer = createTask(function* () {
        yield wait([inner]);
      });
      yield* iterations(3);
      outer.cancel('outer');
      yield* ended(outer);
      expect(outcome(outer)).toBe('cancelled by CancelledError outer');
      expect(inner.state).toBe('running');
      expect(yield inner).toBe('inner');
    });
  });

  it("refuses nothing, what is no future, and another reactor's future", async () => {
    const foreign = openReactor().createFuture<string>();
    await playAlone(function* () {
      const own = createTask(lasting(1, 'own'));
      const refused: unknown[] = [
        [],
        new Set(),
        [own, 7],
        [own, Promise.resolve()],
        [own, lasting(1, 'coroutine')],
        [own, foreign],
      ];
      for (const futures of refused) {
        const error = yield* thrownAt(() => wait(futures as never));
        expect(error instanceof TypeError || error instanceof RangeError).toBe(true);
      }
      expect(yield own).toBe('own');
    });
    expect(foreign.done()).toBe(false);
  });

  it.each(['ALL_COMPLETED', 'FIRST_EXCEPTION'] as const)(
    'asks each future a few times only: %s',
    async (returnWhen) => {
      let asked = 0;
      class Counting extends Future<number> {
        override done(): boolean {
          asked++;
          return super.done();
        }
      }
      const reactor = openReactor();
      await playTask(reactor, BLOCKING, function* () {
        const futures = Array.from({ length: 100 }, () => new Counting(reactor.futures));
        const waiting = wait(futures, { returnWhen });
        for (const future of futures) future.setResult(1);
        expect((yield waiting).done.size).toBe(100);
      });
      expect(asked).toBeLessThan(1_000);
    },
  );
});
