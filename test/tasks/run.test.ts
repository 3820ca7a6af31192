/** run() and runBlocking(): programs that are one task. */
import { setImmediate as immediate, setTimeout as nodeSleep } from 'node:timers/promises';
import { CancelledError, type Reactor, StateError } from 'iomux';
import { allTasks, type Coroutine, createTask, currentTask, run, runBlocking, sleep } from 'iomux/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { thrownBy } from '../support/expecting.js';
import { runFixture } from '../support/processes.js';
import { describeReactors, runUntil } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { rejection } from '../support/rejections.js';
import {
  cleaning,
  failing,
  failingLater,
  HOUR,
  iterations,
  lasting,
  openReactor,
  outcome,
  thrownAt,
} from '../support/task-scenes.js';

/** The reactor of the task that is at work. */
function ownReactor(): Reactor {
  const task = currentTask();
  if (task === null) throw new Error('no task is at work');
  return task.reactor;
}

/** Takes the uncaught exceptions of the process until the test ends. */
function takeUncaught(): unknown[] {
  const taken: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => taken.push(error));
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  });
  return taken;
}

describeReactors((setting, open) => {
  it('runs a task to its end by runUntilComplete() or by run(), as any future', async () => {
    const reactor = open();
    const error = new Error('of the task');
    expect(await runUntil(reactor, setting, createTask(lasting(3, 'result'), { reactor }))).toBe('result');
    const failing = runUntil(reactor, setting, createTask(failingLater(3, error), { reactor }));
    await expect(failing).rejects.toBe(error);
    const cancelled = createTask(lasting(HOUR, 'never'), { reactor });
    reactor.callLater(1, () => cancelled.cancel('enough'));
    await expect(runUntil(reactor, setting, cancelled)).rejects.toBeInstanceOf(CancelledError);
    expect(allTasks(reactor).size).toBe(0);
  });
});

