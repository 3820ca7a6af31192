/** A lock: one holder, handed over in the order of the requests, whoever is cancelled meanwhile. */
import { getEventListeners } from 'node:events';
import { setImmediate as immediate } from 'node:timers/promises';
import { CancelledError, defaultReactor } from 'iomux';
import { Lock, type Release, Semaphore } from 'iomux/sync';
import { createTask, runBlocking, value, waitFor } from 'iomux/tasks';
import { afterEach, describe, expect, it } from 'vitest';
import { refusal } from '../support/refusals.js';
import { drivenReactor, endDefaultReactor, fateOf, turns } from '../support/sync-futures.js';

const INVALID_STATE = 'StateError ERR_INVALID_STATE';

describe('a Lock', () => {
  it('is free at first, held when it was acquired, and free when it was released', () => {
    runBlocking(function* () {
      const lock = new Lock();
      expect(lock.locked).toBe(false);
      const acquired = lock.acquire();
      expect([acquired.done(), lock.locked]).toEqual([true, true]);
      const release = yield* value(acquired);
      expect(lock.locked).toBe(true);
      release.release();
      expect(lock.locked).toBe(false);
    });
  });

  it('is handed over in the order of the requests, to one at a time', () => {
    const log: string[] = [];
    runBlocking(function* () {
      const lock = new Lock();
      let holders = 0;
      const tasks = ['a', 'b', 'c'].map((name) =>
        createTask(function* () {
          using _ = yield* value(lock.acquire());
          holders++;
          log.push(`${name} of ${holders}`);
          yield* turns(3);
          holders--;
        }),
      );
      for (const task of tasks) yield task;
      expect(lock.locked).toBe(false);
    });
    expect(log).toEqual(['a of 1', 'b of 1', 'c of 1']);
  });

  it('goes to the one who waits, not to the one who asks right after the release', () => {
    const driven = drivenReactor();
    driven.step(() => {
      const lock = new Lock();
      lock.acquire();
      const waiting = lock.acquire();
      lock.release();
      const late = lock.acquire();
      expect([waiting, late].map(fateOf)).toEqual(['fulfilled', 'waiting']);
      lock.release();
      expect(fateOf(late)).toBe('fulfilled');
    });
  });

  it('is not reentrant', () => {
    runBlocking(function* () {
      const lock = new Lock();
      using _ = yield* value(lock.acquire());
      expect(fateOf(lock.acquire())).toBe('waiting');
    });
  });

  it('is not released when nobody holds it', () => {
    const lock = new Lock();
    expect(refusal(() => lock.release())).toBe(INVALID_STATE);
    expect(lock.locked).toBe(false);
    drivenReactor().step(() => lock.acquire());
    lock.release();
    expect(refusal(() => lock.release())).toBe(INVALID_STATE);
  });

  it('is released once by what acquiring gave, by hand or by `using`, also where an error leaves the block', () => {
    const error = new Error('of the test');
    runBlocking(function* () {
      const lock = new Lock();
      const release = yield* value(lock.acquire());
      release.release();
      const next = yield* value(lock.acquire());
      release.release();
      release[Symbol.dispose]();
      expect(lock.locked).toBe(true);
      next[Symbol.dispose]();
      expect(lock.locked).toBe(false);
      try {
        using _ = yield* value(lock.acquire());
        throw error;
      } catch (thrown) {
        expect(thrown).toBe(error);
      }
      expect(lock.locked).toBe(false);
    });
  });

  it('belongs to nobody: other code may release it, and the first holder then releases nothing', () => {
    runBlocking(function* () {
      const lock = new Lock();
      const release = yield* value(lock.acquire());
      yield createTask(function* () {
        yield;
        lock.release();
      });
      expect(lock.locked).toBe(false);
      using _ = yield* value(lock.acquire());
      release.release();
      expect(lock.locked).toBe(true);
    });
  });

  it('refuses bad options, and is not taken', () => {
    const driven = drivenReactor();
    const lock = new Lock();
    driven.step(() => {
      for (const options of [null, 1, { signal: {} }, { signal: null }] as object[]) {
        expect(refusal(() => lock.acquire(options))).toBe('TypeError ERR_INVALID_ARG_TYPE');
      }
    });
    expect(lock.locked).toBe(false);
  });
});

