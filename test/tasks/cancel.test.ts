/** Cancelling tasks: what is thrown where, in which order, and what becomes of what they waited for. */
import { setTimeout as nodeSleep } from 'node:timers/promises';
import { CancelledError, Future, type Reactor } from 'iomux';
import {
  type Coroutine,
  createTask,
  currentTask,
  gather,
  shield,
  sleep,
  type Task,
  value,
  waitFor,
} from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { thrownBy } from '../support/expecting.js';
import { collected } from '../support/garbage.js';
import { describeReactors } from '../support/reactors.js';
import {
  BLOCKING,
  cleaning,
  deferred,
  ended,
  failing,
  HOSTED,
  HOUR,
  iterations,
  lasting,
  openReactor,
  outcome,
  playAlone,
  playTask,
  type Reported,
  thrownAt,
} from '../support/task-scenes.js';

describeReactors((setting, open) => {
  it('never begins where it is cancelled before', async () => {
    const reactor = open();
    let begun = false;
    await playTask(reactor, setting, function* () {
      // biome-ignore lint/correctness/useYield: it must not even begin.
      const task = createTask(function* (): Coroutine<void> {
        begun = true;
      });
      expect(task.cancel('too early')).toBe(true);
      expect(outcome(yield* ended(task))).toBe('cancelled by CancelledError too early');
      expect(task.state).toBe('cancelled');
    });
    expect(begun).toBe(false);
  });

  it('cancels what the task waits for, and throws a CancelledError at its yield', async () => {
    const reactor = open();
    await playTask(reactor, setting, function* () {
      let cancelled = 0;
      const awaited = new Future<void>(reactor.futures, () => cancelled++);
      const log: unknown[] = [];
      const task = createTask(function* () {
        try {
          yield awaited;
          log.push('went on');
        } catch (error) {
          log.push(error);
          throw error;
        } finally {
          log.push('finally');
        }
      });
      yield* iterations(2);
      expect(task.cancel('no longer wanted')).toBe(true);
      expect([awaited.cancelled(), cancelled]).toEqual([true, 1]);
      yield* ended(task);
      expect(log).toEqual([expect.any(CancelledError), 'finally']);
      expect(log[0]).toMatchObject({ message: 'no longer wanted', code: 'ERR_CANCELLED' });
      expect([task.state, task.done(), task.cancelled()]).toEqual(['cancelled', true, true]);
      expect(outcome(task)).toBe('cancelled by CancelledError no longer wanted');
      expect(cancelled).toBe(1);
    });
  });

  it('lets the task clean up, with yields as well', async () => {
    const reactor = open();
    const log: string[] = [];
    await playTask(reactor, setting, function* () {
      const task = createTask(function* () {
        try {
          yield sleep(HOUR);
        } finally {
          log.push('begins to clean');
          log.push(yield sleep(1, 'slept'));
          yield* iterations(2);
          log.push('is clean');
        }
      });
      yield;
      yield;
      task.cancel();
      yield;
      yield;
      expect(task.state).toBe('running');
      yield* ended(task);
      log.push(`is ${task.state}`);
    });
    expect(log).toEqual(['begins to clean', 'slept', 'is clean', 'is cancelled']);
  });

  it('is an error like others: the task may catch it and go on', async () => {
    const reactor = open();
    await playTask(reactor, setting, function* () {
      const task = createTask(function* () {
        const error = yield* thrownAt(() => sleep(HOUR));
        yield sleep(1);
        return error.message;
      });
      yield* iterations(2);
      expect(task.cancel('a hint')).toBe(true);
      expect(yield task).toBe('a hint');
      expect([task.state, task.cancelled(), task.cancel()]).toEqual(['done', false, false]);
    });
  });

  it('cancels the innermost of tasks that wait for one another first, and waits until it is clean', async () => {
    const reactor = open();
    const log: string[] = [];
    await playTask(reactor, setting, function* () {
      const nested = function* (depth: number): Coroutine<void> {
        if (depth === 0) return yield* cleaning(log, 'task 0');
        try {
          yield createTask(nested(depth - 1));
        } catch (error) {
          log.push(`task ${depth} gets ${(error as Error).message}`);
          throw error;
        } finally {
          yield;
          log.push(`task ${depth} is clean`);
        }
      };
      const task = createTask(nested(2));
      yield* iterations(5);
      expect(task.cancel('reason')).toBe(true);
      expect(task.done()).toBe(false);
      yield* ended(task);
      expect(task.state).toBe('cancelled');
    });
    expect(log).toEqual([
      'task 0 waits',
      'task 0 gets reason',
      'task 0 is clean',
      'task 1 gets reason',
      'task 1 is clean',
      'task 2 gets reason',
      'task 2 is clean',
    ]);
  });

  it('reaches a task that waits for a promise in the next iteration', async () => {
    const reactor = open();
    await playTask(reactor, setting, function* () {
      const log: string[] = [];
      const { promise, resolve } = deferred<string>();
      const task = createTask(function* () {
        try {
          log.push(yield promise);
        } catch (error) {
          log.push((error as Error).message);
          throw error;
        }
      });
      yield* iterations(2);
      expect(task.cancel('do not wait')).toBe(true);
      yield* iterations(3);
      expect(task.state).toBe('cancelled');
      resolve('too late');
      yield* iterations(3);
      expect(log).toEqual(['do not wait']);
    });
  });
});

