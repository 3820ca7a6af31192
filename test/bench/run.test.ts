/** What every run does, whatever its cells find: in a copy whose cells are made up. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { benchmarksWith, runBenchmark, storedResults } from '../support/benchmarks.js';
import { FIGURE, rowsBelow } from '../support/tables.js';
import { TemporaryFolder } from '../support/temporary.js';

/** Two rivals, of which ours takes half the other's time in each round, and one that is not installed. */
const TIMERS = `export const timers = {
  name: 'timers',
  async measure({ pass }) {
    const samples = [10, 20, 30].map((x) => ({ microseconds: x / 3, wakes: 1234567 }));
    return [{
      id: 'timers, made up',
      title: 'A ' + pass + ' of timers',
      note: 'They are made up.',
      figures: [{ key: 'microseconds', title: 'CPU µs', digits: 1, beside: [
        'theirs',
        { title: '÷ waking', figure: 'wakes' },
        { title: '÷ others', group: 'timers, others' },
      ] }],
      rows: [
        { name: 'ours', samples },
        { name: 'theirs', samples: samples.map(({ microseconds }) => ({ microseconds: 2 * microseconds })) },
        { name: 'a | third', samples: [], missing: 'apt install third' },
      ],
    }, {
      id: 'timers, others',
      title: 'Others',
      figures: [{ key: 'microseconds', title: 'CPU µs' }],
      // Of theirs a round is missing.
      rows: [
        { name: 'ours', ours: true, samples: [1, 2, 4].map((microseconds) => ({ microseconds })) },
        { name: 'theirs', samples: [{ microseconds: 1 }, { microseconds: 2 }, {}] },
      ],
    }];
  },
};`;
const FAILING_ROW = `export const wakers = {
  name: 'wakers',
  measure: async () => [{
    id: 'wakers, made up', title: 'Wakers', figures: [{ key: 'ms', title: 'ms' }],
    rows: [{ name: 'ours', samples: [], failure: 'it was\\nlost' }],
  }],
};`;
const THROWING = `export const wakers = { name: 'wakers', measure: () => Promise.reject(new Error('no luck')) };`;

