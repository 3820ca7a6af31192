/** Endings with reactors at work: of a process or worker in the middle of a storm, and of many workers in a row. */
import { describe, expect, it } from 'vitest';
import { descriptorCount, expectNoLeak } from '../support/leaks.js';
import { type Outcome, outcomeOf, startFixture } from '../support/processes.js';
import { describeReactors, type Setting } from '../support/reactors.js';
import { blocked, exitOf, startWorker, TERMINATE_LIMIT, terminate } from '../support/workers.js';

/** What takes longer hangs, and is killed. */
const LIMIT = 100_000;
const FIXTURE = 'ending-reactor-worker.mjs';

const STATES = ['at rest', 'in a storm of events', 'in a storm of messages', 'in a storm of signals'];
/** Those of which only the end of the thread is of interest. */
const STORMS = [
  'in a storm of callbacks',
  'in a storm of timers',
  'in a storm of promises',
  'in a storm of wakes',
];

const ENDINGS: readonly [ending: string, code: number][] = [
  ['by process.exit()', 7],
  ['by an exception', 1],
  ['by itself', 0],
];

const settings: Setting[] = [];

describeReactors((setting) => {
  settings.push(setting);

  describe.each(STATES)('%s', (state) => {
    it.each(ENDINGS.slice(0, 2))('a process ends %s', async (ending, code) => {
      const child = startFixture(FIXTURE, [JSON.stringify({ ...setting, state, ending })]);
      const outcome = await outcomeOf(child, LIMIT);
      expect(outcome).toMatchObject({ code, signal: null, stdout: '' });
      if (code === 1) expect(outcome.stderr).toContain('Error: thrown in a callback');
      else expect(outcome.stderr).toBe('');
    });

    it.each(ENDINGS)('a worker ends %s, and leaves nothing', async (ending, code) => {
      const before = descriptorCount();
      const errors: string[] = [];
      const worker = startWorker(FIXTURE, { ...setting, state, ending });
      worker.on('error', ({ message }) => errors.push(message));
      expect(await exitOf(worker)).toBe(code);
      expect(errors).toEqual(code === 1 ? ['thrown in a callback'] : []);
      await expectNoLeak(before);
    });
  });

  it.each([...STATES, ...STORMS])('%s a worker is terminated, and leaves nothing', async (state) => {
    const before = descriptorCount();
    const worker = startWorker(FIXTURE, { ...setting, state, ending: 'never' });
    await blocked(worker);
    expect(await terminate(worker)).toBeLessThan(TERMINATE_LIMIT);
    await expectNoLeak(before);
  });
});

describe('a process', () => {
  function run(scene: string): Promise<Outcome> {
    return outcomeOf(
      startFixture('ending-reactor-process.mjs', [JSON.stringify({ scene, settings })]),
      LIMIT,
    );
  }

  async function report(scene: string): Promise<unknown> {
    const { code, signal, stdout, stderr } = await run(scene);
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    return JSON.parse(stdout);
  }

  it('ends while its workers run, on each backend, in each mode, with each host', async () => {
    const outcome = await run('process.exit() while workers run');
    expect(outcome).toEqual({ code: 7, signal: null, stdout: '', stderr: '' });
    const natural = await run('natural exit while unreferenced workers run');
    expect(natural).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    const failed = await run('an exception while workers run');
    expect(failed).toMatchObject({ code: 1, signal: null, stdout: '' });
    expect(failed.stderr).toContain('Error: thrown at the top');
  });

  it('terminates a hundred workers in a row, soon and without a trace', async () => {
    expect(await report('a hundred workers in a row')).toEqual({
      slowest: expect.toSatisfy((slowest: number) => slowest < TERMINATE_LIMIT),
      left: 0,
    });
  });

  it('terminates a hundred workers, each at another moment of its life', async () => {
    expect(await report('a hundred workers at any moment')).toEqual({ left: 0 });
  });

  it('terminates workers while they load the addon', async () => {
    expect(await report('workers that are terminated while they load')).toEqual({ left: 0 });
  });

  it('sees workers end by themselves in a row', async () => {
    const codes = Array.from({ length: 20 }, (_, index) => (index % 3 === 0 ? 7 : 0));
    expect(await report('workers that end by themselves')).toEqual({ codes, left: 0 });
  });

  it('posts to a worker that is terminated, and is told that nobody is there any more', async () => {
    expect(await report('posts to a worker that is terminated')).toEqual({
      results: settings.map(() => [true, false]),
      left: 0,
    });
  });
});
