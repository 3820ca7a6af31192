/** A server with no descriptor left for a connection: no storm, one report for each pause, and it recovers by itself. */
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
  readonly listenerFd: number;
  readonly accepts: number;
  readonly reports: { code: string; source: string; fd: number }[];
  readonly messages: boolean;
  readonly gaps: number[];
  readonly connections: number;
  readonly listening: boolean;
  readonly states: string[];
  readonly heard: string;
  readonly served: number;
  readonly welcomed: string[];
  readonly again: string;
}

describeReactors(({ mode, backend, host }) => {
  /** What the fixture prints. */
  async function play(scene: string): Promise<unknown> {
    const env = { IOMUX_HOST: host === 'thread' ? 'thread' : '' };
    const args = [mode, backend, scene];
    const outcome = await runLimitedFixture('serving-out-of-descriptors.mjs', OPEN_FILES, args, env, LIMIT);
    expect(outcome).toMatchObject({ code: 0, signal: null, stderr: '' });
    return JSON.parse(outcome.stdout);
  }

  describe('a server without a descriptor for a connection', () => {
    it.concurrent('pauses, reports each pause once, drops who cannot be served, and goes on when there are some', async () => {
      const { accepts, reports, gaps, states, ...outcome } = (await play('recover')) as Recovery;
      expect(reports.length).toBeGreaterThan(0);
      for (const report of reports) {
        expect(report).toEqual({ code: 'EMFILE', source: 'server', fd: outcome.listenerFd });
      }
      expect(outcome.messages).toBe(true);
      // A pause has an end before the next one begins, which is longer while somebody waits.
      for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(SHORTEST_PAUSE);
      for (const gap of gaps) expect(gap).toBeLessThan(2 * LONGEST_PAUSE);
      // Each pause tries, drops and looks whether more came: a storm would be thousands.
      expect(accepts).toBeLessThanOrEqual(4 * (reports.length + CLIENTS));
      expect(outcome.connections).toBe(0);
      expect(outcome.listening).toBe(true);
      for (const state of states) expect(['dropped', 'waiting']).toContain(state);
      // The descriptor that is kept for this is kept again: one is dropped in each pause.
      const dropped = states.filter((state) => state === 'dropped').length;
      expect(dropped).toBe(reports.length);
      // Who was not dropped is served then, and so is who comes later.
      expect(outcome.heard).toBe('welcome');
      expect(outcome.served).toBe(1 + CLIENTS - dropped);
      expect(outcome.welcomed.filter((state) => state === 'welcome')).toHaveLength(CLIENTS - dropped);
      // The next time begins with a short pause again.
      expect(outcome.again).toBe(
        'cannot accept (EMFILE): one connection was closed unserved, trying again in 5 ms',
      );
    });

    it.skipIf(host !== 'uv').concurrent(
      'closed in a pause, says nothing more and refuses whoever waits',
      async () => {
        const outcome = (await play('close')) as { states: string[] };
        expect(outcome).toMatchObject({ listening: false, acceptsAfterwards: 0, reportsAfterwards: 0 });
        for (const state of outcome.states) expect(state).toBe('dropped');
      },
    );
  });
});
