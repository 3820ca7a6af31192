/** Programs of their own, for what a test process cannot survive or must not do to itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Socket } from 'iomux';

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The path of a program in test/fixtures. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

/** Starts a fixture; its standard input is empty. */
export function startFixture(
  name: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): ChildProcess {
  return spawn(process.execPath, [fixture(name), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** How a program ended and what it wrote. One that runs longer than `limit` is killed. */
export async function outcomeOf(child: ChildProcess, limit = 60_000): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), limit);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  return { code, signal, stdout, stderr };
}

/** Runs a fixture to its end. */
export function runFixture(
  name: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Outcome> {
  return outcomeOf(startFixture(name, args, env));
}

/** Starts a program that writes a byte to `socket` after so many milliseconds, whatever this thread waits for. */
export async function writeLater(socket: Socket, milliseconds: number): Promise<void> {
  const child = spawn('sh', ['-c', `sleep ${milliseconds / 1000}; printf x`], {
    stdio: ['ignore', socket.fileno(), 'ignore'],
  });
  await once(child, 'spawn');
}
