/** The check of what is promised: in a copy whose cells and promises are made up, and counted. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { benchmarksWith, runBenchmark } from '../support/benchmarks.js';
import { FIGURE, rowsBelow } from '../support/tables.js';
import { TemporaryFolder } from '../support/temporary.js';

interface Sample {
  [figure: string]: number;
}

/** A cell whose rows have other samples in each pass, and which notes down its passes in a file beside it. */
function cellOf(name: string, passes: Record<string, Sample[]>[], more = ''): string {
  return `import { appendFileSync, readFileSync } from 'node:fs';
const note = new URL('../../${name}.passes', import.meta.url);
export const ${name} = {
  name: '${name}',
  async measure({ pass }) {
    appendFileSync(note, pass + '\\n');
    const passes = ${JSON.stringify(passes)};
    const rows = passes[Math.min(readFileSync(note, 'utf8').split('\\n').length - 2, passes.length - 1)];
    return [{
      id: '${name}, made up', title: 'Made up', figures: [{ key: 'ms', title: 'CPU ms' }],
      rows: Object.entries(rows).map(([name, samples]) => ({ name, samples${more} })),
    }];
  },
};`;
}

const rounds = (...values: number[]): Sample[] => values.map((ms) => ({ ms }));
const targetsOf = (...targets: object[]): string => `export const targets = ${JSON.stringify(targets)};`;

/** At most half of theirs, ours takes. */
const HALF = { group: 'timers, made up', row: 'ours', figure: 'ms', beside: 'theirs', atMost: 0.5 };
const HALF_OF_THEIRS = 'timers, made up, CPU ms: ours ÷ theirs';
const COUNTED = { group: 'wakers, made up', row: 'ours', figure: 'ms', atMost: 2 };

