/** Tasks: when they begin, what a generator may yield and what it then gets, and how they end. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as nodeSleep } from 'node:timers/promises';
import { Future, Reactor, StateError } from 'iomux';
import { type Coroutine, createTask, sleep, Task, value } from 'iomux/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { collected } from '../support/garbage.js';
import { describeReactors, run } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { runFor } from '../support/running.js';
import {
  BLOCKING,
  failing,
  iterations,
  lasting,
  openReactor,
  outcome,
  playAlone,
  playTask,
  type Reported,
  thenable,
  thrownAt,
} from '../support/task-scenes.js';

const INVALID_STATE = 'StateError ERR_INVALID_STATE';

describeReactors((setting, open) => {
  it('begins in the next iteration, and is done with what the generator returns', async () => {
    const reactor = open();
    const states: string[] = [];
    const task: Task<number> = createTask(
      function* () {
        states.push(task.state);
        yield;
        states.push(task.state);
        return 7;
      },
      { reactor },
    );
    expect(task.state).toBe('pending');
    expect(task.done()).toBe(false);
    task.addDoneCallback((done) => {
      expect(done).toBe(task);
      reactor.stop();
    });
    expect(states).toEqual([]);
    await run(reactor, setting);
    expect(states).toEqual(['running', 'running']);
    expect([task.state, task.done(), task.cancelled(), task.result()]).toEqual(['done', true, false, 7]);
  });

  it('takes one step in each iteration in which something woke it, in the order of creation', async () => {
    const log: string[] = [];
    await playTask(open(), setting, function* () {
      const steps = function* (name: string): Coroutine<void> {
        for (let step = 1; step <= 3; step++) {
          log.push(`${name}${step}`);
          yield;
        }
      };
      const tasks = [createTask(steps('a')), createTask(steps('b')), createTask(steps('c'))];
      log.push('created');
      for (const task of tasks) yield task;
    });
    expect(log).toEqual(['created', 'a1', 'b1', 'c1', 'a2', 'b2', 'c2', 'a3', 'b3', 'c3']);
  });

  it('goes on with the result of what it yields: a future, a promise, a task, another thenable', async () => {
    const reactor = open();
    const results = await playTask(reactor, setting, function* () {
      const future = reactor.createFuture<string>();
      reactor.callLater(1, () => future.setResult('of the future'));
      return [
        yield future,
        yield Promise.resolve('of the promise'),
        yield createTask(function* () {
          yield;
          return 'of the task';
        }),
        yield thenable((fulfil) => fulfil('of the thenable')),
        yield undefined,
      ];
    });
    expect(results).toEqual(['of the future', 'of the promise', 'of the task', 'of the thenable', undefined]);
  });

  it('gets the error of what it yields thrown, may catch it and go on', async () => {
    const reactor = open();
    const errors = ['future', 'promise', 'task', 'thenable'].map((name) => new Error(`of the ${name}`));
    const caught = await playTask(reactor, setting, function* () {
      const future = reactor.createFuture();
      reactor.callSoon(() => future.setException(errors[0]));
      return [
        yield* thrownAt(() => future),
        yield* thrownAt(() => Promise.reject(errors[1])),
        yield* thrownAt(() => createTask(failing(errors[2]))),
        yield* thrownAt(() => thenable((_, reject) => reject(errors[3]))),
      ];
    });
    expect(caught).toEqual(errors);
    for (const [index, error] of caught.entries()) expect(error).toBe(errors[index]);
  });

  it('fails with what the generator throws', async () => {
    const error = new Error('of the generator');
    const reactor = open();
    const task = createTask(
      function* () {
        yield;
        throw error;
      },
      { reactor },
    );
    task.addDoneCallback(() => reactor.stop());
    await run(reactor, setting);
    expect([task.state, task.cancelled()]).toEqual(['done', false]);
    expect(task.exception()).toBe(error);
    await expect((async () => task)()).rejects.toBe(error);
  });

  it('goes on in the next iteration where what it yields is done already', async () => {
    const reactor = open();
    const log = await playTask(reactor, setting, function* () {
      const log: string[] = [];
      const done = reactor.createFuture<string>();
      done.setResult('result');
      const waiting = createTask(function* () {
        log.push('yields');
        log.push(yield done);
        log.push(yield done);
      });
      const counting = createTask(function* () {
        for (let count = 1; count <= 3; count++) {
          log.push(`iteration ${count}`);
          yield;
        }
      });
      yield waiting;
      yield counting;
      return log;
    });
    expect(log).toEqual(['yields', 'iteration 1', 'result', 'iteration 2', 'result', 'iteration 3']);
  });

  it('leaves what is wrong to the generator: an error at the yield, after which it goes on', async () => {
    const reactor = open();
    const wrong: readonly unknown[] = [
      7,
      'text',
      null,
      true,
      1n,
      Symbol('it'),
      {},
      [],
      () => {},
      Object.fromEntries([['then', 7]]),
    ];
    const caught = await playTask(reactor, setting, function* () {
      const errors: unknown[] = [];
      for (const thing of wrong) {
        errors.push(yield* thrownAt(() => thing as PromiseLike<void>));
      }
      expect(yield Promise.resolve('and goes on')).toBe('and goes on');
      return errors;
    });
    for (const error of caught) expect(error).toBeInstanceOf(TypeError);
    expect(caught).toHaveLength(wrong.length);
  });

  it('keeps the asynchronous context in which it was created', async () => {
    const storage = new AsyncLocalStorage<string>();
    const reactor = open();
    const seen = await playTask(reactor, setting, function* () {
      const future = reactor.createFuture<void>();
      const look = function* (): Coroutine<(string | undefined)[]> {
        const stores = [storage.getStore()];
        yield;
        stores.push(storage.getStore());
        yield future;
        stores.push(storage.getStore());
        yield Promise.resolve();
        stores.push(storage.getStore());
        yield sleep(1);
        stores.push(storage.getStore());
        return stores;
      };
      const tasks = ['first', 'second'].map((name) => storage.run(name, () => createTask(look)));
      const third = createTask(look);
      yield* iterations(3);
      storage.run('of the result', () => future.setResult());
      return [yield tasks[0], yield tasks[1], yield third];
    });
    expect(seen).toEqual(['first', 'second', undefined].map((name) => Array(5).fill(name)));
  });
});

describe('a Task', () => {
  it('is a Future of its reactor, with the name that was given or one of its own', () => {
    const reactor = openReactor();
    const tasks = [
      createTask(iterations(1), { reactor, name: 'the name' }),
      createTask(() => iterations(1), { reactor }),
      createTask(async () => {}, { reactor }),
    ];
    for (const task of tasks) {
      expect(task).toBeInstanceOf(Task);
      expect(task).toBeInstanceOf(Future);
      expect(task.reactor).toBe(reactor);
    }
    const [given, ...made] = tasks.map(({ name }) => name);
    expect(given).toBe('the name');
    for (const name of made) expect(name).toMatch(/^Task-\d+$/);
    expect(made[0]).not.toBe(made[1]);
  });

  it('takes no result and no exception from others, whatever its state', async () => {
    const reactor = openReactor();
    const refused = (task: Task<unknown>) => [
      refusal(() => Reflect.apply(task.setResult, task, [1])),
      refusal(() => Reflect.apply(task.setException, task, [new Error('from outside')])),
    ];
    await playTask(reactor, BLOCKING, function* () {
      const task = createTask(function* () {
        yield* iterations(3);
        return 'its own';
      });
      expect(refused(task)).toEqual([INVALID_STATE, INVALID_STATE]);
      yield* iterations(2);
      expect(task.state).toBe('running');
      expect(refused(task)).toEqual([INVALID_STATE, INVALID_STATE]);
      expect(yield task).toBe('its own');
      expect(refused(task)).toEqual([INVALID_STATE, INVALID_STATE]);
      expect(outcome(task)).toBe('result its own');
    });
  });

  it('says that it is not done when it is asked for its result', () => {
    const task = createTask(iterations(1), { reactor: openReactor() });
    expect(refusal(() => task.result())).toBe(INVALID_STATE);
    expect(refusal(() => task.exception())).toBe(INVALID_STATE);
    expect(task.state).toBe('pending');
  });

  it('belongs to the reactor that runs, where none is named', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const task = createTask(iterations(1));
      expect(task.reactor).toBe(reactor);
      yield task;
    });
  });

  it('may be awaited by many, each of which gets its result', async () => {
    const results = await playAlone(function* () {
      const inner = createTask(function* () {
        yield* iterations(2);
        return { its: 'result' };
      });
      const wait = function* (): Coroutine<unknown> {
        return yield inner;
      };
      const outer = [createTask(wait), createTask(wait), createTask(wait)];
      const results: unknown[] = [];
      for (const task of outer) results.push(yield task);
      return [inner.result(), ...results];
    });
    expect(results).toHaveLength(4);
    expect(new Set(results).size).toBe(1);
  });

  it('runs many tasks beside one another', async () => {
    const COUNT = 2_000;
    const total = await playAlone(function* () {
      const tasks = Array.from({ length: COUNT }, (_, index) =>
        createTask(function* () {
          yield* iterations(index % 5);
          return 1;
        }),
      );
      let sum = 0;
      for (const task of tasks) sum += yield* value(task);
      return sum;
    });
    expect(total).toBe(COUNT);
  });

  it('awaits tasks that await tasks, a thousand deep', async () => {
    const deep = function* (depth: number): Coroutine<number> {
      return depth === 0 ? 0 : 1 + (yield createTask(deep(depth - 1)));
    };
    expect(await playAlone(() => deep(1_000))).toBe(1_000);
  });
});

describe('a generator', () => {
  it('delegates to others with yield*, results and errors included', async () => {
    const inner = function* (fails: boolean): Coroutine<string> {
      yield sleep(0);
      if (fails) throw new Error('of the inner one');
      return 'of the inner one';
    };
    const both = await playAlone(function* () {
      const result = yield* inner(false);
      try {
        yield* inner(true);
      } catch (error) {
        return [result, (error as Error).message];
      }
      return [];
    });
    expect(both).toEqual(['of the inner one', 'of the inner one']);
  });

  it('gets the result of value(): of a future, a promise, and of what is no awaitable', async () => {
    const reactor = openReactor();
    const future = reactor.createFuture<number>();
    future.setResult(1);
    const error = new Error('of the promise');
    await playTask(reactor, BLOCKING, function* () {
      expect(yield* value(future)).toBe(1);
      expect(yield* value(Promise.resolve('two'))).toBe('two');
      expect(yield* value(3)).toBe(3);
      expect(yield* value(undefined)).toBeUndefined();
      try {
        yield* value(Promise.reject<number>(error));
        expect.unreachable();
      } catch (caught) {
        expect(caught).toBe(error);
      }
    });
  });

  it.each([['text'], [undefined], [null], [0], [{ not: 'an Error' }]])(
    'gets and throws errors of any kind: %s',
    async (thrown) => {
      const reactor = openReactor();
      await playTask(reactor, BLOCKING, function* () {
        const task = createTask(failing(thrown));
        let caught: unknown[] = [];
        try {
          yield task;
        } catch (error) {
          caught = [error];
        }
        expect(caught).toEqual([thrown]);
        expect(task.exception()).toBe(thrown);
      });
    },
  );

  it('fails where it does not catch the error of a wrong yield', async () => {
    await playAlone(function* () {
      let cleaned = false;
      const task = createTask(function* () {
        try {
          yield 7 as never;
        } finally {
          cleaned = true;
        }
      });
      expect(yield* thrownAt(() => task)).toBeInstanceOf(TypeError);
      expect(cleaned).toBe(true);
      expect([task.state, task.cancelled()]).toEqual(['done', false]);
    });
  });

  it('hears of yield* where it yields a generator', async () => {
    await playAlone(function* () {
      let begun = false;
      // biome-ignore lint/correctness/useYield: it must not even begin.
      const inner = function* (): Coroutine<void> {
        begun = true;
      };
      const error = yield* thrownAt(() => inner() as never);
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toContain('yield*');
      expect(begun).toBe(false);
    });
  });

  it('has a generator of its own: a second task of it is refused', async () => {
    await playAlone(function* () {
      const coroutine = lasting(3, 'result');
      const task = createTask(coroutine);
      expect(refusal(() => createTask(coroutine))).toBe('StateError ERR_INVALID_STATE');
      expect(yield task).toBe('result');
      expect(refusal(() => createTask(coroutine))).toBe('StateError ERR_INVALID_STATE');
    });
  });

  it('cannot wait for itself', async () => {
    await playAlone(function* () {
      const task: Task<unknown> = createTask(function* (): Coroutine<unknown> {
        return yield* thrownAt(() => task);
      });
      const error = yield task;
      expect(error instanceof TypeError || error instanceof StateError).toBe(true);
    });
  });

  it("cannot wait for another reactor's future, which stays as it is", async () => {
    const other = new Reactor();
    onTestFinished(() => other.close());
    const foreign = other.createFuture<string>();
    await playAlone(function* () {
      expect(yield* thrownAt(() => foreign)).toBeInstanceOf(TypeError);
    });
    expect(foreign.done()).toBe(false);
    expect(foreign.setResult('free')).toBeUndefined();
  });

  it('gets thrown what the then() of a thenable throws', async () => {
    const error = new Error('of then()');
    await playAlone(function* () {
      expect(
        yield* thrownAt(() =>
          thenable(() => {
            throw error;
          }),
        ),
      ).toBe(error);
      yield;
    });
  });

  it('goes on once, whatever a thenable calls and how often', async () => {
    const log = await playAlone(function* () {
      const log: unknown[] = [];
      log.push(
        yield thenable<string>((fulfil, reject) => {
          fulfil('first');
          fulfil('second');
          reject(new Error('third'));
        }),
      );
      log.push(yield sleep(1, 'slept'));
      return log;
    });
    expect(log).toEqual(['first', 'slept']);
  });

  it('is asked for nothing once it has returned', async () => {
    const calls: string[] = [];
    const coroutine = iterations(2);
    const { next, return: end } = coroutine;
    coroutine.next = (...args) => {
      calls.push('next');
      return next.apply(coroutine, args);
    };
    coroutine.return = (result) => {
      calls.push('return');
      return end.call(coroutine, result);
    };
    await playAlone(() => coroutine);
    await nodeSleep(1);
    expect(calls).toEqual(['next', 'next', 'next']);
  });
});

describe('the exception of a task at which nobody looks', () => {
  it('is reported once, with the name of the task', async () => {
    const reported: Reported[] = [];
    const reactor = openReactor(reported);
    (() => createTask(failing(new Error('unseen')), { reactor, name: 'the forgotten one' }))();
    await runFor(reactor, BLOCKING, 1);
    await collected(() => reported.length > 0);
    expect(reported).toEqual([
      [new Error('unseen'), { source: 'task', message: expect.stringContaining('the forgotten one') }],
    ]);
  });

  it('is not reported where somebody looks, or the task was cancelled', async () => {
    const reported: Reported[] = [];
    const reactor = openReactor(reported);
    await playTask(reactor, BLOCKING, function* () {
      yield* thrownAt(() => createTask(failing(new Error('awaited'))));
      createTask(failing(new Error('called back'))).addDoneCallback(() => {});
      const asked = createTask(failing(new Error('asked')));
      yield* iterations(3);
      asked.exception();
      const cancelled = createTask(function* () {
        yield sleep(1_000);
      });
      yield;
      cancelled.cancel();
      yield* iterations(3);
      createTask(failing(new Error('the probe')));
    });
    await runFor(reactor, BLOCKING, 1);
    await collected(() => reported.length > 0);
    expect(reported.map(([error]) => (error as Error).message)).toEqual(['the probe']);
  });

  it('stops neither the reactor nor other tasks', async () => {
    const reported: Reported[] = [];
    const result = await playTask(openReactor(reported), BLOCKING, function* () {
      createTask(failing(new Error('unseen')));
      yield* iterations(5);
      return 'went on';
    });
    expect(result).toBe('went on');
  });
});
