/** An event: set wakes all who wait. */
import { getEventListeners } from 'node:events';
import { setImmediate as immediate } from 'node:timers/promises';
import { Event } from 'iomux/sync';
import { createTask, runBlocking, value } from 'iomux/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { refusal } from '../support/refusals.js';
import { drivenReactor, fateOf, turns } from '../support/sync-futures.js';

describe('an Event', () => {
  it('is unset at first, and may be set and cleared any number of times', () => {
    const event = new Event();
    expect(event.isSet).toBe(false);
    for (const isSet of [true, true, false, false, true]) {
      if (isSet) event.set();
      else event.clear();
      expect(event.isSet).toBe(isSet);
    }
  });

  it('wakes all who wait, in the order in which they came', () => {
    const log: string[] = [];
    runBlocking(function* () {
      const event = new Event();
      const tasks = ['a', 'b', 'c'].map((name) =>
        createTask(function* () {
          expect(yield* value(event.wait())).toBe(true);
          log.push(name);
        }),
      );
      yield* turns(3);
      expect(log).toEqual([]);
      event.set();
      for (const task of tasks) yield task;
      expect(event.isSet).toBe(true);
    });
    expect(log).toEqual(['a', 'b', 'c']);
  });

  it('wakes those who wait also where it is cleared before they run, and makes those wait who come then', () => {
    drivenReactor().step(() => {
      const event = new Event();
      const before = [event.wait(), event.wait()];
      event.set();
      event.clear();
      const after = event.wait();
      expect([...before, after].map(fateOf)).toEqual(['fulfilled', 'fulfilled', 'waiting']);
      expect(event.isSet).toBe(false);
      event.set();
      expect(after.result()).toBe(true);
    });
  });

  it('is not waited for where it is set', () => {
    drivenReactor().step(() => {
      const event = new Event();
      event.set();
      expect(event.wait().result()).toBe(true);
      expect(event.wait().result()).toBe(true);
    });
  });

  it('wakes the others where one was cancelled or aborted', () => {
    const reason = new Error('of the signal');
    drivenReactor().step(() => {
      const event = new Event();
      const controller = new AbortController();
      const waiting = [event.wait(), event.wait({ signal: controller.signal }), event.wait()];
      waiting[0]?.cancel();
      controller.abort(reason);
      event.set();
      expect(waiting.map(fateOf)).toEqual(['cancelled', 'failed', 'fulfilled']);
      expect(waiting[1]?.exception()).toBe(reason);
    });
  });

  it('takes its listener off the signal, however the wait ends', () => {
    drivenReactor().step(() => {
      const event = new Event();
      const { signal } = new AbortController();
      const cancelled = event.wait({ signal });
      event.wait({ signal });
      expect(getEventListeners(signal, 'abort')).toHaveLength(2);
      cancelled.cancel();
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);
      event.set();
      event.wait({ signal });
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    });
  });

  it('may be waited for any number of times by the same signal, without a warning of a leak', async () => {
    const warnings: string[] = [];
    const note = ({ name }: Error) => warnings.push(name);
    process.on('warning', note);
    onTestFinished(() => {
      process.off('warning', note);
    });
    drivenReactor().step(() => {
      const event = new Event();
      const controller = new AbortController();
      const waiting = Array.from({ length: 50 }, () => event.wait({ signal: controller.signal }));
      controller.abort('enough');
      expect(new Set(waiting.map((future) => future.exception()))).toEqual(new Set(['enough']));
    });
    await immediate();
    expect(warnings).toEqual([]);
  });

  it('rejects at once where the signal is aborted already, even if it is set', () => {
    drivenReactor().step(() => {
      const event = new Event();
      event.set();
      expect(event.wait({ signal: AbortSignal.abort('before') }).exception()).toBe('before');
    });
  });

  it('refuses bad options', () => {
    drivenReactor().step(() => {
      const event = new Event();
      expect(refusal(() => event.wait({ signal: 1 as unknown as AbortSignal }))).toBe(
        'TypeError ERR_INVALID_ARG_TYPE',
      );
      expect(refusal(() => event.wait(null as unknown as object))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    });
  });
});
