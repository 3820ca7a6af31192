/** Which task is at work, and which there are. */
import { setTimeout as nodeSleep } from 'node:timers/promises';
import type { Future } from 'iomux';
import { allTasks, type Coroutine, createTask, currentTask, sleep, type Task } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { collected } from '../support/garbage.js';
import { descriptorCount } from '../support/leaks.js';
import { describeReactors } from '../support/reactors.js';
import { runFor } from '../support/running.js';
import {
  BLOCKING,
  ended,
  HOSTED,
  HOUR,
  iterations,
  openReactor,
  playAlone,
  playTask,
  thrownAt,
} from '../support/task-scenes.js';

describeReactors((setting, open) => {
  it('is itself in each step of a task, however they take turns, and none outside', async () => {
    const reactor = open();
    const outside: unknown[] = [currentTask()];
    const look = () => outside.push(currentTask());
    reactor.callSoon(look);
    reactor.callLater(1, look);
    const counting = () => {
      look();
      if (outside.length < 8) reactor.callSoon(counting);
    };
    reactor.callSoon(counting);
    await playTask(reactor, setting, function* () {
      const steps = function* (): Coroutine<unknown[]> {
        const seen: unknown[] = [currentTask()];
        for (let step = 0; step < 3; step++) {
          yield;
          seen.push(currentTask());
        }
        yield sleep(1);
        seen.push(currentTask());
        yield* thrownAt(() => 7 as never);
        seen.push(currentTask());
        return seen;
      };
      const self = currentTask();
      const tasks = [createTask(steps), createTask(steps), createTask(steps())];
      expect(currentTask()).toBe(self);
      for (const task of tasks) {
        const seen = yield task;
        expect(seen).toHaveLength(6);
        for (const current of seen) expect(current).toBe(task);
        expect(currentTask()).toBe(self);
      }
      expect(self?.name).toBe('scene');
    });
    outside.push(currentTask());
    for (const current of outside) expect(current).toBeNull();
  });
});

describe('currentTask()', () => {
  it.each([HOSTED, BLOCKING])('is right after each await of async functions: $mode', async (setting) => {
    await playTask(openReactor(), setting, function* () {
      const steps = async (): Promise<unknown[]> => {
        const seen: unknown[] = [currentTask()];
        for (let step = 0; step < 3; step++) {
          await null;
          seen.push(currentTask());
          await sleep(1);
          seen.push(currentTask());
        }
        return seen;
      };
      const tasks = [createTask(steps), createTask(steps)];
      const self = currentTask();
      for (const task of tasks) {
        const seen = yield task;
        expect(seen).toHaveLength(7);
        for (const current of seen) expect(current).toBe(task);
        expect(currentTask()).toBe(self);
      }
    });
  });

  it("is right after an await of Node's own promises", async () => {
    await playTask(openReactor(), HOSTED, function* () {
      const task: Task<unknown> = createTask(async () => {
        await nodeSleep(2);
        return [currentTask()];
      });
      expect((yield task)[0]).toBe(task);
    });
  });

  it('is the one that was created, not its creator', async () => {
    await playAlone(function* () {
      const outer = currentTask();
      const inner: Task<unknown> = createTask(function* () {
        yield;
        return currentTask();
      });
      expect(yield inner).toBe(inner);
      expect(currentTask()).toBe(outer);
    });
  });

  it('is right in an async function that the task of a generator calls, whoever created it', async () => {
    await playTask(openReactor(), HOSTED, function* () {
      const creator = createTask(async () => {
        const helper = async () => {
          const before = currentTask();
          await nodeSleep(1);
          return [before, currentTask()];
        };
        const child = createTask(function* (): Coroutine<unknown[]> {
          return yield helper();
        });
        const seen = await child;
        return seen.every((current) => current === child);
      });
      expect(yield creator).toBe(true);
    });
  });

  it('is right while a task cleans up', async () => {
    await playAlone(function* () {
      const seen: unknown[] = [];
      const task = createTask(function* () {
        try {
          yield sleep(HOUR);
        } finally {
          seen.push(currentTask());
          yield;
          seen.push(currentTask());
        }
      });
      yield* iterations(2);
      task.cancel();
      yield* ended(task);
      expect(seen).toHaveLength(2);
      for (const current of seen) expect(current).toBe(task);
    });
  });

  it('is none in the promise reactions of others', async () => {
    const reactor = openReactor();
    const future = reactor.createFuture<void>();
    const seen = future.then(() => currentTask());
    await playTask(reactor, HOSTED, function* () {
      future.setResult();
      yield* iterations(3);
    });
    expect(await seen).toBeNull();
  });
});

describe('allTasks()', () => {
  it('are none, and nothing is opened, where no reactor is there', async () => {
    const before = descriptorCount();
    expect(allTasks().size).toBe(0);
    expect(descriptorCount()).toBe(before);
  });

  it('are those of a reactor that are not done', async () => {
    const [reactor, other] = [openReactor(), openReactor()];
    const elsewhere = createTask(iterations(1), { reactor: other });
    expect([...allTasks(other)]).toEqual([elsewhere]);
    expect(allTasks(reactor).size).toBe(0);
    await playTask(reactor, BLOCKING, function* () {
      const self = currentTask();
      const waiting = createTask(function* () {
        yield sleep(HOUR);
      });
      const short = createTask(iterations(1));
      const failing = createTask(function* () {
        yield;
        throw new Error('of the test');
      });
      expect(new Set(allTasks())).toEqual(new Set([self, waiting, short, failing]));
      expect(new Set(allTasks(reactor))).toEqual(allTasks());
      yield* thrownAt(() => failing);
      yield short;
      expect(new Set(allTasks())).toEqual(new Set([self, waiting]));
      waiting.cancel();
      expect(allTasks().has(waiting)).toBe(true);
      yield* ended(waiting);
      expect([...allTasks()]).toEqual([self]);
    });
    expect(allTasks(reactor).size).toBe(0);
    expect([...allTasks(other)]).toEqual([elsewhere]);
    await runFor(other, BLOCKING, 1);
    expect(allTasks(other).size).toBe(0);
  });

  it('are as they were when they were asked for', async () => {
    await playAlone(function* () {
      const before = allTasks();
      const task = createTask(iterations(2));
      const during = allTasks();
      yield task;
      expect([before.has(task), during.has(task), allTasks().has(task)]).toEqual([false, true, false]);
    });
  });

  it('include tasks that nobody holds: the reactor does', async () => {
    const reactor = openReactor();
    const log: string[] = [];
    let awaited: WeakRef<Future<string>> | null = null;
    // In a frame of its own, which holds nothing afterwards.
    (() => {
      createTask(
        function* () {
          const future = reactor.createFuture<string>();
          awaited = new WeakRef(future);
          try {
            log.push(yield future);
          } finally {
            log.push('ended');
          }
        },
        { reactor, name: 'the forgotten one' },
      );
    })();
    await runFor(reactor, BLOCKING, 1);
    const gone = () => (awaited as WeakRef<Future<string>> | null)?.deref() === undefined;
    await collected(() => true);
    expect(gone()).toBe(false);
    expect([...allTasks(reactor)].map(({ name, state }) => `${name} ${state}`)).toEqual([
      'the forgotten one running',
    ]);
    (awaited as WeakRef<Future<string>> | null)?.deref()?.setResult('went on');
    await runFor(reactor, BLOCKING, 1);
    expect(log).toEqual(['went on', 'ended']);
    expect(allTasks(reactor).size).toBe(0);
    await collected(gone);
    expect(gone()).toBe(true);
  });
});