describe('cancel()', () => {
  it('says false of what is done, and changes nothing', async () => {
    await playAlone(function* () {
      const task = createTask(function* () {
        yield;
        return 'result';
      });
      yield task;
      expect(task.cancel('late')).toBe(false);
      expect(outcome(task)).toBe('result result');
      expect(task.state).toBe('done');

      const cancelled = createTask(iterations(9));
      cancelled.cancel('first');
      yield* ended(cancelled);
      expect(cancelled.cancel('second')).toBe(false);
      expect(outcome(cancelled)).toBe('cancelled by CancelledError first');
    });
  });

  it('throws at a yield that waits for nothing but the next iteration', async () => {
    await playAlone(function* () {
      const log: string[] = [];
      const task = createTask(function* () {
        log.push('begun');
        yield;
        log.push('went on');
      });
      yield;
      expect(log).toEqual(['begun']);
      expect(task.cancel()).toBe(true);
      yield* ended(task);
      expect(log).toEqual(['begun']);
      expect(task.cancelled()).toBe(true);
    });
  });

  it('of a task that cancels itself is thrown at its next yield', async () => {
    await playAlone(function* () {
      const log: string[] = [];
      const task: Task<void> = createTask(function* () {
        expect(task.cancel('by itself')).toBe(true);
        log.push('goes on to the next yield');
        const error = yield* thrownAt(() => sleep(HOUR));
        log.push(error.message);
        yield* iterations(3);
        log.push('once');
      });
      yield task;
      expect(log).toEqual(['goes on to the next yield', 'by itself', 'once']);
      expect(task.state).toBe('done');
    });
  });

  it('of a task that cancels itself is thrown whatever it yields: done, failed or wrong', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const done = reactor.createFuture<void>();
      done.setResult();
      const failed = reactor.createFuture<void>();
      failed.setException(new Error('of the future'));
      for (const yielded of [undefined, done, failed, sleep(0), 7]) {
        const task: Task<string> = createTask(function* () {
          task.cancel('by itself');
          return (yield* thrownAt(() => yielded as PromiseLike<void>)).message;
        });
        expect(yield task).toBe('by itself');
      }
    });
  });

  it('ends a task that cancels itself and yields no more', async () => {
    await playAlone(function* () {
      const returning: Task<string> = createTask(function* () {
        yield;
        returning.cancel('by itself');
        return 'result';
      });
      yield* ended(returning);
      expect(outcome(returning)).toBe('cancelled by CancelledError by itself');
      expect(returning.state).toBe('cancelled');

      const throwing: Task<string> = createTask(function* () {
        yield;
        throwing.cancel('by itself');
        throw new Error('another one');
      });
      yield* ended(throwing);
      expect(outcome(throwing)).toBe('failed with Error another one');
      expect(throwing.state).toBe('done');
    });
  });

  it('may be repeated: each time a CancelledError is thrown, with its own reason', async () => {
    await playAlone(function* () {
      const log: string[] = [];
      const task = createTask(function* () {
        for (let round = 0; round < 3; round++) {
          log.push((yield* thrownAt(() => sleep(HOUR))).message);
        }
        return 'at last';
      });
      for (const reason of ['first', 'second', 'third']) {
        yield* iterations(3);
        expect(task.cancel(reason)).toBe(true);
      }
      expect(yield task).toBe('at last');
      expect(log).toEqual(['first', 'second', 'third']);
    });
  });

  it('twice before the task has heard of it is thrown once', async () => {
    await playAlone(function* () {
      let thrown = 0;
      const task = createTask(function* () {
        yield* thrownAt(() => sleep(HOUR));
        thrown++;
        yield* iterations(5);
        return 'result';
      });
      yield* iterations(2);
      expect([task.cancel('first'), task.cancel('second')]).toEqual([true, true]);
      expect(yield task).toBe('result');
      expect(thrown).toBe(1);
    });
  });

  it('interrupts a clean-up, too', async () => {
    await playAlone(function* () {
      const log: string[] = [];
      const task = createTask(cleaning(log, 'it', 1_000));
      yield* iterations(2);
      task.cancel('first');
      yield* iterations(3);
      task.cancel('second');
      yield* ended(task);
      expect(log).toEqual(['it waits', 'it gets first']);
      expect(outcome(task)).toBe('cancelled by CancelledError second');
    });
  });

  it('makes no difference to what was thrown in its place', async () => {
    await playAlone(function* () {
      const task = createTask(function* () {
        try {
          yield sleep(HOUR);
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: that is what this is about.
          throw new Error('of the clean-up');
        }
      });
      yield* iterations(2);
      task.cancel();
      yield* ended(task);
      expect(outcome(task)).toBe('failed with Error of the clean-up');
      expect(task.state).toBe('done');
    });
  });

  it('comes with the error of the clean-up of what the task waits for', async () => {
    await playAlone(function* () {
      const error = new Error('of the clean-up');
      const inner = createTask(function* () {
        try {
          yield sleep(HOUR);
        } finally {
          yield createTask(failing(error));
        }
      });
      const outer = createTask(function* () {
        const thrown = yield* thrownAt(() => inner);
        // Once: the cancellation does not come after it.
        yield* iterations(3);
        return thrown;
      });
      yield* iterations(3);
      outer.cancel('reason');
      const thrown = yield outer;
      expect(thrown).toBeInstanceOf(CancelledError);
      expect([thrown.message, thrown.cause]).toEqual(['reason', error]);
      expect(inner.exception()).toBe(error);
    });
  });

  it.each([
    ['waitFor()', (inner: Task<unknown>) => waitFor(inner, HOUR)],
    ['gather()', (inner: Task<unknown>) => gather([createTask(lasting(9, 'other')), inner])],
    ['gather() that takes errors', (inner: Task<unknown>) => gather([inner], { returnExceptions: true })],
    ['a task', (inner: Task<unknown>) => createTask(() => value(inner))],
  ])('comes with the error of the clean-up through %s', async (_, through) => {
    await playAlone(function* () {
      const error = new Error('of the clean-up');
      const inner = createTask(function* () {
        try {
          yield sleep(HOUR);
        } finally {
          yield createTask(failing(error));
        }
      });
      const outer = createTask(function* () {
        yield through(inner);
      });
      yield* iterations(4);
      outer.cancel('reason');
      const thrown = yield* thrownAt(() => outer);
      expect(outer.cancelled()).toBe(true);
      expect([thrown.message, thrown.cause]).toEqual(['reason', error]);
    });
  });

  it('that nobody looks at is reported with the error that came of it, and only with one', async () => {
    const reported: Reported[] = [];
    const reactor = openReactor(reported);
    const error = new Error('of the clean-up');
    await playTask(reactor, BLOCKING, function* () {
      const begin = (work: () => Coroutine<void>) => createTask(work);
      const cancelled = [
        begin(function* () {
          yield begin(function* () {
            try {
              yield sleep(HOUR);
            } finally {
              yield* failing(error);
            }
          });
        }),
        begin(function* () {
          yield sleep(HOUR);
        }),
      ];
      yield* iterations(3);
      for (const task of cancelled) task.cancel();
      yield* iterations(9);
    });
    await collected(() => reported.length > 0);
    expect(reported.map(([thrown]) => thrown)).toEqual([error]);
  });

  it('reaches each that waits for the cancelled task, but not what it did not wait for', async () => {
    await playAlone(function* () {
      const inner = createTask(cleaning([], 'inner'));
      const other = createTask(function* () {
        yield sleep(5);
        return 'went on';
      });
      const waiting = [1, 2].map(() =>
        createTask(function* () {
          yield inner;
        }),
      );
      yield* iterations(3);
      inner.cancel('of the inner one');
      for (const task of waiting) {
        yield* ended(task);
        expect(outcome(task)).toBe('cancelled by CancelledError of the inner one');
      }
      expect(yield other).toBe('went on');
    });
  });

  it('of a future that is awaited cancels a task that does not catch it', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const future = reactor.createFuture<void>();
      const passing = createTask(function* () {
        yield future;
      });
      const catching = createTask(function* () {
        return (yield* thrownAt(() => future)).message;
      });
      yield* iterations(2);
      future.cancel('of the future');
      expect(yield catching).toBe('of the future');
      yield* ended(passing);
      expect(outcome(passing)).toBe('cancelled by CancelledError of the future');
      expect([passing.state, catching.state]).toEqual(['cancelled', 'done']);
    });
  });

  it('of a task and of what it waits for in one iteration is thrown once', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      for (const first of ['task', 'future']) {
        const future = reactor.createFuture<void>();
        let thrown = 0;
        const task = createTask(function* () {
          expect(yield* thrownAt(() => future)).toBeInstanceOf(CancelledError);
          thrown++;
          yield* iterations(5);
        });
        yield* iterations(2);
        const both = [() => task.cancel(), () => future.cancel()];
        for (const cancel of first === 'task' ? both : both.reverse()) cancel();
        yield task;
        expect(thrown).toBe(1);
      }
    });
  });

  it('ends tasks that wait for each other', async () => {
    await playAlone(function* () {
      const log: string[] = [];
      const tasks: Task<void>[] = [0, 1].map((index) =>
        createTask(function* () {
          try {
            yield tasks[1 - index];
          } finally {
            log.push(`task ${index}`);
          }
        }),
      );
      yield* iterations(3);
      expect(tasks[0]?.cancel('no way out')).toBe(true);
      yield* iterations(10);
      expect(tasks.map(({ state }) => state)).toEqual(['cancelled', 'cancelled']);
      expect(log).toHaveLength(2);
    });
  });

  it('reaches a thousand tasks that wait for one another', async () => {
    const ends: number[] = [];
    await playAlone(function* () {
      const deep = function* (depth: number): Coroutine<void> {
        try {
          yield depth === 0 ? sleep(HOUR) : createTask(deep(depth - 1));
        } finally {
          ends.push(depth);
        }
      };
      const task = createTask(deep(999));
      yield* iterations(1_010);
      task.cancel('all of them');
      yield* ended(task);
      expect(outcome(task)).toBe('cancelled by CancelledError all of them');
    });
    expect(ends).toEqual(Array.from({ length: 1_000 }, (_, depth) => depth));
  });

  it('takes a string as its reason, or nothing', async () => {
    await playAlone(function* () {
      const task = createTask(iterations(3));
      for (const reason of [7, null, new Error('reason'), {}]) {
        expect(thrownBy(() => task.cancel(reason as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
      }
      yield task;
      expect(task.state).toBe('done');
    });
  });

  it('of what waits for a promise keeps nobody from hearing of the promise', async () => {
    const failing = deferred<string>();
    const reactor = openReactor();
    await playTask(reactor, HOSTED, function* () {
      const task = createTask(function* () {
        yield failing.promise;
      });
      yield* iterations(2);
      task.cancel();
      yield* ended(task);
      expect(task.state).toBe('cancelled');
      const other = createTask(function* () {
        return (yield* thrownAt(() => failing.promise)).message;
      });
      yield;
      failing.reject(new Error('for the other one'));
      expect(yield other).toBe('for the other one');
      yield nodeSleep(1);
    });
  });
});

describe('a result that is there, but not delivered when the task is cancelled,', () => {
  /** A future that says what came back to it. */
  function returning(reactor: Reactor): [future: Future<string>, returned: string[]] {
    const returned: string[] = [];
    return [new Future<string>(reactor.futures, null, (value) => returned.push(value)), returned];
  }

  it('goes back to where it came from', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const [future, returned] = returning(reactor);
      const task = createTask(function* () {
        yield future;
      });
      yield* iterations(2);
      future.setResult('the item');
      expect(task.cancel('too late')).toBe(true);
      yield* ended(task);
      expect(outcome(task)).toBe('cancelled by CancelledError too late');
      expect(returned).toEqual(['the item']);
      expect(future.cancelled()).toBe(true);
    });
  });

  it('goes back where it was there before the task asked', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const [future, returned] = returning(reactor);
      future.setResult('the item');
      const task = createTask(function* () {
        yield future;
      });
      yield;
      expect(task.state).toBe('running');
      expect(task.cancel()).toBe(true);
      yield* ended(task);
      expect(task.state).toBe('cancelled');
      expect(returned).toEqual(['the item']);
    });
  });

  it('stays where somebody else has it', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const [future, returned] = returning(reactor);
      const wait = function* (): Coroutine<string> {
        return yield future;
      };
      const [cancelled, other] = [createTask(wait), createTask(wait)];
      yield* iterations(2);
      future.setResult('the item');
      cancelled.cancel();
      yield* ended(cancelled);
      expect(cancelled.state).toBe('cancelled');
      expect(yield other).toBe('the item');
      expect(returned).toEqual([]);
    });
  });

  it('stays where another task came to wait when it was there already', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const [future, returned] = returning(reactor);
      const wait = function* (): Coroutine<string> {
        return yield future;
      };
      future.setResult('the item');
      const [cancelled, other] = [createTask(wait), createTask(wait)];
      yield;
      cancelled.cancel();
      expect(yield other).toBe('the item');
      expect(cancelled.state).toBe('cancelled');
      expect(returned).toEqual([]);
    });
  });

  it.each([
    ['waitFor()', (future: Future<string>) => waitFor(future, HOUR)],
    ['gather()', (future: Future<string>) => gather([future])],
    ['shield()', (future: Future<string>) => shield(future)],
  ])('does not go back where %s has delivered it', async (_, wrap) => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const [future, returned] = returning(reactor);
      const first = createTask(function* () {
        yield wrap(future);
        return 'has it';
      });
      yield* iterations(2);
      future.setResult('the item');
      expect(yield first).toBe('has it');
      const second = createTask(function* () {
        yield future;
      });
      yield;
      second.cancel();
      yield* ended(second);
      expect(second.state).toBe('cancelled');
      expect(returned).toEqual([]);
    });
  });

  it('does not go back by what passed it on where somebody has seen it', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const [future, returned] = returning(reactor);
      const waiting = waitFor(future, HOUR);
      future.setResult('the item');
      while (!waiting.done()) yield;
      expect(future.result()).toBe('the item');
      waiting.giveBack();
      expect(returned).toEqual([]);
    });
  });

  it('is never lost and never doubled, at whichever moment that is', async () => {
    const reactor = openReactor();
    for (let moment = 1; moment < 7; moment++) {
      await playTask(reactor, BLOCKING, function* () {
        const [future, returned] = returning(reactor);
        const received: string[] = [];
        const task = createTask(function* () {
          received.push(yield future);
          yield* iterations(10);
        });
        createTask(function* () {
          yield* iterations(3);
          if (!future.done()) future.setResult('the item');
        });
        yield* iterations(moment);
        task.cancel();
        yield* ended(task);
        yield* iterations(5);
        // Cancelled before, it never came.
        expect([...received, ...returned]).toEqual(moment < 4 ? [] : ['the item']);
        expect(task.cancelled()).toBe(true);
      });
    }
  });

  it('is no more than a cancellation where it is an error', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const future = reactor.createFuture<void>();
      const task = createTask(function* () {
        return (yield* thrownAt(() => future)).message;
      });
      yield* iterations(2);
      future.setException(new Error('of the future'));
      expect(task.cancel('of the task')).toBe(true);
      expect(yield task).toBe('of the task');
    });
  });

  it('is no obstacle to a task that goes on, and waits for something else', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const [future] = returning(reactor);
      const task = createTask(function* () {
        const log: unknown[] = [(yield* thrownAt(() => future)).message];
        log.push(yield sleep(1, 'slept'));
        log.push(currentTask()?.state);
        return log;
      });
      yield* iterations(2);
      future.setResult('the item');
      task.cancel('reason');
      expect(yield task).toEqual(['reason', 'slept', 'running']);
    });
  });
});
