/** A barrier: all go on when all are there. */
import { Barrier, BrokenBarrierError } from 'iomux/sync';
import { createTask, gather, runBlocking, value } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { refusal } from '../support/refusals.js';
import { drivenReactor, failureOf, fateOf, turns } from '../support/sync-futures.js';

const BROKEN = 'BrokenBarrierError ERR_BROKEN_BARRIER';

describe('a Barrier', () => {
  it.each([[0], [-1], [1.5], [Number.NaN]])('is for one party at least: %d is refused', (parties) => {
    expect(refusal(() => new Barrier(parties))).toBe('RangeError ERR_OUT_OF_RANGE');
  });

  it('is for a number of parties', () => {
    expect(refusal(() => Reflect.construct(Barrier, []))).toBe('TypeError ERR_INVALID_ARG_TYPE');
  });

  it('lets all go on when the last one comes, each with the number of its arrival', () => {
    const log: string[] = [];
    runBlocking(function* () {
      const barrier = new Barrier(3);
      const pass = (name: string) =>
        createTask(function* () {
          const index = yield* value(barrier.wait());
          log.push(`${name}${index}`);
          return index;
        });
      const early = [pass('a'), pass('b')];
      yield* turns(3);
      expect(log).toEqual([]);
      expect(yield* value(gather([...early, pass('c')]))).toEqual([0, 1, 2]);
    });
    expect([...log].sort()).toEqual(['a0', 'b1', 'c2']);
  });

  it('waits for as many again, also where one of them comes again at once', () => {
    drivenReactor().step(() => {
      const barrier = new Barrier(2);
      const [first, second] = [barrier.wait(), barrier.wait()];
      const again = barrier.wait();
      expect([first.result(), second.result(), fateOf(again)]).toEqual([0, 1, 'waiting']);
      expect(barrier.wait().result()).toBe(1);
      expect(again.result()).toBe(0);
    });
  });

  it('does not stop a single party', () => {
    drivenReactor().step(() => {
      const barrier = new Barrier(1);
      expect([barrier.wait().result(), barrier.wait().result()]).toEqual([0, 0]);
    });
  });

  it('waits for another one in place of who was cancelled, and gives each number once', () => {
    drivenReactor().step(() => {
      const barrier = new Barrier(3);
      const [cancelled, second] = [barrier.wait(), barrier.wait()];
      cancelled.cancel();
      const third = barrier.wait();
      expect([cancelled, second, third].map(fateOf)).toEqual(['cancelled', 'waiting', 'waiting']);
      const fourth = barrier.wait();
      expect([second, third, fourth].map((future) => future.result())).toEqual([0, 1, 2]);
      expect(barrier.broken).toBe(false);
    });
  });

  it('waits for another one in place of who cannot come any more, as his reactor was closed', () => {
    const [one, closed] = [drivenReactor(), drivenReactor()];
    const barrier = new Barrier(3);
    const first = one.step(() => barrier.wait());
    const lost = closed.step(() => barrier.wait());
    closed.reactor.close();
    const third = one.step(() => barrier.wait());
    expect([first, lost, third].map(fateOf)).toEqual(['waiting', 'cancelled', 'waiting']);
    const fourth = one.step(() => barrier.wait());
    expect([first, third, fourth].map((future) => future.result())).toEqual([0, 1, 2]);
  });

  it('breaks by abort(): those who wait, and those who come, get the error', () => {
    drivenReactor().step(() => {
      const barrier = new Barrier(3);
      const waiting = [barrier.wait(), barrier.wait()];
      barrier.abort();
      expect(waiting.map(failureOf)).toEqual([BROKEN, BROKEN]);
      expect(waiting[0]?.exception()).toBeInstanceOf(BrokenBarrierError);
      expect(barrier.broken).toBe(true);
      expect([barrier.wait(), barrier.wait(), barrier.wait()].map(failureOf)).toEqual([
        BROKEN,
        BROKEN,
        BROKEN,
      ]);
    });
  });

  it('is as new after reset(), which those who wait get the error of', () => {
    drivenReactor().step(() => {
      const barrier = new Barrier(2);
      const waiting = barrier.wait();
      barrier.reset();
      expect([failureOf(waiting), barrier.broken]).toEqual([BROKEN, false]);
      barrier.abort();
      barrier.reset();
      expect(barrier.broken).toBe(false);
      expect([barrier.wait(), barrier.wait()].map((future) => future.result())).toEqual([0, 1]);
    });
  });

  it('does not break for those who passed it', () => {
    drivenReactor().step(() => {
      const barrier = new Barrier(2);
      const passed = [barrier.wait(), barrier.wait()];
      barrier.abort();
      expect(passed.map((future) => future.result())).toEqual([0, 1]);
    });
  });
});
