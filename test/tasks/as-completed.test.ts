/** asCompleted(): results as they come. */
import { asCompleted, createTask, sleep, TimeoutError } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { play } from '../support/running.js';
import {
  BLOCKING,
  deferred,
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

describe('asCompleted()', () => {
  it('gives a future for each, done in the order of completion', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const future = reactor.createFuture<string>();
      const { promise, resolve } = deferred<string>();
      const futures = [
        ...asCompleted<string>([
          future,
          promise,
          createTask(lasting(5, 'second')),
          createTask(lasting(2, 'first')),
        ]),
      ];
      expect(futures).toHaveLength(4);
      const results = [yield futures[0], yield futures[1]];
      resolve('third');
      results.push(yield futures[2]);
      future.setResult('last');
      results.push(yield futures[3]);
      expect(results).toEqual(['first', 'second', 'third', 'last']);
    });
  });

  it('can be waited for as it is iterated', async () => {
    await playAlone(function* () {
      const results: unknown[] = [];
      for (const next of asCompleted([5, 1, 3].map((count) => createTask(lasting(count, count))))) {
        results.push(yield next);
      }
      expect(results).toEqual([1, 3, 5]);
    });
  });

  it('gives one future for what is there twice, none for nothing', async () => {
    await playAlone(function* () {
      const task = createTask(lasting(2, 'result'));
      const futures = [...asCompleted([task, task])];
      expect(futures).toHaveLength(1);
      expect(yield futures[0]).toBe('result');
      expect([...asCompleted([])]).toEqual([]);
    });
  });

  it('gives what is done already first', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const [pending, done] = [reactor.createFuture<string>(), reactor.createFuture<string>()];
      done.setResult('done');
      const [first, second] = asCompleted([pending, done]);
      expect(yield first).toBe('done');
      expect(second?.done()).toBe(false);
      pending.setResult('pending');
      expect(yield second).toBe('pending');
    });
  });

  it('fails where what it stands for fails, and only there', async () => {
    await playAlone(function* () {
      const error = new Error('of the task');
      const futures = [
        ...asCompleted([
          createTask(lasting(5, 'last')),
          createTask(failingLater(3, error)),
          createTask(lasting(1, 'first')),
        ]),
      ];
      expect(yield futures[0]).toBe('first');
      expect(yield* thrownAt(() => futures[1] as PromiseLike<string>)).toBe(error);
      expect(yield futures[2]).toBe('last');
    });
  });

  it('fails with a TimeoutError for each that is not there in time, and leaves them alone', async () => {
    await playAlone(function* () {
      const late = [createTask(lasting(HOUR, 1)), createTask(lasting(HOUR, 2))];
      const done = createTask(lasting(1, 3));
      yield done;
      const futures = [...asCompleted([...late, done], { timeout: 5 })];
      expect(futures).toHaveLength(3);
      expect(yield futures[0]).toBe(3);
      for (const future of futures.slice(1)) {
        const error = yield* thrownAt(() => future);
        expect(error).toBeInstanceOf(TimeoutError);
      }
      expect(late.map(({ state }) => state)).toEqual(['running', 'running']);
      for (const task of late) task.cancel();
      yield* iterations(3);
    });
  });

  it('ends a cancelled one as cancelled', async () => {
    await playAlone(function* () {
      const task = createTask(lasting(HOUR, 'never'));
      const [future] = asCompleted([task]);
      yield* iterations(2);
      task.cancel('of the task');
      yield* iterations(4);
      expect(future !== undefined && outcome(future)).toMatch(/CancelledError of the task$/);
    });
  });

  it('gives results to for await', async () => {
    const reactor = openReactor();
    const results = await play(reactor, HOSTED, async () => {
      const results: unknown[] = [];
      const { promise, resolve } = deferred<string>();
      const task = createTask(
        async () => {
          await sleep(1);
          return 'of the task';
        },
        { reactor },
      );
      for await (const result of asCompleted([promise, task, Promise.resolve('of a promise')])) {
        if (results.push(result) === 2) resolve('at last');
      }
      return results;
    });
    expect(results).toEqual(['of a promise', 'of the task', 'at last']);
  });

  it('throws in for await what fails', async () => {
    const reactor = openReactor();
    await play(reactor, HOSTED, async () => {
      const results: unknown[] = [];
      const error = new Error('of the task');
      const tasks = [
        createTask(lasting(1, 'first'), { reactor }),
        createTask(failingLater(4, error), { reactor }),
        createTask(lasting(9, 'last'), { reactor }),
      ];
      try {
        for await (const result of asCompleted(tasks)) results.push(result);
        expect.unreachable();
      } catch (thrown) {
        expect(thrown).toBe(error);
      }
      expect(results).toEqual(['first']);
      expect(await tasks[2]).toBe('last');
    });
  });
});
