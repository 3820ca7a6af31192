/** The cell of what brings an event into JavaScript, run for a moment: what is counted, not how fast anything is. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { crossing } from '../../bench/cells/crossing.mjs';
import type { Group } from '../../bench/support/results.mjs';
import { isComplete, valuesOf } from '../../bench/support/results.mjs';
import { runBenchmark } from '../support/benchmarks.js';
import { outcomeOf } from '../support/processes.js';

const path = (name: string) => fileURLToPath(new URL(`../../bench/${name}`, import.meta.url));

describe.runIf(process.platform === 'linux')('the cell crossing', { timeout: 60_000 }, () => {
  it('measures each layer beside the kernel, and what it leaves to the collector', async () => {
    const groups: Group[] = await crossing.measure({ pass: 'moment', cores: null });
    const [time, garbage] = groups;
    expect(time).toMatchObject({ id: 'crossing', rows: [{ name: 'batch of 8' }] });
    expect(garbage).toMatchObject({
      id: 'crossing, allocation',
      rows: [{ name: 'dispatch' }, { name: 'select' }],
    });
    expect(time?.figures.map(({ key }) => key)).toEqual(
      expect.arrayContaining([
        'nanosecondsPerEvent',
        'callsNanosecondsPerEvent',
        'hostedNanosecondsPerEvent',
      ]),
    );
    // Where there is a compiler, each batch is held against the kernel's own share.
    const { beside = [] } = time?.figures[0] ?? {};
    for (const each of beside) {
      const place = { group: 'crossing', row: 'batch of 8', figure: 'nanosecondsPerEvent' };
      const { nanosecondsPerEvent = 0, kernelNanosecondsPerEvent = 0 } = time?.rows[0]?.samples[0] ?? {};
      expect(valuesOf(groups, place, each)).toEqual([nanosecondsPerEvent / kernelNanosecondsPerEvent]);
    }
    for (const { rows, figures } of groups) {
      for (const row of rows) {
        expect(row).toSatisfy(isComplete);
        for (const { key } of figures) expect(row.samples[0]?.[key]).toSatisfy(Number.isFinite);
      }
    }
  });

  it('finds no garbage of dispatch, and that of select', async () => {
    const [dispatch, select] = await Promise.all(['dispatch', 'select'].map(garbageOf));
    expect(dispatch).toEqual({ scavenges: 0, bytesPerEvent: 0 });
    expect(select?.['scavenges']).toBeGreaterThan(0);
    // A pair of key and events for each event.
    expect(select?.['bytesPerEvent']).toBeGreaterThan(16);
  });

  it('fails where collections, or what is allocated, would not be seen: nothing found is not enough', async () => {
    const perfHooks = "import { PerformanceObserver } from 'node:perf_hooks'; PerformanceObserver.prototype";
    const [blind, ungrown, without] = await Promise.all([
      garbageProgram(['--expose-gc', '--import', inline(`${perfHooks}.observe = () => {};`)]),
      garbageProgram(['--expose-gc', '--import', inline(STILL_HEAP)]),
      garbageProgram([]),
    ]);
    expect(blind).toMatchObject({ code: 1, stdout: '' });
    expect(blind.stderr).toContain('collections are not observed');
    expect(ungrown).toMatchObject({ code: 1, stdout: '' });
    expect(ungrown.stderr).toContain('what select allocates is not seen');
    expect(without).toMatchObject({ code: 1, stdout: '' });
    expect(without.stderr).toContain('--expose-gc is needed');
  });

  it('refuses a layer that there is none of', async () => {
    const { code, stderr } = await runBenchmark('programs/crossing.mjs', ['--layer', 'nosuch']);
    expect(code).toBe(1);
    expect(stderr).toContain("--layer must be one of dispatch,select,calls,hosted, not 'nosuch'");
  });
});

/** A heap that is always said to be as large as it was. */
const STILL_HEAP = `
  import v8 from 'node:v8';
  import { syncBuiltinESMExports } from 'node:module';
  const statistics = v8.getHeapStatistics();
  v8.getHeapStatistics = () => statistics;
  syncBuiltinESMExports();
`;

const inline = (source: string) => `data:text/javascript,${encodeURIComponent(source)}`;

function garbageProgram(options: readonly string[], args: readonly string[] = ['--events', '2000']) {
  const command = [...options, path('programs/crossing-garbage.mjs'), ...args];
  return outcomeOf(spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] }));
}

async function garbageOf(layer: string): Promise<Record<string, number>> {
  const { code, stdout, stderr } = await garbageProgram(['--expose-gc'], ['--layer', layer]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}
