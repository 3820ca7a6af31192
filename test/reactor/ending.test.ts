/** How a process and a worker end that have a reactor, at each stage of its life: as they were told, and with nothing left. */
import { describe, expect, it } from 'vitest';
import { descriptorCount, expectNoLeak } from '../support/leaks.js';
import { type Outcome, outcomeOf, startFixture } from '../support/processes.js';
import { describeReactors, type Setting } from '../support/reactors.js';
import { blocked, exitOf, startWorker, TERMINATE_LIMIT, terminate } from '../support/workers.js';

/** What takes longer hangs, and is killed. */
const LIMIT = 30_000;
const FIXTURE = 'reactor-ending.mjs';

const STAGES: readonly [stage: string, code: number, only?: Setting['mode']][] = [
  ['in a callback', 7],
  ['in a watcher', 7],
  ['in a timer', 7],
  ['in a handler of the exit', 7],
  ['by an exception', 1],
  ['stopped, not closed', 0],
  ['never run', 0],
  ['closed', 0],
  ['in the middle of many', 7, 'hosted'],
];

const TERMINATED: readonly [stage: string, only?: Setting['mode']][] = [
  ['at rest'],
  ['in a storm of events'],
  ['in a storm of callbacks'],
  ['in a storm of timers'],
  ['in a callback that does not return'],
  ['at rest, many', 'hosted'],
];

describeReactors((setting) => {
  const { mode } = setting;

  function ended(stage: string): Promise<Outcome> {
    return outcomeOf(startFixture(FIXTURE, [JSON.stringify({ ...setting, stage })]), LIMIT);
  }

  describe('a process ends', () => {
    for (const [stage, code, only = mode] of STAGES) {
      it.runIf(only === mode)(`${stage}`, async () => {
        const outcome = await ended(stage);
        expect(outcome).toMatchObject({ code, signal: null, stdout: '' });
        if (code === 1) expect(outcome.stderr).toContain('Error: thrown in a callback');
        else expect(outcome.stderr).toBe('');
      });
    }
  });

  describe('a worker ends', () => {
    for (const [stage, code, only = mode] of STAGES) {
      it.runIf(only === mode)(`${stage}`, async () => {
        const before = descriptorCount();
        const errors: string[] = [];
        const worker = startWorker(FIXTURE, { ...setting, stage });
        worker.on('error', ({ message }) => errors.push(message));
        expect(await exitOf(worker)).toBe(code);
        expect(errors).toEqual(code === 1 ? ['thrown in a callback'] : []);
        await expectNoLeak(before);
      });
    }

    for (const [stage, only = mode] of TERMINATED) {
      it.runIf(only === mode)(`${stage}, when it is terminated`, async () => {
        const before = descriptorCount();
        const worker = startWorker(FIXTURE, { ...setting, stage });
        await blocked(worker);
        expect(await terminate(worker)).toBeLessThan(TERMINATE_LIMIT);
        await expectNoLeak(before);
      });
    }
  });
});
