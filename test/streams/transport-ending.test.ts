/** Processes and workers with connections: what keeps them alive, and how they end with nothing left open. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { environmentOf, type Hosted, hostedSettings } from '../support/hosts.js';
import { descriptorCount, expectNoLeak } from '../support/leaks.js';
import { fixture, outcomeOf, startFixture } from '../support/processes.js';
import { describeReactors } from '../support/reactors.js';
import { blocked, exitOf, startWorker, TERMINATE_LIMIT, terminate } from '../support/workers.js';

/** What would have ended by itself has done so by then; where it has not on a busy machine, that is no failure. */
const WHILE = 150;
/** What takes longer hangs, and is killed. */
const LIMIT = 30_000;

const [best] = selectorBackends();

const LIVING = [
  'open',
  'paused',
  'open for writing only',
  'closing, with a peer that does not read',
  'open, and referenced again',
] as const;

const ENDING: Readonly<Record<string, string>> = {
  closed: 'lost',
  aborted: 'lost',
  'ended by its peer': 'lost',
  'ended by an exception': 'reported lost',
  'closed by others': 'lost',
  'closed, paused': 'lost',
  'that is not referenced': '',
  'of whose stream that is said': '',
  'of a reactor that is not referenced': '',
};

const STAGES: Readonly<Record<string, number>> = {
  'in dataReceived': 7,
  'in connectionLost': 7,
  'by an exception': 1,
  'stopped, not closed': 0,
  'never run': 0,
  closed: 0,
};

const TERMINATED = ['at rest', 'in a flood', 'in a callback that does not return'] as const;

/** Starts a program whose standard input stays open. */
function start(scene: string, setting: Hosted) {
  return spawn(process.execPath, [fixture('transport-liveness.mjs'), scene], {
    env: { ...process.env, ...environmentOf(setting) },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

for (const setting of hostedSettings.filter(({ backend }) => backend === best)) {
  describe(`a process with a reactor hosted by ${setting.host}, ${setting.backend}`, () => {
    it.concurrent.each(LIVING)('lives while it has a connection that is %s', async (scene) => {
      const child = start(scene, setting);
      const outcome = outcomeOf(child, LIMIT);
      await once(child.stdout, 'data');
      await sleep(WHILE);
      const alive = child.exitCode === null && child.signalCode === null;
      child.stdin.end();
      expect(await outcome).toEqual({ code: 0, signal: null, stdout: 'begun lost', stderr: '' });
      expect(alive).toBe(true);
    });

    it.concurrent.each(Object.entries(ENDING))(
      'ends by itself with a connection %s',
      async (scene, printed) => {
        const child = start(scene, setting);
        const outcome = await outcomeOf(child, LIMIT);
        child.stdin.destroy();
        expect(outcome).toEqual({ code: 0, signal: null, stdout: `begun ${printed}`, stderr: '' });
      },
    );
  });
}

describeReactors((setting) => {
  // Backends differ in how a reactor ends, which its own tests look at; connections add nothing to that.
  describe.runIf(setting.backend === best)('with connections in every state', () => {
    it.each(Object.entries(STAGES))('a process ends: %s', async (stage, code) => {
      const child = startFixture('transport-ending.mjs', [JSON.stringify({ ...setting, stage })]);
      const outcome = await outcomeOf(child, LIMIT);
      expect(outcome).toMatchObject({ code, signal: null, stdout: '' });
      if (code === 1) expect(outcome.stderr).toContain('Error: thrown in a callback');
      else expect(outcome.stderr).toBe('');
    });

    it.each(Object.entries(STAGES))('a worker ends, and leaves nothing open: %s', async (stage, code) => {
      const before = descriptorCount();
      const errors: string[] = [];
      const worker = startWorker('transport-ending.mjs', { ...setting, stage });
      worker.on('error', ({ message }) => errors.push(message));
      expect(await exitOf(worker)).toBe(code);
      expect(errors).toEqual(code === 1 ? ['thrown in a callback'] : []);
      await expectNoLeak(before);
    });

    it.each(TERMINATED)('a worker is terminated, and leaves nothing open: %s', async (stage) => {
      const before = descriptorCount();
      const worker = startWorker('transport-ending.mjs', { ...setting, stage });
      await blocked(worker);
      expect(await terminate(worker)).toBeLessThan(TERMINATE_LIMIT);
      await expectNoLeak(before);
    });
  });
});
