/** The wakers cell, run for a moment: what it finds, not how fast anything is. */
import { DefaultSelector } from 'iomux';
import { describe, expect, it } from 'vitest';
import { benchmarksWith, rowsOf, runBenchmark, storedResults } from '../support/benchmarks.js';
import { FIGURE, rowsBelow } from '../support/tables.js';
import { TemporaryFolder } from '../support/temporary.js';

const COUNTED = 'Waker, rings counted';

describe('the wakers cell', () => {
  it('loses no wake and no message, and finds what they cost', async () => {
    using folder = new TemporaryFolder();
    const { code, stdout, stderr } = await runBenchmark('run.mjs', [
      ...['wakers', '--pass', 'moment', '--out', folder.path],
    ]);
    expect(code, stderr).toBe(0);
    const results = storedResults(folder.join('results.json'));
    const storm = rowsOf(results, 'wakers, storm');
    expect(Object.keys(storm)).toEqual(['Waker', COUNTED]);
    for (const { samples } of Object.values(storm)) {
      expect(samples).toMatchObject([{ wakes: 1000, waits: expect.any(Number) }]);
      expect(samples[0]?.['waits']).toBeGreaterThan(0);
    }
    const verdict = rowsBelow(stdout, '## Targets')[`wakers, storm, rings − waits: ${COUNTED}`]?.at(-1);
    if (new DefaultSelector().backend === 'kqueue') {
      // It is rung by an event of its own, which nobody counts.
      expect(verdict).toBe('not measured');
    } else {
      const [{ waits = Number.NaN, rings = Number.NaN, ringsBeyondWaits } = {}] =
        storm[COUNTED]?.samples ?? [];
      expect(rings).toBeGreaterThan(0);
      expect(ringsBeyondWaits).toBe(rings - waits);
      // It is counted without noise, so it is promised.
      expect(verdict).toBe('met');
    }
    for (const [id, names, columns] of [
      ['wakers, round trip', ['Waker', 'MessagePort', 'Atomics.wait'], 5],
      ['wakers, posts', ['Remote, blocking', 'Remote, hosted', 'MessagePort'], 4],
    ] as const) {
      const title = results.groups.find((group) => group.id === id)?.title;
      const table = rowsBelow(stdout, `### ${title}`);
      expect(Object.keys(table)).toEqual(names);
      for (const figures of Object.values(table)) {
        expect(figures).toHaveLength(columns);
        for (const figure of figures) expect(figure).toMatch(FIGURE);
      }
    }
  });

  it('notices a message that did not come in its turn', async () => {
    using folder = new TemporaryFolder();
    const shuffled = benchmarksWith(folder, {
      'programs/posting-worker.mjs': `import { parentPort, workerData } from 'node:worker_threads';
        import { Remote } from '../../dist/lib/index.js';
        const { remote } = workerData;
        const post = remote === null ? (message) => parentPort.postMessage(message) : Remote.from(remote);
        for (const index of [0, 2, 1]) remote === null ? post({ index }) : post.post({ index });`,
    });
    const out = folder.join('out');
    const { code } = await runBenchmark('run.mjs', ['wakers', '--pass', 'moment', '--out', out], shuffled);
    expect(code).toBe(1);
    for (const { failure } of Object.values(rowsOf(storedResults(`${out}/results.json`), 'wakers, posts'))) {
      expect(failure).toContain('posts.mjs');
    }
  });
});