describe('whoever waits for a lock and is cancelled', () => {
  it('is passed over, where it still waits', () => {
    runBlocking(function* () {
      const lock = new Lock();
      const release = yield* value(lock.acquire());
      const [cancelled, next] = [lock.acquire(), lock.acquire()];
      expect(cancelled.cancel('not needed')).toBe(true);
      release.release();
      expect([cancelled, next].map(fateOf)).toEqual(['cancelled', 'fulfilled']);
      expect(() => cancelled.result()).toThrow(CancelledError);
    });
  });

  it.each([[1], [2]])('passes it on, where it was handed the lock but has not run: %i of them', (count) => {
    const log: string[] = [];
    runBlocking(function* () {
      const lock = new Lock();
      const release = yield* value(lock.acquire());
      const enter = (name: string) =>
        createTask(function* () {
          using _ = yield* value(lock.acquire());
          log.push(name);
          yield;
        });
      const cancelled = Array.from({ length: count }, (_, index) => enter(`cancelled ${index}`));
      const next = enter('next');
      yield* turns(2);
      release.release();
      for (const task of cancelled) task.cancel();
      expect(lock.locked).toBe(true);
      yield next;
      expect(cancelled.every((task) => task.cancelled())).toBe(true);
      expect(lock.locked).toBe(false);
    });
    expect(log).toEqual(['next']);
  });

  it('lets go of a lock that was free, where its task is cancelled before it runs on', () => {
    runBlocking(function* () {
      const lock = new Lock();
      const task = createTask(function* () {
        yield lock.acquire();
        throw new Error('it must not get here');
      });
      yield;
      expect(lock.locked).toBe(true);
      task.cancel();
      yield* turns(2);
      expect([task.cancelled(), lock.locked]).toEqual([true, false]);
    });
  });

  it('keeps it, where the future is cancelled too late', () => {
    drivenReactor().step(() => {
      const lock = new Lock();
      const acquired = lock.acquire();
      expect(acquired.cancel()).toBe(false);
      expect(lock.locked).toBe(true);
      acquired.result().release();
      expect(lock.locked).toBe(false);
    });
  });

  it('is passed over as well, where its future was ended by other code', () => {
    drivenReactor().step(() => {
      const lock = new Lock();
      lock.acquire();
      const [ended, next] = [lock.acquire(), lock.acquire()];
      ended.setException('of the test');
      lock.release();
      expect([ended.exception(), fateOf(next)]).toEqual(['of the test', 'fulfilled']);
    });
  });

  it('loses no turn where its time is over in the moment in which it gets the lock', () => {
    runBlocking(function* () {
      const lock = new Lock();
      const release = yield* value(lock.acquire());
      const late = createTask(function* () {
        using _ = yield* value(waitFor(lock.acquire(), 60_000));
        throw new Error('it must not get here');
      });
      const next = createTask(function* () {
        using _ = yield* value(lock.acquire());
      });
      yield* turns(2);
      release.release();
      yield;
      late.cancel();
      yield next;
      expect([late.cancelled(), lock.locked]).toEqual([true, false]);
    });
  });
});

describe('a signal for a lock', () => {
  it('ends the wait with its reason, and the next one is served', () => {
    const reason = new Error('of the signal');
    runBlocking(function* () {
      const lock = new Lock();
      const release = yield* value(lock.acquire());
      const controller = new AbortController();
      const aborted = lock.acquire({ signal: controller.signal });
      const next = lock.acquire();
      controller.abort(reason);
      expect(aborted.exception()).toBe(reason);
      release.release();
      expect(fateOf(next)).toBe('fulfilled');
    });
  });

  it('that is aborted already ends it at once, and takes nothing', () => {
    drivenReactor().step(() => {
      const lock = new Lock();
      const signal = AbortSignal.abort('before');
      expect(lock.acquire({ signal }).exception()).toBe('before');
      expect(lock.locked).toBe(false);
      lock.acquire();
      expect(lock.acquire({ signal }).exception()).toBe('before');
      lock.release();
      expect(lock.locked).toBe(false);
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    });
  });

  it('changes nothing once the lock was handed over', () => {
    drivenReactor().step(() => {
      const lock = new Lock();
      const controller = new AbortController();
      const { signal } = controller;
      const [first, second] = [lock.acquire({ signal }), lock.acquire({ signal })];
      lock.release();
      controller.abort();
      expect([first, second].map(fateOf)).toEqual(['fulfilled', 'fulfilled']);
      expect(lock.locked).toBe(true);
    });
  });

  it('changes nothing where other code has ended the future', () => {
    drivenReactor().step(() => {
      const lock = new Lock();
      lock.acquire();
      const controller = new AbortController();
      const ended = lock.acquire({ signal: controller.signal });
      ended.setException('of the test');
      controller.abort();
      expect(ended.exception()).toBe('of the test');
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    });
  });

  it('has no listener left, however the wait ended', () => {
    drivenReactor().step(() => {
      const lock = new Lock();
      const controller = new AbortController();
      const { signal } = controller;
      const listeners = () => getEventListeners(signal, 'abort').length;
      lock.acquire({ signal });
      expect(listeners()).toBe(0);
      const waiting = Array.from({ length: 3 }, () => lock.acquire({ signal }));
      expect(listeners()).toBe(3);
      lock.release();
      expect(listeners()).toBe(2);
      waiting[1]?.cancel();
      expect(listeners()).toBe(1);
      controller.abort();
      expect(listeners()).toBe(0);
      expect(waiting.map(fateOf)).toEqual(['fulfilled', 'cancelled', 'failed']);
      expect(waiting[2]?.exception()).toBe(signal.reason);
    });
  });
});

