/** asCompleted(): results as they come. */
import { Future } from 'iomux';
import { asCompleted, createTask, sleep, TimeoutError } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { play } from '../support/running.js';
import {
  BLOCKING,
  deferred,
  ended,
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

  it('loses no result where one of its futures is cancelled: the next gets it, and another comes', async () => {
    await playAlone(function* () {
      const seen: unknown[] = [];
      const tasks = [createTask(lasting(6, 'first')), createTask(lasting(12, 'second'))];
      for (const next of asCompleted(tasks)) {
        if (seen.length === 0) {
          next.cancel();
          seen.push('cancelled');
        } else {
          seen.push(yield next);
        }
      }
      expect(seen).toEqual(['cancelled', 'first', 'second']);
    });
  });

  it('loses no result where the task is cancelled that was to get it, and goes on', async () => {
    await playAlone(function* () {
      const first = createTask(lasting(3, 'first'));
      const task = createTask(function* () {
        const seen: unknown[] = [];
        for (const next of asCompleted([first, createTask(lasting(9, 'second'))])) {
          try {
            seen.push(yield next);
          } catch (error) {
            seen.push((error as Error).message);
          }
        }
        return seen;
      });
      while (!first.done()) yield;
      // It was passed on, and is not delivered.
      yield;
      task.cancel('cancelled');
      expect(yield task).toEqual(['cancelled', 'first', 'second']);
    });
  });

  it('gives back what can be given back, where the task is cancelled that was to get it', async () => {
    const reactor = openReactor();
    const ends = new Set<string>();
    for (let moment = 0; moment < 5; moment++) {
      await playTask(reactor, BLOCKING, function* () {
        const log: string[] = [];
        const future = new Future<string>(reactor.futures, null, (value) => log.push(`${value} is back`));
        future.setResult('the item');
        const [passed] = asCompleted([future]);
        const task = createTask(function* () {
          log.push(yield passed);
          yield* iterations(9);
        });
        while (passed?.done() === false) yield;
        yield* iterations(moment);
        task.cancel();
        yield* ended(task);
        yield* iterations(3);
        expect(log).toHaveLength(1);
        ends.add(log.join());
      });
    }
    expect(ends).toEqual(new Set(['the item is back', 'the item']));
  });

  it('takes nothing for late that is there when the time is over', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const [before, during] = [reactor.createFuture<string>(), reactor.createFuture<string>()];
      before.setResult('before');
      const [first] = asCompleted([before], { timeout: 0 });
      expect(yield first).toBe('before');
      // Due first, it lasts beyond the time.
      reactor.callLater(0, () => {
        const end = reactor.time() + 3;
        while (reactor.time() < end);
        during.setResult('during');
      });
      const [second] = asCompleted([during], { timeout: 1 });
      expect(yield second).toBe('during');
    });
  });
});
