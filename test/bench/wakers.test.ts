/** The benchmark of what crosses threads, run for a moment: what it prints and stores, not how fast anything is. */
import { readFileSync } from 'node:fs';
import { DefaultSelector } from 'iomux';
import { describe, expect, it } from 'vitest';
import { runBenchmark } from '../support/benchmarks.js';
import { FIGURE, rowsBelow } from '../support/tables.js';
import { TemporaryFolder } from '../support/temporary.js';

const MOMENT = ['--workers', '2', '--wakes', '500', '--times', '100', '--count', '500', '--rounds', '2'];

describe('the benchmark of what crosses threads', () => {
  it('loses no wake and no message, prints what they cost, and stores the samples', async () => {
    using folder = new TemporaryFolder();
    const file = folder.join('samples.json');
    const { code, stdout, stderr } = await runBenchmark('wakers.mjs', [...MOMENT, '--out', file]);
    expect(code, stderr).toBe(0);
    const wakes = rowsBelow(stdout, '2 threads, 500 wakes each, none lost');
    expect(Object.keys(wakes)).toEqual(['selector.waker', 'selector.waker, rings counted']);
    for (const [total] of Object.values(wakes)) expect(total).toBe('1,000');
    const roundTrips = rowsBelow(stdout, 'Round trip between two threads');
    expect(Object.keys(roundTrips)).toEqual(['Waker', 'MessagePort', 'Atomics.wait']);
    const posts = rowsBelow(stdout, '500 messages from one thread to another');
    expect(Object.keys(posts)).toEqual([
      'posts to Remote, blocking',
      'posts to Remote, hosted',
      'posts to MessagePort',
    ]);
    for (const figures of [...Object.values(roundTrips), ...Object.values(posts)]) {
      for (const figure of figures) expect(figure).toMatch(FIGURE);
    }
    const verdict = /^- rings ≤ waits: (met|NOT met|not measured)/m.exec(stdout)?.[1];
    // It is counted without noise, so it is promised.
    expect(verdict).toBe(new DefaultSelector().backend === 'kqueue' ? 'not measured' : 'met');

    const stored = JSON.parse(readFileSync(file, 'utf8'));
    expect(stored.failures).toEqual({});
    for (const sample of Object.values(stored.wakes).flat() as { waits: number }[]) {
      expect(sample).toMatchObject({ wakes: 1000, waits: expect.any(Number) });
      expect(sample.waits).toBeGreaterThan(0);
    }
    for (const { rings } of stored.wakes['selector.waker, rings counted']) expect(rings).toBeGreaterThan(0);
    for (const rounds of Object.values(stored.posts)) expect(rounds).toHaveLength(2);
  });

  it('refuses a number of workers that is none, before it starts anything', async () => {
    const { code, stdout, stderr } = await runBenchmark('wakers.mjs', ['--workers', '0']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain("--workers must be a positive number, not '0'");
  });
});
