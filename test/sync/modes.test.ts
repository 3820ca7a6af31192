/** The primitives in each way a reactor can run: by generator tasks in all, by promises where they move. */
import { Barrier, Condition, Event, Lock, PriorityQueue, Queue, Semaphore } from 'iomux/sync';
import { type Coroutine, createTask, gather, type Task, value } from 'iomux/tasks';
import { expect, it } from 'vitest';
import { describeReactors, runUntil } from '../support/reactors.js';
import { turns } from '../support/sync-futures.js';

describeReactors((setting, open) => {
  /** Runs work as a task of a reactor. */
  function scene<T>(work: (() => Coroutine<T>) | (() => Promise<T>)): Promise<T> {
    const reactor = open();
    return runUntil(reactor, setting, createTask(work, { reactor }));
  }

  function several(work: (name: string) => Coroutine<void>): Task<void>[] {
    return ['a', 'b', 'c'].map((name) => createTask(work(name)));
  }

  it('hands a lock and a semaphore from task to task, past one that was cancelled', async () => {
    for (const primitive of [new Lock(), new Semaphore(1)]) {
      const log: string[] = [];
      await scene(function* () {
        const release = yield* value(primitive.acquire());
        const tasks = several(function* (name) {
          using _ = yield* value(primitive.acquire());
          log.push(name);
        });
        yield* turns(2);
        release.release();
        tasks[0]?.cancel();
        yield gather(tasks, { returnExceptions: true });
      });
      expect(log).toEqual(['b', 'c']);
      expect(primitive.locked).toBe(false);
    }
  });

  it('wakes all who wait for an event', async () => {
    const log: string[] = [];
    await scene(function* () {
      const event = new Event();
      const tasks = several(function* (name) {
        yield event.wait();
        log.push(name);
      });
      yield* turns(2);
      event.set();
      event.clear();
      yield gather(tasks);
    });
    expect(log).toEqual(['a', 'b', 'c']);
  });

  it('wakes who waits for a condition, and gives back the lock where that is cancelled', async () => {
    const log: string[] = [];
    await scene(function* () {
      const condition = new Condition();
      let stock = 0;
      const tasks = several(function* (name) {
        using _ = yield* value(condition.acquire());
        yield condition.waitFor(() => stock > 0);
        stock--;
        log.push(name);
      });
      yield* turns(5);
      tasks[0]?.cancel();
      using release = yield* value(condition.acquire());
      stock = 2;
      condition.notify(2);
      release.release();
      yield gather(tasks, { returnExceptions: true });
    });
    expect(log).toEqual(['b', 'c']);
  });

  it('lets the parties of a barrier go on together', async () => {
    const indexes = await scene(function* () {
      const barrier = new Barrier(3);
      const tasks = several(function* () {
        yield barrier.wait();
      });
      yield gather(tasks);
      return yield* value(gather([barrier.wait(), barrier.wait(), barrier.wait()]));
    });
    expect(indexes).toEqual([0, 1, 2]);
  });

  it('passes items through a queue, one after the other, until it is closed', async () => {
    for (const queue of [new Queue<number>(2), new PriorityQueue<number>(2)]) {
      const got: number[] = [];
      await scene(function* () {
        const consumer = createTask(function* () {
          for (;;) {
            got.push(yield* value(queue.get()));
            queue.taskDone();
          }
        });
        for (let item = 0; item < 20; item++) yield queue.put(item);
        yield queue.join();
        queue.close();
        const [ended] = yield* value(gather([consumer], { returnExceptions: true }));
        expect(ended).toMatchObject({ code: 'ERR_QUEUE_CLOSED' });
      });
      expect(got).toEqual(Array.from({ length: 20 }, (_, item) => item));
    }
  });

  it('serves promises: run() and `for await`', async () => {
    const got: number[] = [];
    await scene(async () => {
      const queue = new Queue<number>(1);
      const lock = new Lock();
      const consumer = (async () => {
        for await (const item of queue) await lock.run(() => got.push(item));
      })();
      for (const item of [1, 2, 3]) await queue.put(item);
      queue.close();
      await consumer;
      expect(lock.locked).toBe(false);
    });
    expect(got).toEqual([1, 2, 3]);
  });
});
