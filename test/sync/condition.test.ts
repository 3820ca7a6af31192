/** A condition: who waits for a change gives up the lock meanwhile, and has it again whatever happens. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { CancelledError, type Future } from 'iomux';
import { Condition, Lock } from 'iomux/sync';
import { createTask, runBlocking, sleep, type Task, TimeoutError, value, wait, waitFor } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { refusal } from '../support/refusals.js';
import { drivenReactor, failureOf, fateOf, turns } from '../support/sync-futures.js';

const INVALID_STATE = 'StateError ERR_INVALID_STATE';

/** A task that waits once, and says when it goes on. */
function waiter(condition: Condition, name: string, log: string[]): Task<void> {
  return createTask(function* () {
    using _ = yield* value(condition.acquire());
    expect(yield* value(condition.wait())).toBe(true);
    log.push(name);
  });
}

describe('a Condition', () => {
  it('refuses to wait and to notify where the lock is not held', () => {
    drivenReactor().step(() => {
      const condition = new Condition();
      expect(refusal(() => condition.wait())).toBe(INVALID_STATE);
      expect(refusal(() => condition.waitFor(() => false))).toBe(INVALID_STATE);
      expect(refusal(() => condition.notify())).toBe(INVALID_STATE);
      expect(refusal(() => condition.notifyAll())).toBe(INVALID_STATE);
      expect(refusal(() => condition.release())).toBe(INVALID_STATE);
    });
  });

  it('refuses what is no lock, no function and no count', () => {
    const driven = drivenReactor();
    expect(refusal(() => new Condition({} as Lock))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    driven.step(() => {
      const condition = new Condition();
      condition.acquire();
      expect(refusal(() => condition.waitFor(true as unknown as () => boolean))).toBe(
        'TypeError ERR_INVALID_ARG_TYPE',
      );
      expect(refusal(() => condition.notify('1' as unknown as number))).toBe(
        'TypeError ERR_INVALID_ARG_TYPE',
      );
      for (const count of [-1, 0.5, Number.NaN]) {
        expect(refusal(() => condition.notify(count))).toBe('RangeError ERR_OUT_OF_RANGE');
      }
    });
  });

  it('gives up the lock while it waits, and has it again when it was notified and the lock is free', () => {
    drivenReactor().step(() => {
      const lock = new Lock();
      const condition = new Condition(lock);
      const release = condition.acquire().result();
      const waiting = condition.wait();
      expect(lock.locked).toBe(false);
      const other = condition.acquire();
      condition.notify();
      expect(fateOf(waiting)).toBe('waiting');
      other.result().release();
      expect([waiting.result(), lock.locked]).toEqual([true, true]);
      release.release();
      expect(lock.locked).toBe(false);
    });
  });

  it('wakes as many as it is told, those first who wait longest, and more than there are is no mistake', () => {
    const log: string[] = [];
    runBlocking(function* () {
      const condition = new Condition();
      const tasks = ['a', 'b', 'c', 'd', 'e'].map((name) => waiter(condition, name, log));
      yield* turns(10);
      function* notify(count: number | undefined) {
        using _ = yield* value(condition.acquire());
        condition.notify(count);
      }
      yield* notify(0);
      yield* turns(10);
      expect(log).toEqual([]);
      yield* notify(undefined);
      yield* turns(10);
      expect(log).toEqual(['a']);
      yield* notify(2);
      yield* turns(10);
      expect(log).toEqual(['a', 'b', 'c']);
      yield* notify(1000);
      for (const task of tasks) yield task;
    });
    expect(log).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('wakes all by notifyAll(), one after the other', () => {
    const log: string[] = [];
    runBlocking(function* () {
      const condition = new Condition();
      const tasks = ['a', 'b', 'c'].map((name) => waiter(condition, name, log));
      yield* turns(5);
      const release = yield* value(condition.acquire());
      condition.notifyAll();
      yield* turns(5);
      expect(log).toEqual([]);
      release.release();
      for (const task of tasks) yield task;
    });
    expect(log).toEqual(['a', 'b', 'c']);
  });

  it('does not remember a notification for who comes later', () => {
    drivenReactor().step(() => {
      const condition = new Condition();
      const release = condition.acquire().result();
      condition.notifyAll();
      const waiting = condition.wait();
      condition.acquire().result().release();
      expect(fateOf(waiting)).toBe('waiting');
      release.release();
    });
  });

  it('shares a lock with another one, and wakes only its own', () => {
    drivenReactor().step(() => {
      const lock = new Lock();
      const [full, empty] = [new Condition(lock), new Condition(lock)];
      full.acquire();
      const waitsForFull = full.wait();
      empty.acquire();
      const waitsForEmpty = empty.wait();
      lock.acquire();
      full.notifyAll();
      lock.release();
      expect([waitsForFull, waitsForEmpty].map(fateOf)).toEqual(['fulfilled', 'waiting']);
    });
  });
});

describe('waitFor() of a condition', () => {
  it('is done at once where the predicate holds, without the lock', () => {
    drivenReactor().step(() => {
      const condition = new Condition();
      expect(condition.waitFor(() => true).result()).toBe(true);
    });
  });

  it('waits on where the predicate does not hold yet, and asks it with the lock held', () => {
    runBlocking(function* () {
      const lock = new Lock();
      const condition = new Condition(lock);
      let stock = 0;
      const asked: [stock: number, locked: boolean][] = [];
      const buyer = createTask(function* () {
        using _ = yield* value(condition.acquire());
        yield condition.waitFor(() => {
          asked.push([stock, lock.locked]);
          return stock >= 2;
        });
        stock -= 2;
      });
      for (let round = 0; round < 2; round++) {
        yield* turns(5);
        using _ = yield* value(condition.acquire());
        stock++;
        condition.notify();
      }
      yield buyer;
      expect(asked).toEqual([
        [0, true],
        [1, true],
        [2, true],
      ]);
      expect([stock, lock.locked]).toEqual([0, false]);
    });
  });

  it('fails with what the predicate throws, and the lock is held', () => {
    const error = new Error('of the predicate');
    runBlocking(function* () {
      const lock = new Lock();
      const condition = new Condition(lock);
      expect(() =>
        condition.waitFor(() => {
          throw error;
        }),
      ).toThrow(error);
      let bad = false;
      const task = createTask(function* () {
        const release = yield* value(condition.acquire());
        try {
          yield condition.waitFor(() => {
            if (bad) throw error;
            return false;
          });
        } catch (thrown) {
          expect(thrown).toBe(error);
          expect(lock.locked).toBe(true);
          release.release();
        }
      });
      yield* turns(5);
      bad = true;
      const release = yield* value(condition.acquire());
      condition.notify();
      release.release();
      yield task;
      expect(lock.locked).toBe(false);
    });
  });

  it('refuses a predicate that answers with a promise or a generator, which would be taken for true', () => {
    const later = (async () => false) as unknown as () => boolean;
    const never = function* () {} as unknown as () => boolean;
    const driven = drivenReactor();
    const condition = new Condition();
    let predicate = () => false;
    const waiting = driven.step(() => {
      condition.acquire();
      for (const bad of [later, never]) {
        expect(refusal(() => condition.waitFor(bad))).toBe('TypeError ERR_INVALID_ARG_VALUE');
      }
      return condition.waitFor(() => predicate());
    });
    predicate = later;
    driven.step(() => {
      const acquired = condition.acquire();
      condition.notify();
      acquired.result().release();
    });
    driven.step(() => {});
    expect(failureOf(waiting)).toBe('TypeError ERR_INVALID_ARG_VALUE');
  });

  it('asks the predicate in the asynchronous context of who waits', () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    runBlocking(function* () {
      const condition = new Condition();
      const task = storage.run('of the waiter', () =>
        createTask(function* () {
          using _ = yield* value(condition.acquire());
          yield condition.waitFor(() => seen.push(storage.getStore()) > 2);
        }),
      );
      for (let round = 0; round < 2; round++) {
        yield* turns(5);
        const release = yield* value(condition.acquire());
        storage.run('of the notifier', () => {
          condition.notify();
          release.release();
        });
      }
      yield task;
    });
    expect(seen).toEqual(['of the waiter', 'of the waiter', 'of the waiter']);
  });
});

describe('whoever waits for a condition and is cancelled', () => {
  /** A task that waits, and notes whether it had the lock when that ended with an error. */
  function noting(condition: Condition, lock: Lock, notes: unknown[], wait = () => condition.wait()) {
    return createTask(function* () {
      using _ = yield* value(condition.acquire());
      try {
        yield wait();
        notes.push('went on');
      } catch (error) {
        notes.push((error as Error).constructor, lock.locked);
        throw error;
      }
    });
  }

  it('has the lock again before it hears of it', () => {
    runBlocking(function* () {
      const lock = new Lock();
      const condition = new Condition(lock);
      const notes: unknown[] = [];
      const task = noting(condition, lock, notes);
      yield* turns(5);
      const release = yield* value(lock.acquire());
      task.cancel('not needed');
      task.cancel('again');
      yield* turns(5);
      expect([notes, task.done()]).toEqual([[], false]);
      release.release();
      yield* turns(5);
      expect([notes, task.cancelled()]).toEqual([[CancelledError, true], true]);
      expect(lock.locked).toBe(false);
    });
  });

  it('has it at once where the lock is free', () => {
    drivenReactor().step(() => {
      const lock = new Lock();
      const condition = new Condition(lock);
      const release = condition.acquire().result();
      const waiting = condition.wait();
      expect(waiting.cancel('reason')).toBe(true);
      expect([fateOf(waiting), lock.locked]).toEqual(['cancelled', true]);
      expect(() => waiting.result()).toThrow('reason');
      expect(waiting.cancel()).toBe(false);
      release.release();
      expect(lock.locked).toBe(false);
    });
  });

  it('refuses a reason that is no text, and waits on', () => {
    drivenReactor().step(() => {
      const condition = new Condition();
      condition.acquire();
      const waiting = condition.wait();
      expect(refusal(() => waiting.cancel(1 as unknown as string))).toBe('TypeError ERR_INVALID_ARG_TYPE');
      expect(fateOf(waiting)).toBe('waiting');
    });
  });

  it.each([
    ['it waits for the lock', 0],
    ['it has the lock, but has not run', 1],
  ])('passes its notification on: %s', (_, released) => {
    runBlocking(function* () {
      const lock = new Lock();
      const condition = new Condition(lock);
      const notes: unknown[] = [];
      const log: string[] = [];
      const cancelled = noting(condition, lock, notes);
      const next = waiter(condition, 'next', log);
      const third = waiter(condition, 'third', log);
      yield* turns(5);
      const release = yield* value(lock.acquire());
      condition.notify();
      if (released === 1) release.release();
      cancelled.cancel();
      if (released === 0) release.release();
      yield next;
      expect([notes, cancelled.cancelled(), log]).toEqual([[CancelledError, true], true, ['next']]);
      third.cancel();
      yield* turns(5);
      expect([third.cancelled(), lock.locked]).toEqual([true, false]);
    });
  });

  it.each([
    ['the predicate is about to be asked', 1],
    ['the predicate was asked, and held', 2],
  ])('passes its notification on, and has the lock: %s', (_, iterations) => {
    runBlocking(function* () {
      const lock = new Lock();
      const condition = new Condition(lock);
      const notes: unknown[] = [];
      const log: string[] = [];
      let asked = 0;
      const cancelled = noting(condition, lock, notes, () => condition.waitFor(() => ++asked > 1));
      const next = waiter(condition, 'next', log);
      yield* turns(5);
      const release = yield* value(lock.acquire());
      condition.notify();
      release.release();
      yield* turns(iterations - 1);
      cancelled.cancel();
      yield next;
      expect(asked).toBe(iterations);
      expect([notes, log, lock.locked]).toEqual([[CancelledError, true], ['next'], false]);
    });
  });

  it('by the end of its time has the lock as well', () => {
    runBlocking(function* () {
      const lock = new Lock();
      const condition = new Condition(lock);
      const notes: unknown[] = [];
      const first = yield* value(lock.acquire());
      const task = noting(condition, lock, notes, () => waitFor(condition.wait(), 5));
      yield* turns(5);
      // Behind the task, so that it is ours in the moment in which the task begins to wait, and not after its time.
      first.release();
      const release = yield* value(lock.acquire());
      yield sleep(20);
      expect(notes).toEqual([]);
      release.release();
      yield wait([task]);
      expect([notes, lock.locked]).toEqual([[TimeoutError, true], false]);
      expect(task.exception()).toBeInstanceOf(TimeoutError);
    });
  });
});

describe('whoever waits for a condition and loses his reactor', () => {
  /** One who waits in a reactor that is closed before he has the lock, and two who wait in another one. */
  function scene(before: (lost: Future<true>, condition: Condition) => void) {
    const [one, closed] = [drivenReactor(), drivenReactor()];
    const condition = new Condition();
    const wait = () => {
      condition.acquire();
      return condition.wait();
    };
    const lost = closed.step(wait);
    const others = [one.step(wait), one.step(wait)];
    const held = one.step(() => {
      const acquired = condition.acquire();
      before(lost, condition);
      return acquired;
    });
    closed.reactor.close();
    one.step(() => held.result().release());
    return [lost, ...others].map(fateOf);
  }

  it('passes his notification on', () => {
    const fates = scene((_, condition) => condition.notify());
    expect(fates).toEqual(['cancelled', 'fulfilled', 'waiting']);
  });

  it('passes it on once, where he was cancelled as well', () => {
    const fates = scene((lost, condition) => {
      condition.notify();
      lost.cancel();
    });
    expect(fates).toEqual(['cancelled', 'fulfilled', 'waiting']);
  });

  it('has none to pass on, where he was cancelled without one', () => {
    const fates = scene((lost) => lost.cancel());
    expect(fates).toEqual(['cancelled', 'waiting', 'waiting']);
  });
});