describe('the check of what is promised', () => {
  it('ends well where every target holds, after one quick pass of the cells that have any', async () => {
    using folder = new TemporaryFolder();
    const copy = benchmarksWith(folder, {
      'cells/timers.mjs': cellOf('timers', [{ ours: rounds(0.9, 8, 4), theirs: rounds(2, 18, 10) }]),
      'cells/wakers.mjs': cellOf('wakers', [{ ours: rounds(1) }]),
      'targets.mjs': targetsOf(HALF, COUNTED, { ...COUNTED, atMost: 0, absolute: true }),
    });
    const { code, stdout, stderr } = await runBenchmark('check.mjs', [], copy);
    expect({ code, stdout }, stderr).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^2 of 2 targets hold:\n/),
    });
    expect(readFileSync(folder.join('timers.passes'), 'utf8')).toBe('quick\n');
    expect(stderr).not.toContain('echo');
  });

  it('measures what falls short by two further passes, and lets the median of all rounds decide', async () => {
    using folder = new TemporaryFolder();
    const disturbed = { ours: rounds(9, 9, 9), theirs: rounds(10, 10, 10) };
    const calm = { ours: rounds(4, 4, 4), theirs: rounds(10, 10, 10) };
    const copy = benchmarksWith(folder, {
      'cells/timers.mjs': cellOf('timers', [disturbed, calm]),
      'cells/wakers.mjs': cellOf('wakers', [{ ours: rounds(1) }]),
      'targets.mjs': targetsOf(HALF, COUNTED),
    });
    const { code, stdout, stderr } = await runBenchmark('check.mjs', [], copy);
    expect({ code, stdout }, stderr).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^2 of 2 targets hold:\n/),
    });
    expect(readFileSync(folder.join('timers.passes'), 'utf8')).toBe('quick\nquick\nquick\n');
    expect(readFileSync(folder.join('wakers.passes'), 'utf8')).toBe('quick\n');
    expect(stderr).toContain('measured again, 2 passes more: timers');
  });

  it('does not let one good pass of three decide, and says what falls short in a table', async () => {
    using folder = new TemporaryFolder();
    const slow = { ours: rounds(6, 7, 8), theirs: rounds(10, 10, 10) };
    const quick = { ours: rounds(1, 1, 1), theirs: rounds(10, 10, 10) };
    const copy = benchmarksWith(folder, {
      'cells/timers.mjs': cellOf('timers', [slow, quick, slow]),
      'targets.mjs': targetsOf(HALF),
    });
    const { code, stdout } = await runBenchmark('check.mjs', [], copy);
    expect(code).toBe(1);
    const short = rowsBelow(stdout, '1 of 1 targets fall short');
    expect(short).toEqual({ [HALF_OF_THEIRS]: ['≤ 0.5', '0.600 (0.100 – 0.800)', '9', 'NOT met'] });
    expect(short[HALF_OF_THEIRS]?.[1]).toMatch(FIGURE);
  });

  it('has what is counted hold in every round, and does not count again until it does', async () => {
    using folder = new TemporaryFolder();
    const copy = benchmarksWith(folder, {
      'cells/wakers.mjs': cellOf('wakers', [{ ours: rounds(2, 1, 3, 2) }]),
      'targets.mjs': targetsOf({ ...COUNTED, every: true }),
    });
    const { code, stdout } = await runBenchmark('check.mjs', [], copy);
    expect(code).toBe(1);
    expect(Object.values(rowsBelow(stdout, '1 of 1'))).toEqual([
      ['≤ 2, always', '2 (1 – 3)', '4', 'NOT met'],
    ]);
    expect(readFileSync(folder.join('wakers.passes'), 'utf8')).toBe('quick\n');
  });

  it('measures what is close to its bound again, on whichever side it is', async () => {
    for (const [ours, passes] of [
      [49.2, 3],
      [51, 3],
      [48.9, 1],
    ] as const) {
      using folder = new TemporaryFolder();
      const copy = benchmarksWith(folder, {
        'cells/timers.mjs': cellOf('timers', [{ ours: rounds(ours), theirs: rounds(100) }]),
        'targets.mjs': targetsOf(HALF),
      });
      await runBenchmark('check.mjs', [], copy);
      expect(readFileSync(folder.join('timers.passes'), 'utf8')).toBe('quick\n'.repeat(passes));
    }
  });

  it('holds what could not be measured for short: a row or a cell that failed, or gave no figure', async () => {
    for (const wakers of [
      cellOf('wakers', [{ ours: rounds(1) }], ", failure: 'lost'"),
      cellOf('wakers', [{ ours: [{ other: 1 }] }]),
      cellOf('wakers', [{ ours: [{ ms: 1 }, { other: 1 }, { ms: 1 }] }]),
      cellOf('wakers', [{}]),
      // A round of theirs is missing.
      cellOf('wakers', [{ ours: rounds(1, 1, 1), theirs: rounds(1, 1) }]),
      'throw new Error("it does not even load")',
    ]) {
      using folder = new TemporaryFolder();
      const copy = benchmarksWith(folder, {
        'cells/wakers.mjs': wakers,
        'targets.mjs': targetsOf(wakers.includes('theirs') ? { ...COUNTED, beside: 'theirs' } : COUNTED, {
          ...COUNTED,
          group: 'wakers, unknown',
          figure: 'x',
        }),
      });
      const { code, stdout } = await runBenchmark('check.mjs', [], copy);
      expect(code).toBe(1);
      expect(Object.values(rowsBelow(stdout, '2 of 2 targets fall short')).map((row) => row.at(-1))).toEqual([
        'not measured',
        'not measured',
      ]);
    }
  });

  it('says how to have a rival that is not installed, and does not look for it again', async () => {
    using folder = new TemporaryFolder();
    const cell = `import { appendFileSync } from 'node:fs';
      export const timers = { name: 'timers', async measure() {
        appendFileSync(new URL('../../timers.passes', import.meta.url), 'quick\\n');
        const rows = [{ name: 'ours', samples: [{ ms: 1 }] }, { name: 'theirs', samples: [], missing: 'apt install it' }];
        return [{ id: 'timers, made up', title: 'Made up', figures: [], rows }];
      } };`;
    const copy = benchmarksWith(folder, { 'cells/timers.mjs': cell, 'targets.mjs': targetsOf(HALF) });
    const { code, stdout } = await runBenchmark('check.mjs', [], copy);
    expect(code).toBe(1);
    expect(Object.values(rowsBelow(stdout, '1 of 1'))[0]?.at(-1)).toBe('not measured: apt install it');
    expect(readFileSync(folder.join('timers.passes'), 'utf8')).toBe('quick\n');
  });

  it('fails where any pass did, and has the passes decide in which nothing failed', async () => {
    const calm = { ours: rounds(4, 4, 4), theirs: rounds(10, 10, 10) };
    const slow = { ours: rounds(9, 9, 9), theirs: rounds(10, 10, 10) };
    for (const [failing, found] of [
      // The first could not be measured, and is again.
      ["pass === 1 ? 'lost' : undefined", [calm, calm, calm]],
      // The first fell short, and of the others one fails.
      [
        "pass === 3 ? 'lost' : undefined",
        [slow, { ours: rounds(0, 0, 0, 0), theirs: rounds(1, 1, 1, 1) }, slow],
      ],
    ] as const) {
      using folder = new TemporaryFolder();
      const copy = benchmarksWith(folder, {
        'cells/timers.mjs': `let pass = 0;
          export const timers = { name: 'timers', async measure() {
            const rows = ${JSON.stringify(found)}[pass++];
            const failure = ${failing};
            return [{ id: 'timers, made up', title: 'Made up', figures: [], rows:
              Object.entries(rows).map(([name, samples]) => ({ name, samples, ...(failure && { failure }) })) }];
          } };`,
        'targets.mjs': targetsOf(HALF),
      });
      const { code, stdout, stderr } = await runBenchmark('check.mjs', [], copy);
      expect({ code, stdout }, stderr).toMatchObject({
        code: 1,
        stdout: expect.stringMatching(/^1 of 1 targets hold:\n/),
      });
      expect(stderr).toContain('failed: timers, made up: ours: lost');
    }
  });

  it('refuses to hold against nothing what nothing is promised of', async () => {
    const { code, stdout, stderr } = await runBenchmark('check.mjs', ['accept-storm']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('nothing is promised of accept-storm');
  });

  it('judges the results of a run that was, as they are', async () => {
    using folder = new TemporaryFolder();
    const copy = benchmarksWith(folder, {
      'targets.mjs': targetsOf({
        ...HALF,
        beside: { row: 'theirs', group: 'timers, others', figure: 'seconds' },
      }),
    });
    const group = (id: string, name: string, samples: Sample[]) => ({
      ...{ id, title: id, figures: [], rows: [{ name, samples }] },
    });
    const judged = (ours: number) => {
      const groups = [
        group('timers, made up', 'ours', rounds(ours)),
        group('timers, others', 'theirs', [{ seconds: 8 }]),
      ];
      const file = folder.join('results.json');
      writeFileSync(file, JSON.stringify({ pass: 'full', cores: null, cells: ['timers'], groups }));
      return runBenchmark('check.mjs', ['--from', file], copy);
    };
    // A bound is kept by what just reaches it.
    expect(await judged(4)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^1 of 1 targets hold:\n/),
    });
    const { code, stdout, stderr } = await judged(4.01);
    expect(code).toBe(1);
    expect(stdout).toContain('timers, made up, ms: ours ÷ theirs, seconds of timers, others');
    expect(stderr).toContain('Nobody was pinned to a core');
    expect(await runBenchmark('check.mjs', ['--from', folder.join('none.json')], copy)).toMatchObject({
      code: 1,
    });
  });

  it('promises nothing of a cell that there is not', async () => {
    using folder = new TemporaryFolder();
    const file = folder.join('results.json');
    writeFileSync(file, JSON.stringify({ pass: 'full', cells: [], groups: [] }));
    const { stdout } = await runBenchmark('check.mjs', ['--from', file]);
    const { targets } = await import(new URL('../../bench/targets.mjs', import.meta.url).href);
    const times = targets.filter(({ absolute }: { absolute?: true }) => absolute).length;
    const checked = targets.length - times;
    expect(stdout).toContain(`${checked} of ${checked} targets fall short`);
    expect(Object.keys(rowsBelow(stdout, `${checked} of`))).toHaveLength(checked);
  });

  it('refuses a cell that there is not, before it measures anything', async () => {
    const { code, stdout, stderr } = await runBenchmark('check.mjs', ['nosuch']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain("there is no cell 'nosuch'");
  });
});