describe('a run', () => {
  it('writes the raw samples, a row a line, and the tables that are made of them, which it prints', async () => {
    using folder = new TemporaryFolder();
    const copy = benchmarksWith(folder, { 'cells/timers.mjs': TIMERS });
    const out = folder.join('results/of/today');
    const { code, stdout, stderr } = await runBenchmark('run.mjs', ['timers', '--out', out], copy);
    expect(code, stderr).toBe(0);
    const text = readFileSync(`${out}/results.json`, 'utf8');
    const results = storedResults(`${out}/results.json`);
    expect(results).toMatchObject({
      version: JSON.parse(readFileSync(join(copy, 'package.json'), 'utf8')).version,
      date: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      machine: { node: process.version },
      pass: 'full',
      cells: ['timers'],
      failures: {},
    });
    // What is counted is exact, what is measured has no more digits than a clock is worth.
    expect(results.groups[0]?.rows[0]?.samples).toEqual([
      { microseconds: 3.33333, wakes: 1234567 },
      { microseconds: 6.66667, wakes: 1234567 },
      { microseconds: 10, wakes: 1234567 },
    ]);
    const rows = text.split('\n').filter((line) => line.startsWith('{"name":'));
    expect(rows.map((line) => JSON.parse(line.replace(/,$/, '')).name)).toEqual([
      'ours',
      'theirs',
      'a | third',
      'ours',
      'theirs',
    ]);

    expect(stdout).toBe(`${readFileSync(`${out}/RESULTS.md`, 'utf8')}\n`);
    expect(stdout).toContain(process.version);
    // The copy is of no repository.
    expect(stdout).toMatch(/^iomux \d+\.\d+\.\d+, measured on \d{4}-\d\d-\d\d\.$/m);
    expect(stdout).toContain('### A full of timers');
    expect(stdout).toContain('They are made up.');
    const table = rowsBelow(stdout, '### A full of timers');
    // Beside a row of the group, another figure of the row itself, and the same figure of another group.
    expect(table['ours']).toEqual([
      '6.7',
      '0.50 (0.50 – 0.50)',
      '0.0000054 (0.0000027 – 0.0000081)',
      '3.33 (2.50 – 3.33)',
    ]);
    expect(table['theirs']).toEqual(['13.3', '1', '–', '–']);
    expect(rowsBelow(stdout, '### Others')['theirs']).toEqual(['–']);
    for (const figure of table['ours'] ?? []) expect(figure).toMatch(FIGURE);
    // A rival that is not installed is no failure, and its name cannot break the table.
    expect(stdout).toMatch(/^\| a \\\| third +\| +not installed: apt install third \|/m);
    expect(stdout).toContain('Only some cells were measured in this run, not echo,');
    const promised = Object.keys(rowsBelow(stdout, '## Targets'));
    expect(promised.length).toBeGreaterThan(2);
    expect(promised.filter((target) => !target.startsWith('timers, '))).toEqual([]);
    expect(stderr).toContain('== timers, cell 1 of 1');
    expect(stderr).toMatch(/^== timers took \d+ s$/m);
  });

  it('says of a pass that is not full what its figures are worth', async () => {
    using folder = new TemporaryFolder();
    const copy = benchmarksWith(folder, { 'cells/timers.mjs': TIMERS });
    for (const [args, said] of [
      [['--quick'], 'A quick pass'],
      [['--pass', 'moment'], 'its figures mean nothing'],
    ] as const) {
      const { stdout } = await runBenchmark(
        'run.mjs',
        ['timers', ...args, '--out', folder.join('out')],
        copy,
      );
      expect(stdout).toContain(said);
    }
  });

  it('measures the others where a cell or a row fails, names it, and ends with exit code 1', async () => {
    for (const [module, reason, said] of [
      [FAILING_ROW, 'wakers, made up: ours: it was', 'failed: it was lost'],
      [THROWING, 'wakers: no luck', 'It failed: no luck'],
    ] as const) {
      using folder = new TemporaryFolder();
      const copy = benchmarksWith(folder, { 'cells/timers.mjs': TIMERS, 'cells/wakers.mjs': module });
      const args = ['wakers', 'timers', '--out', folder.join('out')];
      const { code, stdout, stderr } = await runBenchmark('run.mjs', args, copy);
      expect(code).toBe(1);
      expect(stderr).toContain(`failed: ${reason}`);
      expect(stdout).toContain(said);
      expect(rowsBelow(stdout, '### A full of timers')).toHaveProperty('ours');
      // In the order that they are always in, whatever the order that they were asked for.
      expect(storedResults(folder.join('out/results.json')).cells).toEqual(['timers', 'wakers']);
    }
  });

  it('can have its tables made anew of its raw samples alone', async () => {
    using folder = new TemporaryFolder();
    const copy = benchmarksWith(folder, { 'cells/timers.mjs': TIMERS });
    const out = folder.join('out');
    const { stdout } = await runBenchmark('run.mjs', ['timers', '--out', out], copy);
    mkdirSync(folder.join('again'));
    copyFileSync(`${out}/results.json`, folder.join('again/results.json'));
    const { code, stderr } = await runBenchmark('report.mjs', [folder.join('again')]);
    expect(code, stderr).toBe(0);
    expect(`${readFileSync(folder.join('again/RESULTS.md'), 'utf8')}\n`).toBe(stdout);
  });

  it('writes the figures, and shows each in the section of its cell', async () => {
    using folder = new TemporaryFolder();
    const copy = benchmarksWith(folder, {
      'cells/timers.mjs': TIMERS,
      'charts/index.mjs': `export const drawFigures = async ({ pass }) =>
        [{ name: 'crowd', cell: 'timers', title: 'A crowd', alt: 'A crowd of timers', svg: '<svg>' + pass + '</svg>' }];`,
    });
    const { stdout } = await runBenchmark('run.mjs', ['timers', '--out', folder.join('out')], copy);
    expect(readFileSync(folder.join('out/figures/crowd.svg'), 'utf8')).toBe('<svg>full</svg>');
    const [, section = ''] = stdout.split('## timers');
    expect(section).toContain('![A crowd of timers](figures/crowd.svg)');
  });

  it('removes the figures of the run before, and whatever else is there stays', async () => {
    using folder = new TemporaryFolder();
    const drawing = (name: string) => `export const drawFigures = async () =>
      [{ name: '${name}', cell: 'timers', title: 'A', alt: 'A', svg: '<svg>' }];`;
    const modules = (name: string) => ({ 'cells/timers.mjs': TIMERS, 'charts/index.mjs': drawing(name) });
    const run = async (name: string) => {
      using source = new TemporaryFolder();
      await runBenchmark('run.mjs', ['timers', '--out', folder.path], benchmarksWith(source, modules(name)));
    };
    mkdirSync(folder.join('figures'));
    writeFileSync(folder.join('figures/mine.svg'), '');
    await run('first');
    expect(readdirSync(folder.join('figures'))).toEqual(['first.svg', 'mine.svg']);
    await run('second');
    expect(readdirSync(folder.join('figures'))).toEqual(['mine.svg', 'second.svg']);
  });

  it('leaves the figures out where nothing can draw them, and says how to have them', async () => {
    using folder = new TemporaryFolder();
    const copy = benchmarksWith(folder, {
      'cells/timers.mjs': TIMERS,
      'charts/index.mjs': `export const drawFigures = async () => import('no-such-package');`,
    });
    mkdirSync(folder.join('out/figures'), { recursive: true });
    writeFileSync(folder.join('out/figures/before.svg'), '');
    writeFileSync(folder.join('out/RESULTS.md'), '![Before](figures/before.svg)');
    const { code, stderr } = await runBenchmark('run.mjs', ['timers', '--out', folder.join('out')], copy);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^no figures: .*no-such-package.*npm ci --prefix bench$/m);
    expect(readdirSync(folder.join('out/figures'))).toEqual(['before.svg']);
    expect(readFileSync(folder.join('out/RESULTS.md'), 'utf8')).toContain('### A full of timers');
  });

  it('has its tables where a figure cannot be drawn, and fails', async () => {
    for (const [index, reason] of [
      [`export const drawFigures = async () => { throw new Error('no ink'); };`, 'no ink'],
      [`export const drawFigures = () => import('./no-such-figure.mjs');`, 'no-such-figure.mjs'],
    ] as const) {
      using folder = new TemporaryFolder();
      const copy = benchmarksWith(folder, { 'cells/timers.mjs': TIMERS, 'charts/index.mjs': index });
      const { code, stdout, stderr } = await runBenchmark(
        'run.mjs',
        ['timers', '--out', folder.join('out')],
        copy,
      );
      expect(code).toBe(1);
      expect(stderr).toMatch(new RegExp(`^no figures: .*${reason}`, 'm'));
      expect(stdout).toContain('### A full of timers');
      expect(`${readFileSync(folder.join('out/RESULTS.md'), 'utf8')}\n`).toBe(stdout);
    }
  });

  it('has what was measured before it was ended', async () => {
    using folder = new TemporaryFolder();
    const copy = benchmarksWith(folder, {
      'cells/timers.mjs': TIMERS,
      'cells/wakers.mjs': `export const wakers = { name: 'wakers', measure: () => process.exit(3) };`,
    });
    const out = folder.join('out');
    const { code } = await runBenchmark('run.mjs', ['timers', 'wakers', '--out', out], copy);
    expect(code).toBe(3);
    const { cells, groups } = storedResults(`${out}/results.json`);
    expect(cells).toEqual(['timers']);
    expect(groups).toHaveLength(2);
  });

  it('says before it measures anything that it cannot write, or would replace more than it has', async () => {
    using folder = new TemporaryFolder();
    const copy = benchmarksWith(folder, {
      'cells/timers.mjs': TIMERS,
      'cells/wakers.mjs': FAILING_ROW.replace(", failure: 'it was\\nlost'", ''),
    });
    const out = folder.join('out');
    const run = (...args: string[]) => runBenchmark('run.mjs', [...args, '--out', out], copy);
    writeFileSync(out, 'a file');
    const inTheWay = await run('timers');
    expect(inTheWay.code).toBe(1);
    expect(inTheWay.stderr).toContain('EEXIST');
    expect(inTheWay.stderr).not.toContain('==');
    rmSync(out);

    // Anything may be written over what is not of a full pass.
    for (const args of [['--quick'], ['--pass', 'moment'], [], []])
      expect(await run('timers', 'wakers', ...args)).toMatchObject({ code: 0 });
    const kept = readFileSync(`${out}/results.json`, 'utf8');
    for (const [args, lost] of [
      [['timers', 'wakers', '--quick'], 'timers, wakers'],
      [['timers'], 'wakers'],
    ] as const) {
      const { code, stderr } = await run(...args);
      expect(code).toBe(1);
      expect(stderr).toContain(
        `results.json has a full pass of ${lost}, and would lose it: name another folder by --out`,
      );
      expect(stderr).not.toContain('==');
    }
    expect(readFileSync(`${out}/results.json`, 'utf8')).toBe(kept);
  });

  it('says whether anybody was pinned to a core', async () => {
    using folder = new TemporaryFolder();
    const copy = benchmarksWith(folder, { 'cells/timers.mjs': TIMERS });
    const out = folder.join('out');
    await runBenchmark('run.mjs', ['timers', '--out', out], copy);
    const file = `${out}/results.json`;
    for (const [cores, said] of [
      [[2, 5], 'Whoever was measured had core 2, the load core 5.'],
      [null, 'Nobody was pinned to a core'],
    ] as const) {
      const found = storedResults(file);
      expect(found.cores === null || found.cores?.length === 2).toBe(true);
      writeFileSync(file, JSON.stringify({ ...found, cores }));
      await runBenchmark('report.mjs', [out], copy);
      expect(readFileSync(`${out}/RESULTS.md`, 'utf8')).toContain(said);
    }
  });

  it('says what there is where it is asked for help', async () => {
    for (const option of ['--help', '-h']) {
      const { code, stdout, stderr } = await runBenchmark('run.mjs', [option]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^usage: npm run bench/);
      expect(stdout).toMatch(/^ {2}timers +What/m);
    }
  });

  it('refuses what there is not, before it measures anything, and says what there is', async () => {
    using folder = new TemporaryFolder();
    for (const [args, reason] of [
      [['timers', 'nosuch'], "there is no cell 'nosuch'"],
      [['toString'], "there is no cell 'toString'"],
      [['--pass', 'slow'], "there is no pass 'slow'"],
      [['--rounds', '5'], "Unknown option '--rounds'"],
      [['--quick', '--pass', 'full'], '--quick is --pass quick'],
    ] as const) {
      const out = folder.join('out');
      const { code, stdout, stderr } = await runBenchmark('run.mjs', [...args, '--out', out]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(reason);
      expect(stderr).toMatch(/^ {2}timers +What/m);
      expect(stderr).not.toContain('==');
      expect(existsSync(out)).toBe(false);
    }
  });
});
