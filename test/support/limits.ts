/** A fixture that runs with fewer descriptors than usual (RLIMIT_NOFILE), so that it can run out of them. */
import { spawn } from 'node:child_process';
import { fixture, type Outcome, outcomeOf } from './processes.js';

/** Runs a fixture to its end with at most `openFiles` descriptors; one that runs longer than `limit` is killed. */
export function runLimitedFixture(
  name: string,
  openFiles: number,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
  limit?: number,
): Promise<Outcome> {
  const child = spawn(
    'sh',
    ['-c', 'ulimit -n "$0"; exec "$@"', `${openFiles}`, process.execPath, fixture(name), ...args],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  return outcomeOf(child, limit);
}
