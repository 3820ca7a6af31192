/** The benchmarks of echo and latency, run for a moment: whom they measure, and what of; not how fast anyone is. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { echoServer, serverNames } from '../../bench/support/echo-servers.mjs';
import type { Group } from '../../bench/support/results.mjs';
import { benchmarksWith } from '../support/benchmarks.js';
import { outcomeOf } from '../support/processes.js';
import { TemporaryFolder } from '../support/temporary.js';
import { hasRival } from '../support/tools.js';

const path = (name: string) => fileURLToPath(new URL(`../../bench/${name}`, import.meta.url));
const installed: readonly string[] = serverNames.filter((name) => hasRival(echoServer(name)));
/** Of the moment that they are run for. */
const ROUNDS = 3;
const LATENCY_ROUNDS = 1;

async function measure(cells: string[], env: NodeJS.ProcessEnv = {}, copy?: string) {
  using folder = new TemporaryFolder();
  const script = copy === undefined ? path('run.mjs') : join(copy, 'bench/run.mjs');
  const args = [script, '--pass', 'moment', '--out', folder.path, ...cells];
  const options = { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] as 'pipe'[] };
  const outcome = await outcomeOf(spawn(process.execPath, args, options));
  const { groups } = JSON.parse(readFileSync(folder.join('results.json'), 'utf8')) as { groups: Group[] };
  return { outcome, groups };
}

/** By name. */
function rowsOf(group: Group | undefined) {
  return Object.fromEntries((group?.rows ?? []).map((row) => [row.name, row]));
}

// The load is written for epoll.
describe.runIf(process.platform === 'linux')('the echo benchmarks', { timeout: 120_000 }, () => {
  it('measure all layers and everybody who is installed', async () => {
    const { outcome, groups } = await measure(['echo', 'latency']);
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(groups.map(({ id }) => id)).toEqual(['echo, 2 × 64 B', 'latency, 1 × 64 B']);
    const [echo, latency] = groups;

    expect(echo?.rows.map(({ name }) => name)).toEqual([
      'epoll in C',
      'epoll in C, idle thread',
      'epoll in C, returns refilled',
      'libuv in C',
      'libevent in C',
      'addon alone',
      'dispatch, epoll',
      'dispatch, nothing refilled',
      'dispatch, poll',
      'dispatch, select',
      'watchers, blocking',
      'watchers, hosted',
      'protocol, hosted',
      'streams, hosted',
      'node:net',
      'node:net, for await',
      'selectors',
      'asyncio, protocol',
      'asyncio, streams',
      'uvloop, protocol',
      'uvloop, streams',
      'gevent',
      'Twisted',
      'Tornado',
    ]);
    expect(echo?.rows.filter(({ ours }) => ours).map(({ name }) => name)).toEqual([
      'addon alone',
      'dispatch, epoll',
      'dispatch, nothing refilled',
      'dispatch, poll',
      'dispatch, select',
      'watchers, blocking',
      'watchers, hosted',
      'protocol, hosted',
      'streams, hosted',
    ]);
    for (const { name, samples, missing } of echo?.rows ?? []) {
      if (missing !== undefined) expect(installed).not.toContain(name);
      // The warm-up round leaves no sample.
      expect(samples, name).toHaveLength(missing === undefined ? ROUNDS : 0);
      for (const sample of samples) {
        expect(sample).toMatchObject({ connections: 2, size: 64 });
        expect(sample['messages']).toBeGreaterThan(0);
        // On a machine so busy that only one message came back, all it cost may lie before the window.
        for (const { key } of echo?.figures ?? [])
          expect(sample[key], `${name}, ${key}`).toBeGreaterThanOrEqual(0);
      }
    }

    for (const { name, samples, missing } of latency?.rows ?? []) {
      expect(samples, name).toHaveLength(missing === undefined ? LATENCY_ROUNDS : 0);
      for (const sample of samples) {
        const distribution = [
          'min',
          'p1',
          'p5',
          'p10',
          'p25',
          'p50',
          'p75',
          'p90',
          'p95',
          'p99',
          'p99.9',
          'max',
        ];
        const values = distribution.map((key) => sample[key] ?? Number.NaN);
        expect(values, name).toEqual(values.toSorted((a, b) => a - b));
        expect(values[0]).toBeGreaterThan(0);
      }
    }
  });

  it('name who is missing and who fails, and measure the others', async () => {
    using folder = new TemporaryFolder();
    // A Python that has no module of others, and cannot run any program.
    const python = folder.join('python');
    const answer = 'if [ "$1" = -c ]; then echo \'{"python":"3"}\'; else exit 3; fi';
    writeFileSync(python, `#!/bin/sh\n${answer}\n`, { mode: 0o755 });
    const { outcome, groups } = await measure(['latency'], { PYTHON: python });
    expect(outcome.code).toBe(1);
    const rows = rowsOf(groups[0]);
    expect(rows['uvloop, streams']).toEqual({
      name: 'uvloop, streams',
      samples: [],
      missing: 'apt install python3-uvloop',
    });
    expect(rows['selectors']).toMatchObject({ samples: [], failure: expect.stringContaining('exit code 3') });
    expect(rows['streams, hosted']?.samples).toHaveLength(LATENCY_ROUNDS);
  });

  it.runIf(installed.includes('selectors'))('start a server anew within the rounds', async () => {
    using folder = new TemporaryFolder();
    // A Python that notes down which programs it runs.
    const python = folder.join('python');
    const notes = folder.join('notes');
    const [real] = echoServer('selectors').command;
    const note = `[ "$1" = -c ] || echo "$*" >> '${notes}'`;
    writeFileSync(python, `#!/bin/sh\n${note}\nexec '${real}' "$@"\n`, { mode: 0o755 });
    const { outcome, groups } = await measure(['echo'], { PYTHON: python });
    expect(outcome.code, outcome.stderr).toBe(0);
    const programs = readFileSync(notes, 'utf8').split('\n');
    expect(programs.filter((program) => program.includes('selectors'))).toHaveLength(2);
    expect(rowsOf(groups[0])['selectors']?.samples).toHaveLength(ROUNDS);
    expect(groups[0]).toMatchObject({ setting: { rounds: ROUNDS, starts: 2 } });
    expect(groups[0]?.note).toContain('started 2 times');
  });

  it('measure nobody, and start nobody, where the load cannot be compiled', async () => {
    using folder = new TemporaryFolder();
    const note = `import { writeFileSync } from 'node:fs'; writeFileSync(new URL('../../started', import.meta.url), '');`;
    const copy = benchmarksWith(folder, { 'servers/watchers.mjs': note, 'servers/dispatch.mjs': note });
    const { outcome, groups } = await measure(['echo', 'latency'], { CC: 'no-such-compiler' }, copy);
    expect(outcome.code, outcome.stderr).toBe(0);
    for (const { name, samples, missing, failure } of groups.flatMap(({ rows }) => rows))
      expect({ samples, missing, failure }, name).toEqual({
        samples: [],
        missing: expect.stringContaining('apt install'),
      });
    expect(existsSync(folder.join('started'))).toBe(false);
  });
});
