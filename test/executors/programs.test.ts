/** Executors in programs of their own: what keeps them alive, and what they say without tinypool. */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { addonPath } from '../../lib/native/load.js';
import { type Outcome, outcomeOf, runFixture } from '../support/processes.js';
import { TemporaryFolder } from '../support/temporary.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe.each(['thread', 'process'])('a program with an executor of the kind %s', (kind) => {
  const ending = (scene: string) => runFixture('executor-process.mjs', [kind, scene]);
  const orderly = (stdout: string): Outcome => ({ code: 0, signal: null, stdout, stderr: '' });

  it('lives until what was submitted is done, and ends by itself then', async () => {
    const outcome = await ending('working');
    // Two of them at a time: in any order.
    const lines = outcome.stdout.trim().split('\n').sort();
    expect({ ...outcome, stdout: lines }).toEqual({ ...orderly(''), stdout: ['0', '1', '2'] });
  });

  it('is not kept alive by workers that have nothing to do', async () => {
    expect(await ending('idle')).toEqual(orderly('3\n'));
    expect(await ending('cancelled')).toEqual(orderly(''));
  });

  it('lives until it is told of a worker that died', async () => {
    expect(await ending('dead')).toEqual(orderly('ERR_WORKER_DIED\n'));
  });

  it('lives until the shutdown that it waits for is over', async () => {
    expect(await ending('shutdown')).toEqual(orderly('ended\n'));
  });
});

describe('a program that has installed the package', () => {
  const program = `
    import { ProcessPoolExecutor, ThreadPoolExecutor } from 'iomux/executors';
    for (const Pool of [ThreadPoolExecutor, ProcessPoolExecutor]) {
      const executor = new Pool();
      for (let i = 0; i < 2; i++) {
        try {
          console.log(await executor.submit('node:path', 'basename', '/a/b'));
        } catch ({ name, code, message }) {
          console.log(name, code, message);
        }
      }
      await executor.shutdown();
    }`;

  /** Runs the program in a folder where this package is installed, with `dependencies` beside it. */
  async function runInstalled(...dependencies: string[]): Promise<Outcome> {
    using folder = new TemporaryFolder();
    const modules = folder.join('node_modules');
    mkdirSync(modules);
    cpSync(join(root, 'dist/lib'), join(modules, 'iomux/dist/lib'), { recursive: true });
    cpSync(join(root, 'package.json'), join(modules, 'iomux/package.json'));
    for (const name of dependencies) symlinkSync(join(root, 'node_modules', name), join(modules, name));
    writeFileSync(folder.join('program.mjs'), program);
    return await outcomeOf(
      spawn(process.execPath, [folder.join('program.mjs')], {
        env: { ...process.env, IOMUX_ADDON: addonPath },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
  }

  it('has workers that work', async () => {
    const outcome = await runInstalled('node-gyp-build', 'tinypool');
    expect(outcome).toEqual({ code: 0, signal: null, stdout: 'b\n'.repeat(4), stderr: '' });
  });

  it('is told what to install where there is no tinypool, when it submits something', async () => {
    const outcome = await runInstalled('node-gyp-build');
    const line = 'StateError ERR_UNSUPPORTED executors need the package tinypool: npm install tinypool\n';
    expect(outcome).toEqual({ code: 0, signal: null, stdout: line.repeat(4), stderr: '' });
  });
});