describe('run() of a lock', () => {
  afterEach(endDefaultReactor);

  it('holds it until the work has settled, and gives its result', async () => {
    const lock = new Lock();
    const log: string[] = [];
    const work = async (name: string) => {
      log.push(`${name} begins`);
      await immediate();
      expect(lock.locked).toBe(true);
      log.push(`${name} ends`);
      return name;
    };
    expect(await Promise.all([lock.run(() => work('a')), lock.run(() => work('b'))])).toEqual(['a', 'b']);
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
    expect(await lock.run(() => 'no promise')).toBe('no promise');
    expect(lock.locked).toBe(false);
  });

  it.each([
    ['throws', (): never => fail()],
    ['rejects', async () => fail()],
  ])('releases it where the work %s', async (_, work) => {
    const lock = new Lock();
    await expect(lock.run(work)).rejects.toThrow('of the work');
    expect(lock.locked).toBe(false);
  });

  it('refuses what is no function, and does not take the lock', async () => {
    const lock = new Lock();
    await expect(lock.run('work' as unknown as () => void)).rejects.toThrow(TypeError);
    expect(lock.locked).toBe(false);
  });

  it('refuses a generator function, of which it would run nothing, and says what to do', async () => {
    const lock = new Lock();
    for (const work of [function* () {}, async function* () {}] as (() => unknown)[]) {
      await expect(lock.run(work)).rejects.toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringContaining('using release = yield* value('),
      });
    }
    expect(lock.locked).toBe(false);
  });

  it('is refused in a blocking run in which no promise moves, and does not take the lock', async () => {
    await null;
    runBlocking(function* () {
      for (const primitive of [new Lock(), new Semaphore()]) {
        expect(refusal(() => primitive.run(() => expect.unreachable()))).toBe('StateError ERR_IN_MICROTASK');
        expect(primitive.locked).toBe(false);
      }
      yield;
    });
  });

  it('refuses such a run as long as it has not begun its work, and no longer', async () => {
    const lock = new Lock();
    const reactor = defaultReactor();
    const running = lock.run(() => 'done');
    reactor.stop();
    expect(refusal(() => reactor.runOnce(0))).toBe('StateError ERR_IN_MICROTASK');
    expect(await running).toBe('done');
    // Begun again by the call.
    await expect(lock.run('work' as unknown as () => void)).rejects.toThrow(TypeError);
    reactor.stop();
    expect(refusal(() => reactor.runOnce(0))).toBe('nothing');
  });
});

describe('those who wait for a lock in several reactors of a thread', () => {
  afterEach(endDefaultReactor);

  it('are each served by their own, in the order of the requests', () => {
    const lock = new Lock();
    const [one, other] = [drivenReactor(), drivenReactor()];
    const log: string[] = [];
    const acquire = (name: string) => () => {
      const acquired = lock.acquire();
      acquired.addDoneCallback(() => log.push(name));
      return acquired;
    };
    const first = one.step(acquire('first'));
    const second = other.step(acquire('second'));
    const third = one.step(acquire('third'));
    expect([first, second, third].map((future) => future.reactor)).toEqual([
      one.reactor,
      other.reactor,
      one.reactor,
    ]);
    one.step(() => first.result().release());
    one.step(() => {});
    expect(log).toEqual(['first']);
    other.step(() => {});
    expect(log).toEqual(['first', 'second']);
    other.step(() => second.result().release());
    one.step(() => {});
    expect(log).toEqual(['first', 'second', 'third']);
  });

  it('are passed over where their reactor was closed, as nothing would reach them', () => {
    const lock = new Lock();
    const [one, closed] = [drivenReactor(), drivenReactor()];
    one.step(() => lock.acquire());
    const lost = closed.step(() => lock.acquire());
    const next = one.step(() => lock.acquire());
    closed.reactor.close();
    one.step(() => lock.release());
    expect([lost, next].map(fateOf)).toEqual(['cancelled', 'fulfilled']);
  });

  it('may be those of the default reactor, where none is named', async () => {
    const lock = new Lock();
    const log: string[] = [];
    const enter = async (name: string) => {
      const release: Release = await lock.acquire();
      log.push(name);
      await immediate();
      release.release();
    };
    await Promise.all(['a', 'b', 'c'].map(enter));
    expect(log).toEqual(['a', 'b', 'c']);
    expect(lock.locked).toBe(false);
  });
});

function fail(): never {
  throw new Error('of the work');
}
