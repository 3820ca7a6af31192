/** The package's benchmarks, run to their end. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Outcome, outcomeOf } from './processes.js';

/** How a program of bench/ ended and what it wrote. */
export function runBenchmark(script: string, args: readonly string[]): Promise<Outcome> {
  const path = fileURLToPath(new URL(`../../bench/${script}`, import.meta.url));
  return outcomeOf(spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }));
}
