/** Timers by the ten thousand: in the same order as a few, and no more memory than they need. */
import { describe, expect, it } from 'vitest';
import { Timer } from '../../lib/reactor/timer.js';
import { Timers } from '../../lib/reactor/timers.js';
import { collected } from '../support/garbage.js';
import { Random } from '../support/random.js';
import { TimerCrowd } from '../support/timer-crowd.js';

const MEGABYTE = 1024 * 1024;

function nothing(): void {}

function never(error: unknown): void {
  throw error;
}

/** Timers, and what sets one. */
function open(): { timers: Timers; set: (when: number, callback?: () => void) => Timer } {
  const timers = new Timers();
  const owner = {
    moveTimer: (timer: Timer, when: number) => {
      timers.remove(timer);
      timer.when = when;
      timers.add(timer);
    },
    removeTimer: (timer: Timer) => timers.remove(timer),
  };
  const set = (when: number, callback = nothing) => {
    const timer = new Timer(owner, when, callback);
    timers.add(timer);
    return timer;
  };
  return { timers, set };
}

describe('a crowd of timers', () => {
  it.each([1, 2, 3, 4])('runs as a list would that is searched for the next one: seed %d', (seed) => {
    const random = new Random(seed * 7_919);
    const crowd = new TimerCrowd(random);
    for (let round = 0; round < 30; round++) {
      crowd.burst(random.below(random.oneIn(3) ? 12_000 : 1_000));
      if (random.oneIn(2)) crowd.check();
      if (random.oneIn(2)) crowd.cancel(2 + random.below(8));
      if (random.oneIn(2)) crowd.move(2 + random.below(8));
      if (random.oneIn(2)) crowd.check();
      crowd.pass(random.below(random.oneIn(3) ? 1_000 : 20));
      crowd.check();
    }
    crowd.pass(200_000);
    // What was moved while it was due.
    while (crowd.timers.size > 0) {
      crowd.check();
      crowd.pass(200_000);
    }
    crowd.check();
    expect(crowd.ran).toBeGreaterThan(20_000);
  });

  it('runs thousands of an equal due time in the order in which they were set', () => {
    const { timers, set } = open();
    const ran: number[] = [];
    for (let index = 0; index < 60_000; index++) {
      set(index % 3 === 0 ? 50 : (index * 7_919) % 100, () => ran.push(index));
      // Looked at now and then, as by a loop that runs.
      if (index % 5_000 === 1) expect(timers.next).toBe(index === 1 ? 19 : 0);
    }
    expect(timers.run(100, never)).toBe(60_000);
    const when = (index: number) => (index % 3 === 0 ? 50 : (index * 7_919) % 100);
    const expected = [...ran].sort((a, b) => when(a) - when(b) || a - b);
    expect(ran).toEqual(expected);
  });

  it('runs one that is due when a crowd is, and was set after it was looked at', () => {
    const { timers, set } = open();
    for (let index = 0; index < 10_000; index++) set(5);
    expect(timers.next).toBe(5);
    set(5);
    expect([timers.run(5, never), timers.size]).toEqual([10_001, 0]);
  });

  it('sets those of a rhythm apart: each second one is due at the end', () => {
    const { timers, set } = open();
    const ran: number[] = [];
    for (let index = 0; index < 65_536; index++) {
      const when = index % 2 === 0 ? 1 + index : 1_000_000 + index;
      set(when, () => ran.push(when));
    }
    for (const now of [10, 20_000, 65_536, 1_010_000, 2_000_000]) {
      timers.run(now, never);
      expect(timers.next).toBeGreaterThan(now);
    }
    expect(ran).toHaveLength(65_536);
    expect(ran).toEqual([...ran].sort((a, b) => a - b));
  });

  it('runs the last that is left of a crowd, which was looked at before it was cancelled', () => {
    const { timers, set } = open();
    let ran = 0;
    const all = Array.from({ length: 20_000 }, (_, index) => set(index, () => ran++));
    expect(timers.next).toBe(0);
    for (const timer of all.slice(1)) timer.cancel();
    expect([timers.size, timers.next]).toEqual([1, 0]);
    expect(timers.run(20_000, never)).toBe(1);
    expect([ran, timers.size, timers.next]).toEqual([1, 0, Number.POSITIVE_INFINITY]);
    set(5, () => ran++);
    expect([timers.next, timers.run(5, never), ran]).toEqual([5, 1, 2]);
  });

  it('runs none of a crowd that the first of them cancels', () => {
    const { timers, set } = open();
    let ran = 0;
    const all: Timer[] = [];
    const cancelAll = () => {
      ran++;
      for (const timer of all) timer.cancel();
      for (let index = 0; index < 10_000; index++) set(-1, () => ran++);
    };
    for (let index = 0; index < 20_000; index++) all.push(set(index, cancelAll));
    expect(timers.run(20_000, never)).toBe(1);
    expect([ran, timers.size, timers.next]).toEqual([1, 10_000, -1]);
    expect([timers.run(0, never), ran]).toEqual([10_000, 10_001]);
  });

  it('reports each callback that throws, and runs all the others', () => {
    const { timers, set } = open();
    let ran = 0;
    const errors: unknown[] = [];
    for (let index = 0; index < 10_000; index++) {
      set((index * 7_919) % 100, () => {
        ran++;
        if (index % 2 === 0) throw index;
      });
    }
    expect(timers.run(100, (error) => errors.push(error))).toBe(10_000);
    expect([ran, errors.length, timers.size]).toEqual([10_000, 5_000, 0]);
  });

  it('forgets a crowd when it is cleared: each can be cancelled afterwards', () => {
    const { timers, set } = open();
    const all = Array.from({ length: 10_000 }, (_, index) => set(index, nothing));
    expect(timers.next).toBe(0);
    timers.clear();
    expect([timers.size, timers.next, timers.run(10_000, never)]).toEqual([0, Number.POSITIVE_INFINITY, 0]);
    set(10_001);
    for (const timer of all) timer.cancel();
    expect([timers.size, timers.next, timers.run(10_001, never)]).toEqual([1, 10_001, 1]);
  });

  it.each([
    ['and the next one is asked for each time', true],
    ['and nobody asks for the next one', false],
  ])('takes no more memory where a few are moved a million times, %s', (_, asked) => {
    const { timers, set } = open();
    const few = Array.from({ length: 10 }, (_, index) => set(index));
    let wrong = 0;
    const before = process.memoryUsage().arrayBuffers;
    for (let index = 0; index < 1_000_000; index++) {
      few[index % few.length]?.reschedule(index);
      if (asked && timers.next > index) wrong++;
    }
    expect(wrong).toBe(0);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MEGABYTE);
    expect([timers.size, timers.next]).toEqual([10, 999_990]);
  });

  it('lets go of one that was cancelled at once, though a crowd of others stays', async () => {
    const { timers, set } = open();
    const others = Array.from({ length: 10_000 }, (_, index) => set(index));
    const gone = (() => {
      const timer = set(5_000);
      expect(timers.next).toBe(0);
      timer.cancel();
      return new WeakRef(timer);
    })();
    await collected(() => gone.deref() === undefined);
    expect([gone.deref(), timers.size, others.length]).toEqual([undefined, 10_000, 10_000]);
  });

  it('lets go of one that was cancelled after others had made room for it', async () => {
    const { timers, set } = open();
    const few = Array.from({ length: 30 }, (_, index) => set(index));
    const gone = (() => {
      const timer = set(50);
      for (const one of few) one.cancel();
      // Until each slot was used, and the timer has another.
      for (let before = timer.slot; timer.slot === before; ) set(0).cancel();
      timer.cancel();
      return new WeakRef(timer);
    })();
    const staying = set(1);
    await collected(() => gone.deref() === undefined);
    expect([gone.deref(), timers.size, staying.when]).toEqual([undefined, 1, 1]);
  });

  it('gives back the memory of a crowd that was cancelled, also where one of it stays', async () => {
    for (const staying of [0, 1]) {
      const { timers, set } = open();
      const before = process.memoryUsage().arrayBuffers;
      const all = Array.from({ length: 300_000 }, (_, index) => set(index));
      expect(timers.next).toBe(0);
      for (const timer of all.slice(staying)) timer.cancel();
      // With what comes and goes later.
      for (let index = 0; index < 2_000_000; index++) set(index).cancel();
      const taken = () => process.memoryUsage().arrayBuffers - before;
      await collected(() => taken() < MEGABYTE);
      expect(taken()).toBeLessThan(MEGABYTE);
      expect(timers.size).toBe(staying);
    }
  });
});
