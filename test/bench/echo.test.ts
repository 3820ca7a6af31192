/** The echo benchmark, run for a moment: what it prints and stores, not how fast anything is. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIGURE, rowsBelow } from '../support/tables.js';
import { hasUvloop } from '../support/tools.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const driver = join(root, 'bench/echo.mjs');
const MOMENT = [
  '--connections',
  '2',
  '--size',
  '64',
  '--seconds',
  '0.05',
  '--warmup',
  '0.02',
  '--rounds',
  '2',
];
/** What stands above the tables. */
const ECHO = 'Echo,';
const ROUND_TRIP = 'Round trip,';
const IDLE = 'One selector.dispatch(0, …)';
const MEMORY = 'Memory of 20 open connections,';
const FEW_IDLE = ['--idle', '1', '--idle', '50', '--open', '20'];

// The C programs of the baseline are written for epoll.
describe.runIf(process.platform === 'linux')('the echo benchmark', { timeout: 120_000 }, () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'iomux-bench-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.runIf(hasUvloop())(
    'prints a figure for each server and idle set, and stores the samples of each round',
    async () => {
      const file = join(folder, 'samples.json');
      const { stdout, stderr } = await run(process.execPath, [driver, ...MOMENT, ...FEW_IDLE, '--out', file]);

      const servers = rowsBelow(stdout, ECHO);
      expect(Object.keys(servers)).toEqual(
        expect.arrayContaining([
          'C loop',
          'dispatch, epoll',
          'dispatch, poll',
          'dispatch, select',
          'watchers, blocking',
          'watchers, hosted',
          'protocol, hosted',
          'streams, hosted',
          'node:net',
          'node:net, for await',
          'uvloop, protocol',
          'uvloop, streams',
        ]),
      );
      for (const figures of Object.values(servers)) {
        expect(figures).toHaveLength(6);
        for (const figure of figures) expect(figure).toMatch(FIGURE);
      }
      const roundTrips = rowsBelow(stdout, ROUND_TRIP);
      expect(Object.keys(roundTrips)).toEqual([
        'C loop',
        'dispatch, epoll',
        'watchers, blocking',
        'watchers, hosted',
        'node:net',
      ]);
      for (const figures of Object.values(roundTrips)) {
        expect(figures).toHaveLength(5);
        for (const figure of figures) expect(figure).toMatch(FIGURE);
      }
      expect(rowsBelow(stdout, IDLE)).toHaveProperty('epoll');
      expect(Object.keys(rowsBelow(stdout, MEMORY))).toEqual([
        'watchers, hosted',
        'protocol, hosted',
        'streams, hosted',
        'node:net',
        'node:net, for await',
      ]);
      expect(stdout).toMatch(/^- streams, hosted ≤ 0\.5 × node:net's memory: (met|NOT met) \(/m);
      for (const target of [
        'dispatch, epoll ≤ 1.05 × C loop',
        'dispatch, epoll ≤ 0.75 × node:net',
        'watchers, blocking ≤ 1.07 × C loop',
        'watchers, blocking ≤ 0.76 × node:net',
        'watchers, hosted ≤ 1.1 × C loop',
        'watchers, hosted ≤ 0.78 × node:net',
        'protocol, hosted ≤ 1.15 × C loop',
        'protocol, hosted ≤ 0.82 × node:net',
        'protocol, hosted ≤ 1 × uvloop, protocol',
        'streams, hosted ≤ 1.3 × C loop',
        'streams, hosted ≤ 0.92 × node:net',
        'streams, hosted ≤ 1 × uvloop, streams',
        'watchers, blocking ≤ 1.05 × C loop',
        'watchers, hosted ≤ 1 × node:net',
      ]) {
        expect(stdout).toMatch(new RegExp(`^- ${target}: (met|NOT met) \\(\\d`, 'm'));
      }
      expect(stdout).toContain(process.version);
      expect(stderr).toContain('echo round 2/2');
      expect(stderr).toContain('round trip round 2/2');
      expect(stdout).not.toContain('not measured');

      const stored = JSON.parse(await readFile(file, 'utf8'));
      expect(stored.failures).toEqual({});
      // The warm-up round leaves no sample.
      expect(stored.echo['dispatch, epoll']).toHaveLength(2);
      for (const sample of stored.echo['dispatch, epoll']) {
        expect(sample).toMatchObject({ connections: 2, size: 64, messages: expect.any(Number) });
        expect(sample.cpuMicrosecondsPerMessage).toBeGreaterThan(0);
      }
      expect(stored.roundTrip['watchers, hosted']).toHaveLength(2);
      for (const { microseconds } of stored.idle) expect(microseconds).toHaveLength(2);
      expect(stored.memory['streams, hosted']).toEqual([expect.any(Number), expect.any(Number)]);
    },
  );

  it('measures the others where one cannot be measured, names it in its row, and ends with exit code 1', async () => {
    const { code, stdout } = await failureOf(driver, ['--backend', 'epoll', '--backend', 'nosuch']);
    expect(code).toBe(1);
    const servers = rowsBelow(stdout, ECHO);
    expect(servers['dispatch, nosuch']?.[0]).toContain('not measured');
    expect(servers['dispatch, epoll']?.[0]).toMatch(FIGURE);
    expect(stdout).toMatch(/dispatch, epoll ≤ 1\.05 × C loop: (met|NOT met)/);
  });

  it('says in a row that there is no C compiler, judges nothing, and ends with exit code 1', async () => {
    // A copy without the programs, because those that were compiled before need no compiler.
    await cp(join(root, 'bench'), join(folder, 'bench'), {
      recursive: true,
      filter: (path) => !path.endsWith('/baseline/build'),
    });
    await symlink(join(root, 'dist'), join(folder, 'dist'));
    const environment = { ...process.env, CC: 'no-such-compiler' };
    const { code, stdout } = await failureOf(
      join(folder, 'bench/echo.mjs'),
      ['--backend', 'epoll'],
      environment,
    );
    expect(code).toBe(1);
    expect(rowsBelow(stdout, ECHO)['C loop']?.[0]).toContain('not installed: a C compiler');
    expect(stdout).toContain('dispatch, epoll ≤ 1.05 × C loop: not measured');
    expect(stdout).toContain('watchers, hosted ≤ 1 × node:net: not measured');
    // It needs no C program.
    expect(rowsBelow(stdout, IDLE)['epoll']?.[1]).toMatch(FIGURE);
  });

  it('refuses a number of rounds that is none, before it starts anything', async () => {
    const { code, stdout, stderr } = await failureOf(driver, ['--rounds', '0']);
    expect(code).toBe(1);
    expect(stderr).toContain('--rounds must be a positive number');
    expect(stdout).toBe('');
  });
});

async function failureOf(
  script: string,
  more: string[],
  env = process.env,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const ended = run(process.execPath, [script, ...MOMENT, ...FEW_IDLE, ...more], { env });
  return ended.then(
    ({ stdout }) => expect.fail(`it ended with exit code 0:\n${stdout}`),
    (error) => error,
  );
}
