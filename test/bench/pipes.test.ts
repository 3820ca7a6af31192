/** The benchmark of pipes, run for a moment: that everybody passes on the same bytes, not how fast. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runBenchmark } from '../support/benchmarks.js';
import { outcomeOf } from '../support/processes.js';

interface Row {
  readonly name: string;
  readonly samples: readonly Record<string, number>[];
  readonly missing?: string;
  readonly failure?: string;
}

const path = (name: string) => fileURLToPath(new URL(`../../bench/${name}`, import.meta.url));
const { groupOf, pipes } = await import(path('cells/pipes.mjs'));
const { nativeProgram } = await import(path('support/native.mjs'));
const inC = nativeProgram('pipes') as { path: string; missing?: string };

function runInC(args: readonly string[]) {
  return outcomeOf(spawn(inC.path, args, { stdio: ['ignore', 'pipe', 'pipe'] }));
}

describe.runIf(inC.missing === undefined)('the benchmark of pipes', () => {
  it('has every selector, the kernel’s calls and libevent pass on the same bytes', async () => {
    const [group, ...others] = await pipes.measure({ pass: 'moment', cores: null });
    expect(others).toEqual([]);
    expect(group).toMatchObject({
      id: 'pipes, 2 active, 10',
      setting: { pipes: 10, active: 2, writes: 20 },
    });
    const ours = ['epoll', 'epoll, edge', 'epoll, oneshot', 'poll', 'select'];
    const native = ['epoll in C', 'poll in C', 'select in C'];
    const libevent = ['libevent, epoll', 'libevent, poll', 'libevent, select'];
    const rows: Row[] = group.rows;
    expect(rows.map(({ name }) => name)).toEqual([...ours, ...native, ...libevent]);
    for (const { name, samples, missing, failure } of rows) {
      expect(failure, name).toBeUndefined();
      if (missing !== undefined) {
        expect(libevent).toContain(name);
        continue;
      }
      // A byte for each active pipe, and those that are passed on.
      expect(samples, name).toEqual([
        { microseconds: expect.any(Number), registerMicroseconds: expect.any(Number), bytes: 22 },
      ]);
      for (const { key } of group.figures) expect(samples[0]?.[key], name).toBeGreaterThan(0);
    }
  });

  it('holds each row against itself among the fewest pipes, round by round', () => {
    const fewest = {
      pipes: 10,
      rows: [
        { name: 'epoll', samples: [{ microseconds: 10 }, { microseconds: 20 }] },
        { name: 'poll', samples: [{ microseconds: 10 }], failure: 'it hung' },
      ],
    };
    const rows = [
      { name: 'epoll', samples: [{ microseconds: 15 }, { microseconds: 20 }] },
      { name: 'poll', samples: [{ microseconds: 30 }, { microseconds: 30 }] },
    ];
    const titlesOf = ({ figures }: { figures: { title: string }[] }) => figures.map(({ title }) => title);
    const first = groupOf({ pipes: 10, active: 1, writes: 5 }, fewest.rows, fewest);
    expect(first.rows).toEqual(fewest.rows);
    expect(titlesOf(first)).toEqual(['µs/run', 'registering, µs']);

    const group = groupOf({ pipes: 2000, active: 1, writes: 5 }, rows, fewest);
    expect(group).toMatchObject({
      id: 'pipes, 1 active, 2000',
      title: expect.stringContaining('2,000 pipes'),
    });
    expect(titlesOf(group)).toEqual(['µs/run', '÷ 10 pipes', 'registering, µs']);
    expect(group.rows).toEqual([
      {
        name: 'epoll',
        samples: [
          { microseconds: 15, growth: 1.5 },
          { microseconds: 20, growth: 1 },
        ],
      },
      { name: 'poll', samples: [{ microseconds: 30, growth: 3 }, { microseconds: 30 }] },
    ]);
  });

  it('watches descriptors that an fd_set has no room for', async () => {
    const args = ['--pipes', '600', '--active', '600', '--writes', '700', '--runs', '1', '--warm-up', '0'];
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
