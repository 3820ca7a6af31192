/** The benchmark of timers, run for a moment: what it prints and stores, not how fast anything is. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runBenchmark } from '../support/benchmarks.js';
import { FIGURE, rowsBelow } from '../support/tables.js';
import { TemporaryFolder } from '../support/temporary.js';

const MOMENT = ['--count', '2000', '--times', '20', '--rounds', '1'];
const PRECISION = 'How late a timer fires, 20 of each in each of 1 rounds';

describe('the benchmark of timers', () => {
  it('prints what a crowd costs and how exact one is, beside setTimeout, and stores the samples', async () => {
    using folder = new TemporaryFolder();
    const file = folder.join('samples.json');
    const { code, stdout, stderr } = await runBenchmark('timers.mjs', [...MOMENT, '--out', file]);
    // Nothing was early, and everything was measured.
    expect(code, stderr).toBe(0);
    const crowd = rowsBelow(stdout, '2,000 timers set, half of them cancelled');
    expect(Object.keys(crowd)).toEqual(['reactor, blocking', 'reactor, hosted', 'setTimeout']);
    const precision = rowsBelow(stdout, PRECISION);
    const reactors = ['blocking', 'hosted'].flatMap((mode) =>
      [0.1, 1, 3.1].map((delay) => `reactor, ${mode}, ${delay} ms`),
    );
    expect(Object.keys(precision)).toEqual([...reactors, 'setTimeout, 1 ms']);
    for (const figures of [...Object.values(crowd), ...Object.values(precision)]) {
      for (const figure of figures) expect(figure).toMatch(FIGURE);
    }
    for (const name of reactors) {
      const [earliest = Number.NaN, p50 = Number.NaN, p99 = Number.NaN] = precision[name]?.map(Number) ?? [];
      expect(earliest).toBeGreaterThanOrEqual(0);
      expect(p50).toBeGreaterThanOrEqual(earliest);
      expect(p99).toBeGreaterThanOrEqual(p50);
      expect(stdout).toMatch(new RegExp(`^- ${name}: p50 ≤ 150 µs late: (met|NOT met)`, 'm'));
    }
    for (const name of ['reactor, blocking', 'reactor, hosted']) {
      expect(stdout).toMatch(new RegExp(`^- ${name} ≤ 0\\.5 × setTimeout: (met|NOT met)`, 'm'));
    }
    expect(stdout).toContain(process.version);

    const stored = JSON.parse(readFileSync(file, 'utf8'));
    expect(stored.failures).toEqual({});
    // The warm-up round leaves no sample.
    expect(stored.crowd['reactor, hosted']).toHaveLength(1);
    for (const sample of stored.crowd['setTimeout']) {
      expect(sample).toMatchObject({ timers: 2000, milliseconds: expect.any(Number) });
    }
    expect(stored.precision['setTimeout, 1 ms']).toHaveLength(1);
  });

  it('refuses a number of timers that is none, before it starts anything', async () => {
    const { code, stdout, stderr } = await runBenchmark('timers.mjs', ['--count', 'many']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain("--count must be a positive number, not 'many'");
  });
});