/** The same for both, as far as it is the same. */
describe.each([
  [
    'runBlocking()',
    <T>(work: () => Coroutine<T>) =>
      new Promise<T>((resolve, reject) => {
        setImmediate(() => {
          try {
            resolve(runBlocking(work));
          } catch (error) {
            reject(error);
          }
        });
      }),
  ],
  ['run()', <T>(work: () => Coroutine<T>) => run<T>(work)],
] as const)('%s', (_, runWork) => {
  it('gives what the work returns, and closes its reactor', async () => {
    let reactor: Reactor | null = null;
    const result = await runWork(function* () {
      reactor = ownReactor();
      expect(reactor.state).not.toBe('idle');
      yield sleep(1);
      return 'result';
    });
    expect(result).toBe('result');
    expect((reactor as Reactor | null)?.state).toBe('closed');
  });

  it('throws what the work throws, and closes its reactor', async () => {
    const error = new Error('of the work');
    let reactor: Reactor | null = null;
    const running = runWork(function* () {
      reactor = ownReactor();
      yield sleep(1);
      throw error;
    });
    await expect(running).rejects.toBe(error);
    expect((reactor as Reactor | null)?.state).toBe('closed');
  });

  it('is the current reactor for what is called in it', async () => {
    await runWork(function* () {
      const reactor = ownReactor();
      yield sleep(1);
      expect(sleep(0).reactor).toBe(reactor);
      expect(createTask(iterations(1)).reactor).toBe(reactor);
      expect(allTasks()).toEqual(allTasks(reactor));
    });
  });

  it('cancels the tasks that are left, and waits until they are clean', async () => {
    const log: string[] = [];
    await runWork(function* () {
      createTask(cleaning(log, 'a', 2));
      createTask(cleaning(log, 'b', 6));
      createTask(function* () {
        log.push(yield sleep(HOUR, 'must not come'));
      });
      yield;
    });
    expect(log.filter((entry) => entry.endsWith('is clean'))).toEqual(['a is clean', 'b is clean']);
    expect(log).toHaveLength(6);
  });

  it('cancels tasks that others begin while they clean up', async () => {
    const log: string[] = [];
    await runWork(function* () {
      createTask(function* () {
        try {
          yield sleep(HOUR);
        } finally {
          createTask(cleaning(log, 'late'));
          yield;
          yield;
        }
      });
      yield* iterations(3);
    });
    expect(log.at(-1)).toBe('late is clean');
  });

  it('does so also where the work fails', async () => {
    const log: string[] = [];
    const running = runWork(function* () {
      createTask(cleaning(log, 'a'));
      yield* iterations(3);
      throw new Error('of the work');
    });
    await expect(running).rejects.toThrow('of the work');
    expect(log.at(-1)).toBe('a is clean');
  });

  it('waits for promises', async () => {
    const result = await runWork(function* () {
      const error = yield* thrownAt(() => Promise.reject(new Error('of the promise')));
      return [yield Promise.resolve('result'), error.message];
    });
    expect(result).toEqual(['result', 'of the promise']);
  });

  it('fails with a CancelledError where the work cancels itself', async () => {
    const running = runWork(function* () {
      currentTask()?.cancel('by itself');
      yield sleep(HOUR);
    });
    await expect(running).rejects.toBeInstanceOf(CancelledError);
  });

  it('says so where the reactor is stopped from inside, and cleans up', async () => {
    const log: string[] = [];
    const running = runWork(function* () {
      createTask(cleaning(log, 'a'));
      yield* iterations(2);
      ownReactor().stop();
      yield sleep(HOUR);
    });
    expect(await rejection(() => running)).toBe('StateError ERR_INVALID_STATE');
    expect(log.at(-1)).toBe('a is clean');
  });

  it('cleans up to the end where the reactor is stopped in the moment in which the work is done', async () => {
    const log: string[] = [];
    const result = await runWork(function* () {
      createTask(cleaning(log, 'a', 20));
      yield* iterations(3);
      ownReactor().stop();
      return 'result';
    });
    expect(result).toBe('result');
    expect(log.at(-1)).toBe('a is clean');
  });

  it('reports the error with which the work cleans up after a stop, once', async () => {
    const reported = takeUncaught();
    const error = new Error('of the clean-up');
    const running = runWork(function* () {
      const inner = createTask(function* () {
        try {
          yield sleep(HOUR);
        } finally {
          yield* failing(error);
        }
      });
      yield* iterations(3);
      ownReactor().stop();
      yield inner;
    });
    expect(await rejection(() => running)).toBe('StateError ERR_INVALID_STATE');
    await nodeSleep(1);
    expect(reported).toEqual([error]);
  });

  it('reports the error of the work itself that comes after a stop', async () => {
    const reported = takeUncaught();
    const running = runWork(function* () {
      ownReactor().stop();
      try {
        yield sleep(HOUR);
      } finally {
        yield* failing('of the clean-up');
      }
    });
    expect(await rejection(() => running)).toBe('StateError ERR_INVALID_STATE');
    await nodeSleep(1);
    expect(reported).toEqual(['of the clean-up']);
  });
});

