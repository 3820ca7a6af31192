/** Accepting with no descriptor left for a connection: no storm, one report for each pause, and it recovers by itself. */
import { describe, expect, it } from 'vitest';
import { runLimitedFixture } from '../support/limits.js';
import { describeReactors } from '../support/reactors.js';

/** Beside what a process has open anyway. */
const OPEN_FILES = 80;
/** How many come while there is no descriptor. */
const CLIENTS = 15;
const SHORTEST_PAUSE = 5;
const LONGEST_PAUSE = 1000;
/** What takes longer hangs. */
const LIMIT = 15_000;

interface Recovery {
  readonly accepts: number;
  readonly ticks: number;
  readonly reports: { code: string; source: string; fd: number }[];
  readonly messages: boolean;
  readonly gaps: number[];
  readonly servedMeanwhile: number;
  readonly states: string[];
  readonly pending: boolean;
  readonly lateHeard: string;
  readonly left: number;
  readonly served: number;
  readonly listenerFd: number;
}

describeReactors(({ mode, backend, host }) => {
  /** What the fixture prints. */
  async function play(scene: string): Promise<unknown> {
    const env = { IOMUX_HOST: host === 'thread' ? 'thread' : '' };
    const args = [mode, backend, scene];
    const name = 'accepting-out-of-descriptors.mjs';
    const outcome = await runLimitedFixture(name, OPEN_FILES, args, env, LIMIT);
    expect(outcome).toMatchObject({ code: 0, signal: null, stderr: '' });
    return JSON.parse(outcome.stdout);
  }

  describe('sockAccept without a descriptor for a connection', () => {
    it.concurrent('pauses, reports each pause once, drops who cannot be served, and goes on when there are some', async () => {
      const outcome = (await play('recover')) as Recovery;
      const { accepts, reports, gaps, states } = outcome;
      expect(reports.length).toBeGreaterThan(0);
      for (const report of reports) {
        expect(report).toEqual({ code: 'EMFILE', source: 'server', fd: outcome.listenerFd });
      }
      expect(outcome.messages).toBe(true);
      // A pause has an end before the next one begins, which is twice as long.
      for (const [index, gap] of gaps.entries()) {
        expect(gap).toBeGreaterThanOrEqual(Math.min(SHORTEST_PAUSE * 2 ** index, LONGEST_PAUSE));
      }
      // Each pause tries, drops and looks whether more came: a storm would be thousands.
      expect(accepts).toBeLessThanOrEqual(4 * (reports.length + CLIENTS));
      expect(outcome.ticks).toBeGreaterThan(5);
      expect(outcome.pending).toBe(true);
      expect(outcome.servedMeanwhile).toBe(0);
      for (const state of states) expect(['dropped', 'waiting']).toContain(state);
      expect(states).toContain('dropped');
      // Who was not dropped is served then, and so is who comes later.
      expect(outcome.lateHeard).toBe('welcome');
      expect(outcome.served).toBe(1 + states.filter((state) => state === 'waiting').length);
    });

    it.concurrent('rejects with ECANCELED where the listener is closed in a pause, and says nothing more', async () => {
      expect(await play('close')).toMatchObject({ failure: 'ECANCELED', reportsAfterwards: 0 });
    });

    it.concurrent('rejects with ECANCELED where the reactor is closed in a pause', async () => {
      expect(await play('close reactor')).toEqual({ settled: 'ECANCELED' });
    });

    it.concurrent('leaves nothing behind where the report itself is what cancels it', async () => {
      expect(await play('cancel in a report')).toMatchObject({ waiting: true, second: 'served' });
    });

    it.concurrent('tries no more where it is cancelled in a pause', async () => {
      expect(await play('cancel')).toMatchObject({
        cancelled: true,
        acceptsAfterwards: 0,
        reportsAfterwards: 0,
      });
    });
  });
});

describe('a server without an onError that is out of descriptors', () => {
  it('warns, and serves again when there are some', async () => {
    const { code, stdout, stderr } = await runLimitedFixture('warning-out-of-descriptors.mjs', OPEN_FILES);
    expect(stderr).toMatch(/AcceptWarning: cannot accept \(EMFILE\)/);
    expect(stdout).toBe('AcceptWarning\nserved\n');
    expect(code).toBe(0);
  });
});
