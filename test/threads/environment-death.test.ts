/** How a process ends that uses the library, at each stage of its life: with its own code or signal, and never late. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { type Outcome, outcomeOf, startFixture } from '../support/processes.js';

/** A process that is still there after this hangs, and is killed. */
const LIMIT = 60_000;
const EXCEPTION = { code: 1, stderr: expect.stringContaining('Error: thrown in a handler') };

const STAGES: [stage: string, expected: Partial<Outcome>][] = [
  ['with a selector open', {}],
  ['with a registration', {}],
  ['after a collection of garbage', {}],
  ['in a handler, by process.exit()', { code: 7 }],
  ['in a handler, by an exception', EXCEPTION],
  ['after an exception that was caught', { stdout: 'caught 1 0\n' }],
  ['while a worker wakes it', { code: 7 }],
  ['after a worker that wakes it was told so', {}],
  ['while a worker blocks, by process.exit()', { code: 7 }],
  ['while a worker blocks, by an exception', EXCEPTION],
  ['while an unreferenced worker blocks', {}],
  ['in an exit handler that waits', { code: 7, stdout: '1 0\n' }],
  ['in an exit handler, with a closed selector', { stdout: 'false\n' }],
];

function run(stage: string, backend?: string): Promise<Outcome> {
  const args = backend === undefined ? [stage] : [stage, backend];
  return outcomeOf(startFixture('dying-process.mjs', args, { NODE_OPTIONS: '--expose-gc' }), LIMIT);
}

describe('a process ends', () => {
  it('after the import', async () => {
    expect(await run('after the import')).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  });

  it('after a hundred workers in a wait were terminated, on all backends in turn', async () => {
    const outcome = await run('after a hundred workers in a wait were terminated');
    expect(outcome).toEqual({ code: 0, signal: null, stdout: 'none left\n', stderr: '' });
  });

  for (const backend of selectorBackends()) {
    for (const [stage, expected] of STAGES) {
      it(`${stage}: ${backend}`, async () => {
        expect(await run(stage, backend)).toEqual({
          code: 0,
          signal: null,
          stdout: '',
          stderr: '',
          ...expected,
        });
      });
    }

    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      it(`in a wait, by ${signal}: ${backend}`, async () => {
        const child = startFixture('dying-process.mjs', ['in a wait', backend]);
        const outcome = outcomeOf(child, LIMIT);
        await once(child.stdout ?? child, 'data');
        await sleep(20);
        expect(child.kill(signal)).toBe(true);
        expect(await outcome).toEqual({ code: null, signal, stdout: 'blocking\n', stderr: '' });
      });
    }
  }
});
