/** The cell of what brings an event into JavaScript, run for a moment: what is counted, not how fast anything is. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runBenchmark } from '../support/benchmarks.js';

interface Group {
  readonly figures: readonly { readonly key: string }[];
  readonly rows: readonly { readonly samples: readonly Record<string, number>[] }[];
}

const path = (name: string) => fileURLToPath(new URL(`../../bench/${name}`, import.meta.url));
const { crossing } = await import(path('cells/crossing.mjs'));
const { isComplete } = await import(path('support/results.mjs'));

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

  it('refuses a layer that there is none of', async () => {
    const { code, stderr } = await runBenchmark('programs/crossing.mjs', ['--layer', 'nosuch']);
    expect(code).toBe(1);
    expect(stderr).toContain("--layer must be one of dispatch,select,calls,hosted, not 'nosuch'");
  });
});

async function garbageOf(layer: string): Promise<Record<string, number>> {
  const { code, stdout, stderr } = await runBenchmark('programs/crossing-garbage.mjs', ['--layer', layer]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}
