/** The benchmark of pipes, run for a moment: that everybody passes on the same bytes, not how fast. */
import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { pipes } from '../../bench/cells/pipes.mjs';
import { nativeProgram } from '../../bench/support/native.mjs';
import type { Group } from '../../bench/support/results.mjs';
import { columnOf, rowOf, valuesOf } from '../../bench/support/results.mjs';
import { runBenchmark } from '../support/benchmarks.js';
import { outcomeOf } from '../support/processes.js';

const inC = nativeProgram('pipes') as { path: string; missing?: string };

function runInC(args: readonly string[]) {
  return outcomeOf(spawn(inC.path, args, { stdio: ['ignore', 'pipe', 'pipe'] }));
}

describe.runIf(inC.missing === undefined)('the benchmark of pipes', () => {
  it('has every selector, the kernel’s calls and libevent pass on the same bytes', async () => {
    const groups: Group[] = await pipes.measure({ pass: 'moment', cores: null });
    expect(groups).toMatchObject([
      { id: 'pipes, 2 active, 10', setting: { pipes: 10, active: 2, writes: 20 } },
      { id: 'pipes, 2 active, 20', setting: { pipes: 20, active: 2, writes: 20 } },
    ]);
    const ours = ['epoll', 'epoll, edge', 'epoll, oneshot', 'poll', 'select'];
    const native = ['epoll in C', 'poll in C', 'select in C'];
    const libevent = ['libevent, epoll', 'libevent, poll', 'libevent, select'];
    for (const { rows, figures } of groups) {
      expect(rows.map(({ name }) => name)).toEqual([...ours, ...native, ...libevent]);
      expect(rows.filter((row) => row.ours).map(({ name }) => name)).toEqual(ours);
      for (const { name, samples, missing, failure } of rows) {
        expect(failure, name).toBeUndefined();
        if (missing !== undefined) {
          expect(libevent).toContain(name);
          continue;
        }
        // A byte for each active pipe, and those that are passed on; once after each of the registrations.
        expect(samples, name).toMatchObject([{ bytes: 22, runs: 2 }]);
        for (const key of [...figures.map((figure) => figure.key), 'coreShare'])
          expect(samples[0]?.[key], name).toBeGreaterThan(0);
      }
    }
  });

  it('holds each row against itself among the fewest pipes, and against C', async () => {
    const [fewest, more] = await pipes.measure({ pass: 'moment', cores: null });
    if (fewest === undefined || more === undefined) throw new Error('there are two numbers of pipes');
    expect(fewest.figures[0]).toMatchObject({ key: 'microseconds', beside: ['epoll in C'] });
    const place = { group: more.id, row: 'epoll', figure: 'microseconds' };
    const [, beside] = more.figures[0]?.beside ?? [];
    const time = (group: Group) => columnOf(rowOf([group], group.id, 'epoll'), 'microseconds')[0] as number;
    expect(valuesOf([fewest, more], place, beside)).toEqual([time(more) / time(fewest)]);
  });

  it('passes bytes for a time after each registration, so that a sample is not made of a moment', async () => {
    const args = ['--registrations', '2', '--milliseconds', '25', '--warm-up', '0'];
    const outcomes = await Promise.all([runBenchmark('programs/pipes.mjs', args), runInC(args)]);
    for (const { code, stdout, stderr } of outcomes) {
      expect(code, stderr).toBe(0);
      const { runs, microseconds } = JSON.parse(stdout);
      expect(runs).toBeGreaterThanOrEqual(4);
      expect(microseconds).toBeGreaterThan(0);
    }
  });

  it('watches descriptors that an fd_set has no room for', async () => {
    const args = [
      '--pipes',
      '600',
      '--active',
      '600',
      '--writes',
      '700',
      '--registrations',
      '1',
      '--warm-up',
      '0',
    ];
    const outcomes = await Promise.all([
      runBenchmark('programs/pipes.mjs', ['--backend', 'select', ...args]),
      runInC(['--method', 'select', ...args]),
    ]);
    for (const { code, stdout, stderr } of outcomes) {
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ bytes: 1300 });
    }
  });

  it('refuses more active pipes than there are, and a method that is none', async () => {
    const crowd = ['--pipes', '10', '--active', '11'];
    const [ours, native, unknown] = await Promise.all([
      runBenchmark('programs/pipes.mjs', crowd),
      runInC(crowd),
      runInC(['--method', 'guess']),
    ]);
    expect(ours).toMatchObject({ code: 1, stdout: '' });
    expect(ours.stderr).toContain('11 of 10 pipes cannot be active');
    expect(native).toMatchObject({ code: 1, stdout: '', stderr: 'pipes: 11 of 10 pipes cannot be active\n' });
    expect(unknown).toMatchObject({ code: 1, stdout: '', stderr: "pipes: there is no method 'guess'\n" });
  });
});