describe('runBlocking()', () => {
  it('runs in a promise reaction, where no promise moves', async () => {
    await null;
    const result = runBlocking(function* () {
      yield sleep(1);
      const standing = yield* thrownAt(() => Promise.resolve('never'));
      expect(standing).toBeInstanceOf(StateError);
      expect(standing.code).toBe('ERR_IN_MICROTASK');
      const task = createTask(async () => 'never');
      expect((yield* thrownAt(() => task)).code).toBe('ERR_IN_MICROTASK');
      return yield createTask(lasting(3, 'went on'));
    });
    expect(result).toBe('went on');
  });

  it('refuses an async function, which does not begin, and one that returns no generator', async () => {
    let begun = false;
    const work = async () => {
      begun = true;
    };
    expect(refusal(() => runBlocking(work as never))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    await immediate();
    expect(refusal(() => runBlocking(work as never))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    expect(begun).toBe(false);
    const other = () => Promise.reject(new Error('of nobody'));
    expect(refusal(() => runBlocking(other as never))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    await nodeSleep(1);
  });

  it('refuses to run inside of a blocking run, which goes on', async () => {
    await immediate();
    let begun = false;
    // biome-ignore lint/correctness/useYield: it must not even begin.
    const inner = function* (): Coroutine<void> {
      begun = true;
    };
    const result = runBlocking(function* () {
      expect(refusal(() => runBlocking(inner))).toBe('StateError ERR_RUNNING');
      yield sleep(1);
      return 'went on';
    });
    expect(result).toBe('went on');
    const reactor = openReactor();
    const refused: string[] = [];
    reactor.callSoon(() => {
      refused.push(refusal(() => runBlocking(inner)));
      reactor.stop();
    });
    reactor.runForever();
    expect(refused).toEqual(['StateError ERR_RUNNING']);
    expect(begun).toBe(false);
  });

  it('can run again, one after the other', () => {
    const results = [1, 2, 3].map((number) => runBlocking(() => lasting(number, number)));
    expect(results).toEqual([1, 2, 3]);
  });

  it('gives an error its own stack', () => {
    const failHere = function* (): Coroutine<void> {
      yield;
      throw new Error('of the work');
    };
    expect(thrownBy(() => runBlocking(failHere)).stack).toContain('failHere');
  });
});

describe('run()', () => {
  it('returns a promise, and runs beside Node', async () => {
    const order: string[] = [];
    const running = run(async () => {
      order.push('begins');
      await nodeSleep(3);
      order.push('slept in Node');
      await sleep(1);
      return 'result';
    });
    expect(running).toBeInstanceOf(Promise);
    expect(order).toEqual([]);
    expect(await running).toBe('result');
    expect(order).toEqual(['begins', 'slept in Node']);
  });

  it('gives an async function a signal, and cancels those that are left by theirs', async () => {
    const reasons: unknown[] = [];
    await run(async (signal) => {
      expect(signal).toBeInstanceOf(AbortSignal);
      createTask((inner) => {
        inner.addEventListener('abort', () => reasons.push(inner.reason));
        return sleep(HOUR, undefined, { signal: inner }).then();
      });
      await sleep(1);
      expect(signal.aborted).toBe(false);
    });
    expect(reasons).toEqual([expect.any(CancelledError)]);
  });

  it('keeps reactors apart that run at the same time, also after what Node has waited for', async () => {
    const work = async () => {
      const before = ownReactor();
      await nodeSleep(3);
      const during = [ownReactor(), sleep(0).reactor, createTask(async () => {}).reactor];
      await sleep(2);
      return { before, others: [...during, ownReactor(), sleep(0).reactor] };
    };
    const results = await Promise.all([run(work), run(work), run(work)]);
    for (const { before, others } of results) {
      for (const reactor of others) expect(reactor).toBe(before);
    }
    expect(new Set(results.map(({ before }) => before)).size).toBe(3);
  });

  it('keeps generators apart, too, in the async functions that they call', async () => {
    const helper = async () => {
      await nodeSleep(3);
      return [ownReactor(), sleep(0).reactor];
    };
    const work = function* (): Coroutine<unknown[]> {
      return [ownReactor(), ...(yield helper())];
    };
    const results = await Promise.all([run(work), run(work), run(work)]);
    for (const [own, ...others] of results) expect(others).toEqual([own, own]);
    expect(new Set(results.flat()).size).toBe(3);
  });

  it('runs inside of another', async () => {
    const result = await run(async () => {
      const outer = ownReactor();
      const inner = await run(function* () {
        yield sleep(1);
        return ownReactor();
      });
      expect(inner).not.toBe(outer);
      expect(ownReactor()).toBe(outer);
      expect(sleep(0).reactor).toBe(outer);
      return await sleep(1, 'went on');
    });
    expect(result).toBe('went on');
  });

  it('does not disturb a reactor that runs already', async () => {
    const reactor = openReactor();
    const task = createTask(
      function* () {
        yield sleep(5);
        return 'its own';
      },
      { reactor },
    );
    const running = reactor.run();
    expect(await run(() => lasting(3, 'the run'))).toBe('the run');
    expect(await task).toBe('its own');
    reactor.stop();
    await running;
    expect(outcome(task)).toBe('result its own');
  });
});

describe('a program of its own', () => {
  it.each([
    ['result', 'result 1,2\n'],
    ['sockets', 'answer hello\n'],
    ['promise', 'caught StateError ERR_IN_MICROTASK\nwent on\n'],
    ['async function', 'caught StateError ERR_IN_MICROTASK\nwent on\n'],
    ['leftover', 'is clean\nended\n'],
    ['hosted', 'from node:net\n'],
    ['hosted generator', 'slept,in Node\n'],
  ])('runs at the top level of an ES module, and ends: %s', async (program, stdout) => {
    expect(await runFixture('tasks-top-level.mjs', [program])).toEqual({
      code: 0,
      signal: null,
      stdout,
      stderr: '',
    });
  });

  it('ends with an error that nobody catches, as any program', async () => {
    const { code, stdout, stderr } = await runFixture('tasks-top-level.mjs', ['error']);
    expect([code, stdout]).toEqual([1, 'caught of the work\n']);
    expect(stderr).toContain('not caught');
  });
});
