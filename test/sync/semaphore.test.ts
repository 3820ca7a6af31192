/** Semaphores: so many at the same time, in the order of the requests. */
import { BoundedSemaphore, Semaphore } from 'iomux/sync';
import { createTask, runBlocking, sleep, value } from 'iomux/tasks';
import { afterEach, describe, expect, it } from 'vitest';
import { refusal } from '../support/refusals.js';
import { drivenReactor, endDefaultReactor, fateOf, turns } from '../support/sync-futures.js';

describe.each([
  ['Semaphore', Semaphore],
  ['BoundedSemaphore', BoundedSemaphore],
])('a %s', (_, Kind) => {
  it('has one permit where no number is given', () => {
    const semaphore = new Kind();
    expect([semaphore.value, semaphore.locked]).toEqual([1, false]);
  });

  it.each([[-1], [1.5], [Number.NaN], [Number.POSITIVE_INFINITY]])('refuses to begin with %d', (count) => {
    expect(refusal(() => new Kind(count))).toBe('RangeError ERR_OUT_OF_RANGE');
  });

  it('refuses to begin with what is no number', () => {
    expect(refusal(() => new Kind('1' as unknown as number))).toBe('TypeError ERR_INVALID_ARG_TYPE');
  });

  it('is locked where it begins with none', () => {
    drivenReactor().step(() => {
      const semaphore = new Kind(0);
      expect(semaphore.locked).toBe(true);
      expect(fateOf(semaphore.acquire())).toBe('waiting');
    });
  });

  it('gives its permits at once, and then in the order of the requests as they are released', () => {
    drivenReactor().step(() => {
      const semaphore = new Kind(2);
      const requests = Array.from({ length: 4 }, () => semaphore.acquire());
      const fates = () => requests.map(fateOf);
      expect(fates()).toEqual(['fulfilled', 'fulfilled', 'waiting', 'waiting']);
      expect([semaphore.value, semaphore.locked]).toEqual([0, true]);
      requests[1]?.result().release();
      expect(fates()).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'waiting']);
      semaphore.release();
      expect(fates()).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled']);
      expect([semaphore.value, semaphore.locked]).toEqual([0, true]);
      requests[2]?.result().release();
      expect([semaphore.value, semaphore.locked]).toEqual([1, false]);
    });
  });

  it('gives what a holder releases to the one who waits, also where the holder asks again at once', () => {
    const log: string[] = [];
    runBlocking(function* () {
      const semaphore = new Kind(1);
      const tasks = ['a', 'b', 'c'].map((name) =>
        createTask(function* () {
          for (const round of [1, 2]) {
            using _ = yield* value(semaphore.acquire());
            log.push(`${name}${round}`);
          }
        }),
      );
      for (const task of tasks) yield task;
    });
    expect(log).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'c2']);
  });

  it('takes a permit back once, by hand or by `using`', () => {
    runBlocking(function* () {
      const semaphore = new Kind(2);
      {
        using release = yield* value(semaphore.acquire());
        expect(semaphore.value).toBe(1);
        release.release();
        release.release();
        expect(semaphore.value).toBe(2);
      }
      expect(semaphore.value).toBe(2);
    });
  });

  it('loses no permit by whoever is cancelled before and after it was handed one', () => {
    runBlocking(function* () {
      const semaphore = new Kind(1);
      const release = yield* value(semaphore.acquire());
      const reached: string[] = [];
      const enter = (name: string) =>
        createTask(function* () {
          using _ = yield* value(semaphore.acquire());
          reached.push(name);
        });
      const [before, after, next] = ['before', 'after', 'next'].map(enter);
      yield* turns(2);
      before?.cancel();
      release.release();
      after?.cancel();
      yield next;
      expect([before?.cancelled(), after?.cancelled(), reached]).toEqual([true, true, ['next']]);
      expect(semaphore.value).toBe(1);
    });
  });

  it('ends a wait by its signal, and serves the next', () => {
    drivenReactor().step(() => {
      const semaphore = new Kind(1);
      semaphore.acquire();
      const controller = new AbortController();
      const [aborted, next] = [semaphore.acquire({ signal: controller.signal }), semaphore.acquire()];
      controller.abort('reason');
      expect(aborted.exception()).toBe('reason');
      semaphore.release();
      expect(fateOf(next)).toBe('fulfilled');
      expect(semaphore.acquire({ signal: controller.signal }).exception()).toBe('reason');
      semaphore.release();
      expect(semaphore.value).toBe(1);
    });
  });

  describe('run()', () => {
    afterEach(endDefaultReactor);

    it('runs so much work at the same time as there are permits, and no more', async () => {
      const semaphore = new Kind(3);
      let running = 0;
      let most = 0;
      const work = async (index: number) => {
        most = Math.max(most, ++running);
        await sleep(1);
        running--;
        return index;
      };
      const indexes = Array.from({ length: 10 }, (_, index) => index);
      expect(await Promise.all(indexes.map((index) => semaphore.run(() => work(index))))).toEqual(indexes);
      expect([most, semaphore.value]).toEqual([3, 3]);
    });

    it('releases where the work fails, and refuses what is none', async () => {
      const semaphore = new Kind(1);
      await expect(semaphore.run(() => Promise.reject(new Error('of the work')))).rejects.toThrow(
        'of the work',
      );
      await expect(semaphore.run(null as unknown as () => void)).rejects.toThrow(TypeError);
      expect(semaphore.value).toBe(1);
    });
  });
});

describe('released without having been acquired', () => {
  it('a Semaphore has one permit more', () => {
    drivenReactor().step(() => {
      const semaphore = new Semaphore(0);
      const waiting = semaphore.acquire();
      semaphore.release();
      semaphore.release();
      expect([fateOf(waiting), semaphore.value]).toEqual(['fulfilled', 1]);
    });
  });

  it('a BoundedSemaphore refuses it, and has as many as before', () => {
    drivenReactor().step(() => {
      const semaphore = new BoundedSemaphore(2);
      expect(refusal(() => semaphore.release())).toBe('StateError ERR_INVALID_STATE');
      const held = semaphore.acquire();
      held.result().release();
      expect(refusal(() => semaphore.release())).toBe('StateError ERR_INVALID_STATE');
      expect(semaphore.value).toBe(2);
      const none = new BoundedSemaphore(0);
      const waiting = none.acquire();
      expect(refusal(() => none.release())).toBe('StateError ERR_INVALID_STATE');
      expect(fateOf(waiting)).toBe('waiting');
    });
  });
});
