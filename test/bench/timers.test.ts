/** The timers cell, run for a moment: what it finds, not how fast anything is. */
import { describe, expect, it } from 'vitest';
import { benchmarksWith, rowsOf, runBenchmark, storedResults } from '../support/benchmarks.js';
import { FIGURE, rowsBelow } from '../support/tables.js';
import { TemporaryFolder } from '../support/temporary.js';

const REACTORS = ['blocking', 'hosted'].flatMap((mode) =>
  ['0.1', '1', '3.1'].map((delay) => `reactor, ${mode}, ${delay} ms`),
);

describe('the timers cell', () => {
  it('finds what a crowd costs and how exact one timer is, beside setTimeout, and none that is early', async () => {
    using folder = new TemporaryFolder();
    const { code, stdout, stderr } = await runBenchmark('run.mjs', [
      ...['timers', '--pass', 'moment', '--out', folder.path],
    ]);
    expect(code, stderr).toBe(0);
    const results = storedResults(folder.join('results.json'));
    const crowd = rowsOf(results, 'timers, crowd');
    expect(Object.keys(crowd)).toEqual(['reactor, blocking', 'reactor, hosted', 'setTimeout']);
    for (const { samples } of Object.values(crowd)) {
      // The warm-up round leaves no sample.
      expect(samples).toEqual([{ timers: 2000, milliseconds: expect.any(Number) }]);
    }
    const precision = rowsOf(results, 'timers, precision');
    expect(Object.keys(precision)).toEqual([...REACTORS, 'setTimeout, 1 ms']);
    for (const name of REACTORS) {
      const [{ earliest = Number.NaN, p50 = Number.NaN, p99 = Number.NaN } = {}] =
        precision[name]?.samples ?? [];
      expect(earliest).toBeGreaterThanOrEqual(0);
      expect(p50).toBeGreaterThanOrEqual(earliest);
      expect(p99).toBeGreaterThanOrEqual(p50);
    }
    const targets = rowsBelow(stdout, '## Targets');
    for (const name of REACTORS) {
      expect(targets[`timers, precision, earliest µs: ${name}`]?.at(-1)).toBe('met');
      expect(targets[`timers, precision, p50 µs: ${name}`]?.at(-1)).toMatch(/^(NOT )?met$/);
    }
    const table = rowsBelow(stdout, '### 2,000 timers set, half of them cancelled, the rest fired');
    for (const figures of Object.values(table)) {
      expect(figures).toHaveLength(2);
      for (const figure of figures) expect(figure).toMatch(FIGURE);
    }
  });

  it('has a timer that was early fail its row, and measures the others', async () => {
    using folder = new TemporaryFolder();
    const early = benchmarksWith(folder, {
      'programs/precision.mjs': `const early = process.argv.includes('blocking') && process.argv.includes('1');
        console.log(JSON.stringify({ earliest: early ? -0.5 : 12, p50: 20, p99: 30 }));`,
    });
    const out = folder.join('out');
    const { code, stderr } = await runBenchmark(
      'run.mjs',
      ['timers', '--pass', 'moment', '--out', out],
      early,
    );
    const rows = rowsOf(storedResults(`${out}/results.json`), 'timers, precision');
    const failed = Object.values(rows).filter(({ failure }) => failure !== undefined);
    expect(failed).toMatchObject([
      { name: 'reactor, blocking, 1 ms', failure: 'early by 0.500 µs: a timer must never be', samples: [] },
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('failed: timers, precision: reactor, blocking, 1 ms: early by 0.500 µs');
  });
});
