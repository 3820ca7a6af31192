/** sleep(): how long, for which result, and how it ends before its time. */
import { getEventListeners } from 'node:events';
import { CancelledError } from 'iomux';
import { createTask, sleep, value } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { runFixture } from '../support/processes.js';
import {
  BLOCKING,
  ended,
  HOUR,
  iterations,
  openReactor,
  outcome,
  playAlone,
  playTask,
  thrownAt,
} from '../support/task-scenes.js';

describe('sleep()', () => {
  it('is never shorter than was asked for, and gives the result that it was given', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      for (const delay of [0.3, 1, 5.5]) {
        const begin = reactor.time();
        expect(yield sleep(delay, 'result')).toBe('result');
        expect(reactor.time() - begin).toBeGreaterThanOrEqual(delay);
      }
      expect(yield sleep(1)).toBeUndefined();
    });
  });

  it('ends in the order of due times', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      for (;;) {
        const order: number[] = [];
        const begin = reactor.time();
        const sleeping = [9, 3, 6].map((delay) => sleep(delay, delay));
        const elapsed = reactor.time() - begin;
        for (const future of sleeping) future.addDoneCallback((done) => order.push(done.result()));
        for (const future of sleeping) yield future;
        // Had the machine stood still in between, another order would be right.
        if (elapsed > 2) continue;
        expect(order).toEqual([3, 6, 9]);
        return;
      }
    });
  });

  it.each([[0], [-0], [-1], [-HOUR]])('of %d is one iteration', async (delay) => {
    const log: string[] = [];
    await playAlone(function* () {
      const sleeping = createTask(function* () {
        for (let turn = 1; turn <= 3; turn++) {
          log.push(`sleeps ${turn}`);
          expect(yield* value(sleep(delay, turn))).toBe(turn);
        }
      });
      const yielding = createTask(function* () {
        for (let turn = 1; turn <= 3; turn++) {
          log.push(`yields ${turn}`);
          yield;
        }
      });
      yield sleeping;
      yield yielding;
    });
    expect(log).toEqual(['sleeps 1', 'yields 1', 'sleeps 2', 'yields 2', 'sleeps 3', 'yields 3']);
  });

  it('can be cancelled', async () => {
    await playAlone(function* () {
      const sleeping = sleep(HOUR);
      expect(sleeping.cancel('awake')).toBe(true);
      expect(outcome(sleeping)).toBe('cancelled by CancelledError awake');
      const iteration = sleep(0);
      expect(iteration.cancel()).toBe(true);
      expect(yield* thrownAt(() => iteration)).toBeInstanceOf(CancelledError);
    });
  });

  it('fails with the reason of a signal that is aborted, and listens to it no longer', async () => {
    await playAlone(function* () {
      const controller = new AbortController();
      const { signal } = controller;
      const reason = { not: 'an Error' };
      const sleeping = sleep(HOUR, 'slept', { signal });
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);
      yield;
      controller.abort(reason);
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
      expect(yield* thrownAt(() => sleeping)).toBe(reason);
      expect(sleeping.cancelled()).toBe(false);
    });
  });

  it('does not begin where the signal is aborted already', async () => {
    await playAlone(function* () {
      const reason = new Error('of the test');
      const signal = AbortSignal.abort(reason);
      expect(yield* thrownAt(() => sleep(HOUR, 'slept', { signal }))).toBe(reason);
      expect(yield* thrownAt(() => sleep(0, 'slept', { signal }))).toBe(reason);
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    });
  });

  it('listens to a signal no longer than it sleeps', async () => {
    await playAlone(function* () {
      const controller = new AbortController();
      const { signal } = controller;
      expect(yield sleep(1, 'slept', { signal })).toBe('slept');
      expect(yield sleep(0, 'slept', { signal })).toBe('slept');
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
      const sleeping = sleep(HOUR, 'slept', { signal });
      sleeping.cancel();
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
      const task = createTask(function* () {
        yield sleep(HOUR, 'slept', { signal });
      });
      yield* iterations(2);
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);
      task.cancel();
      yield* ended(task);
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    });
  });

  it.each(['cancel', 'abort', 'task', 'waitFor', 'wait', 'timeout', 'asCompleted'])(
    'and what else has a timer leaves none behind where it ends before its time: %s',
    async (way) => {
      expect(await runFixture('tasks-timers.mjs', [way])).toEqual({
        code: 0,
        signal: null,
        stdout: 'ended\n',
        stderr: '',
      });
    },
  );
});
