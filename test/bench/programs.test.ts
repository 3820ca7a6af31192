/** The programs of a benchmark as processes: what reaches them, and what becomes of the run when one does not work. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { outcomeOf } from '../support/processes.js';

const path = (name: string) => fileURLToPath(new URL(`../../bench/support/${name}`, import.meta.url));
const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
const NODE = JSON.stringify(process.execPath);

/** A run of a benchmark, which has `measure` and `startServer`. */
function start(script: string, env: NodeJS.ProcessEnv = {}) {
  const source = `import { measure, startServer } from '${path('programs.mjs')}';\n${script}`;
  return spawn(process.execPath, ['--input-type=module', '-e', source], {
    env: { ...process.env, ...env },
    stdio,
  });
}

describe('a program of a benchmark', () => {
  it('is told nothing that would make iomux or Node.js another than it is', async () => {
    const print = 'console.log(JSON.stringify(process.env))';
    const script = `console.log(JSON.stringify(await measure([${NODE}, '-e', ${JSON.stringify(print)}])));`;
    const env = { IOMUX_SELECTOR: 'select', NODE_OPTIONS: '--no-deprecation', OF_OTHERS: 'kept' };
    const { code, stdout, stderr } = await outcomeOf(start(script, env));
    expect(code, stderr).toBe(0);
    const told = JSON.parse(stdout);
    expect(told).toMatchObject({ OF_OTHERS: 'kept', PATH: process.env['PATH'] });
    expect(Object.keys(told).filter((name) => /^IOMUX_(?!ADDON$)|^NODE_OPTIONS$/.test(name))).toEqual([]);
  });

  it('that cannot be started fails alone, whether anybody waits for it yet or not', async () => {
    const script = `const server = startServer(['/no/such/server'], undefined);
      server.catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 100));
      for (const turn of [server, measure(['/no/such/client'], undefined)])
        console.log(await turn.catch(({ message }) => message));`;
    const { code, stdout, stderr } = await outcomeOf(start(script));
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^\/no\/such\/server: cannot be started, .*ENOENT$/m);
    expect(stdout).toMatch(/^\/no\/such\/client: cannot be started, .*ENOENT$/m);
  });

  it('that ends when it is to collect its garbage is named at once', async () => {
    const server = `process.on('SIGUSR2', () => process.exit(7)); console.log('listening 1'); setInterval(() => {}, 1000);`;
    const script = `const server = await startServer([${NODE}, '-e', ${JSON.stringify(server)}], undefined);
      console.log(await server.collect().catch(({ message }) => message));
      await server.stop();`;
    const { code, stdout, stderr } = await outcomeOf(start(script));
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(process.execPath);
    expect(stdout).toMatch(/: ended with exit code 7\n$/);
  });

  it('may have no port, and says that it is ready', async () => {
    const server = `console.log('ready'); setInterval(() => {}, 1000);`;
    const script = `const server = await startServer([${NODE}, '-e', ${JSON.stringify(server)}], undefined);
      console.log(server.port);
      await server.stop();`;
    expect(await outcomeOf(start(script))).toMatchObject({ code: 0, stdout: '0\n' });
  });

  it.for([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('does not outlive a run that %s ends', async ([signal, expected]) => {
    const server = `console.log('ready'); setInterval(() => {}, 1000);`;
    const run =
      start(`const { pid } = await startServer([${NODE}, '-e', ${JSON.stringify(server)}], undefined);
      console.log(pid);
      setInterval(() => {}, 1000);`);
    const ended = once(run, 'exit');
    const [line] = await once(run.stdout as NodeJS.ReadableStream, 'data');
    const pid = Number(line);
    try {
      run.kill(signal);
      expect(await ended).toEqual([expected, null]);
      await expect.poll(() => isRunning(pid), { timeout: 5000 }).toBe(false);
    } finally {
      if (isRunning(pid)) process.kill(pid, 'SIGKILL');
    }
  });
});

/** Whoever inherits it may not have looked after it yet. */
function isRunning(pid: number): boolean {
  try {
    if (process.platform !== 'linux') return process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('the cores of a run', () => {
  it('are two, and not the same one under two names where there are others', async () => {
    const { apart } = await import(path('machine.mjs'));
    const alone = (processor: number) => [processor];
    const inPairs = (processor: number) => [processor & ~1, processor | 1];
    expect(apart([0, 1, 2, 3], alone)).toEqual([0, 1]);
    expect(apart([0, 1, 2, 3], inPairs)).toEqual([0, 2]);
    expect(apart([5, 4], inPairs)).toEqual([5, 4]);
    expect(apart([3], alone)).toBeNull();
    expect(apart([], alone)).toBeNull();
  });
});
