/** The cell of many connections, run for a moment: what it finds and how it collects, not how much of it there is. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

interface Group {
  readonly id: string;
  readonly figures: readonly { readonly key: string }[];
  readonly rows: readonly {
    readonly name: string;
    readonly samples: readonly Record<string, number>[];
    readonly missing?: string;
    readonly failure?: string;
  }[];
}

const path = (name: string) => fileURLToPath(new URL(`../../bench/${name}`, import.meta.url));
const { c10k } = await import(path('cells/c10k.mjs'));
const { memoryGroup } = await import(path('cells/c10k/memory.mjs'));
const { isComplete, rowOf } = await import(path('support/results.mjs'));
const COLLECT = path('support/collect.mjs');

// What a process does is read from /proc.
describe.runIf(process.platform === 'linux')('the cell c10k', { timeout: 60_000 }, () => {
  it('measures throughput, memory, an idle second and idle descriptors, every row to its end', async () => {
    const groups: Group[] = await c10k.measure({ pass: 'moment', cores: null });
    expect(groups.map(({ id }) => id)).toEqual([
      'c10k, throughput',
      'c10k, memory',
      'c10k, idle second',
      'idle descriptors',
    ]);
    for (const { rows, figures } of groups) {
      for (const row of rows) {
        expect(row).toSatisfy(isComplete);
        for (const { key } of figures) expect(row.samples[0]?.[key]).toSatisfy(Number.isFinite);
      }
    }
    const names = groups.map(({ rows }) => rows.map(({ name }) => name));
    expect(names).toEqual([
      ['dispatch, 4 active', 'dispatch, 4 active and 16 idle'],
      ['dispatch, epoll', 'protocol, hosted', 'streams, hosted', 'node:net', 'node:net, for await'],
      ['dispatch, epoll'],
      ['epoll', 'poll', 'select'].flatMap((backend) => [`${backend}, 1 idle`, `${backend}, 50 idle`]),
    ]);
    expect(rowOf(groups, 'c10k, throughput', 'dispatch, 4 active')?.samples[0]).toMatchObject({
      messagesRatio: 1,
      cpuRatio: 1,
    });
    // A loop that blocks is not woken by anything.
    expect(rowOf(groups, 'c10k, idle second', 'dispatch, epoll')?.samples).toEqual([
      { involuntary: 0, voluntary: 0, cpuMilliseconds: 0 },
    ]);
  });

  it('measures the memory of servers in C and in Python as well, or says what to install', async () => {
    const size = { connections: 20, rounds: 1, everybody: true, hurry: true };
    const { rows }: Group = await memoryGroup(size, null);
    expect(rows.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['watchers, hosted', 'epoll in C', 'asyncio, streams', 'uvloop, streams']),
    );
    for (const { missing, failure, samples } of rows) {
      expect(failure).toBeUndefined();
      if (missing === undefined) expect(samples).toHaveLength(1);
      else expect(missing).toMatch(/^apt install /);
    }
  });

  it('leaves nothing of a young generation that had grown, in a process that is told to collect', async () => {
    const program = `
      import { getHeapSpaceStatistics } from 'node:v8';
      const kept = Array.from({ length: 300_000 }, (_, index) => ({ index }));
      const size = () => getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size;
      console.log(size());
      setTimeout(() => {}, 60_000);
      process.on('SIGHUP', () => process.exit(console.log(size(), kept.length)));
    `;
    const options = ['--expose-gc', '--import', COLLECT, '--input-type=module', '-e', program];
    const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [grown] = await once(child.stdout, 'data');
      expect(Number(grown)).toBeGreaterThan(4 * 1024 * 1024);
      child.kill('SIGUSR2');
      expect(`${await once(child.stdout, 'data')}`).toBe('collected\n');
      child.kill('SIGHUP');
      const [small] = await once(child.stdout, 'data');
      expect(Number.parseInt(small, 10)).toBeLessThanOrEqual(2 * 1024 * 1024);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
