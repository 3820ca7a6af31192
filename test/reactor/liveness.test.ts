/** What keeps a process alive: a hosted reactor, exactly while it has something to do. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { environmentOf, type Hosted, hostedSettings } from '../support/hosts.js';
import { fixture, outcomeOf } from '../support/processes.js';
import { TemporaryFolder } from '../support/temporary.js';

/** What would have ended by itself has done so by then; where it has not on a busy machine, that is no failure. */
const WHILE = 150;
/** What lives on though it should not is killed. */
const LIMIT = 20_000;

const LIVING = [
  'watcher',
  'watcher set before the run',
  'watcher referenced again',
  'reactor referenced again',
  'reader',
  'socket operation',
  'timer that comes again',
  'callbacks that queue callbacks',
  'message handler',
  'ambient watcher',
  'ambient ready',
];

const ENDING = {
  nothing: '',
  'ambient reactor': '',
  'closed watcher': '',
  'closed ambient watcher': '',
  'unreferenced watcher': '',
  'unreferenced watcher of two, the other closed': '',
  'watcher that is closed while it is unreferenced': '',
  'unreferenced reactor': '',
  'reactor unreferenced later': '',
  'cancelled timer': '',
  'timer that has fired': 'fired',
  'callback that has run': 'called',
  'signal handler': '',
  'removed message handler': '',
  'cancelled socket operation': '',
  'closed socket': '',
  'ready that was resolved': 'ready',
  'ready that timed out': '0',
  'stopped reactor': '',
  'reactor stopped before its run': 'ran',
};

/** Starts a program whose standard input stays open. */
function start(name: string, argument: string, setting: Hosted) {
  return spawn(process.execPath, [fixture(name), argument], {
    env: { ...process.env, ...environmentOf(setting) },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

for (const setting of hostedSettings) {
  describe(`a process with a reactor hosted by ${setting.host}, ${setting.backend}`, () => {
    it.concurrent.each(LIVING)('lives while there is a %s', async (scene) => {
      const child = start('watching-liveness.mjs', scene, setting);
      const outcome = outcomeOf(child, LIMIT);
      await once(child.stdout, 'data');
      await sleep(WHILE);
      const alive = child.exitCode === null && child.signalCode === null;
      child.stdin.end();
      expect(await outcome).toMatchObject({ code: 0, signal: null, stderr: '' });
      expect(alive).toBe(true);
    });

    it.concurrent.each(Object.entries(ENDING))('ends by itself with (%s)', async (scene, printed) => {
      const child = start('watching-liveness.mjs', scene, setting);
      const outcome = await outcomeOf(child, LIMIT);
      child.stdin.destroy();
      expect(outcome).toEqual({ code: 0, signal: null, stdout: `begun ${printed}`, stderr: '' });
    });

    it('prints the lines of a FIFO and ticks meanwhile, and ends with the last writer', async () => {
      using folder = new TemporaryFolder();
      const path = folder.join('fifo');
      execFileSync('mkfifo', [path]);
      const child = start('watching-fifo.mjs', path, setting);
      const outcome = outcomeOf(child, LIMIT);
      const tick = () => once(child.stdout, 'data');
      await tick();
      const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      writeSync(writer, 'first line\n');
      await tick();
      await tick();
      writeSync(writer, 'second line\n');
      await tick();
      closeSync(writer);
      const { code, signal, stdout, stderr } = await outcome;
      expect([code, signal, stderr]).toEqual([0, null, '']);
      const lines = stdout.trimEnd().split('\n');
      expect(lines.filter((line) => line !== 'tick')).toEqual(['first line', 'second line']);
      expect(lines[0]).toBe('tick');
      expect(lines.slice(lines.indexOf('first line'), lines.indexOf('second line'))).toContain('tick');
    });
  });
}
