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
    expect(Object.keys(crowd)).toEqual([
      'reactor, blocking',
      'reactor, hosted',
      'AsyncResource',
      'setTimeout',
    ]);
    for (const { samples } of Object.values(crowd)) {
      expect(samples).toEqual([{ timers: 2000, milliseconds: expect.any(Number) }]);
    }
    const ours = Object.values(crowd).flatMap((row) => (row.ours ? [row.name] : []));
    expect(ours).toEqual(['reactor, blocking', 'reactor, hosted']);
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

  it('has one timer that was early in any round miss what is promised, and is no failure of the run', async () => {
    using folder = new TemporaryFolder();
    const early = benchmarksWith(folder, {
      'programs/precision.mjs': `const early = process.argv.includes('blocking') && process.argv.includes('1');
        console.log(JSON.stringify({ earliest: early ? -0.5 : 12, p50: 20, p99: 30 }));`,
    });
    const out = folder.join('out');
    const run = await runBenchmark('run.mjs', ['timers', '--pass', 'moment', '--out', out], early);
    expect(run.code, run.stderr).toBe(0);
    const rows = rowsOf(storedResults(`${out}/results.json`), 'timers, precision');
    expect(rows['reactor, blocking, 1 ms']?.samples).toEqual([{ earliest: -0.5, p50: 20, p99: 30 }]);
    const { code, stdout } = await runBenchmark(
      'check.mjs',
      ['--from', `${out}/results.json`, 'timers'],
      early,
    );
    expect(code).toBe(1);
    const short = Object.entries(rowsBelow(stdout, '')).filter(([promise]) => promise.includes('earliest'));
    expect(short).toEqual([
      [
        'timers, precision, earliest µs: reactor, blocking, 1 ms',
        ['≥ 0, always', expect.stringMatching(/^-0\.500 /), '1', 'NOT met'],
      ],
    ]);
  });
});
