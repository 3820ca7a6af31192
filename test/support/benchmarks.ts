/** The package's benchmarks, run to their end. */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Results, Row } from '../../bench/support/results.mjs';
import { type Outcome, outcomeOf } from './processes.js';
import type { TemporaryFolder } from './temporary.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** How a program of bench/ ended and what it wrote. */
export function runBenchmark(script: string, args: readonly string[], folder = root): Promise<Outcome> {
  const path = join(folder, 'bench', script);
  return outcomeOf(spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }));
}

export function storedResults(file: string): Results {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** The rows of one group, by their names. */
export function rowsOf({ groups }: Results, id: string): Record<string, Row> {
  const group = groups.find((one) => one.id === id);
  if (group === undefined)
    throw new Error(`no group '${id}' among ${groups.map((one) => one.id).join('; ')}`);
  return Object.fromEntries(group.rows.map((row) => [row.name, row]));
}

/** A copy of bench/ in which some modules are others: `{ 'cells/timers.mjs': '…' }`. For `runBenchmark`. */
export function benchmarksWith(folder: TemporaryFolder, modules: Readonly<Record<string, string>>): string {
  const bench = join(root, 'bench');
  cpSync(bench, folder.join('bench'), {
    recursive: true,
    filter: (path) => !['build', 'node_modules'].some((name) => path === join(bench, name)),
  });
  for (const name of ['dist', 'package.json']) symlinkSync(join(root, name), folder.join(name));
  for (const [path, source] of Object.entries(modules)) {
    mkdirSync(join(folder.path, 'bench', path, '..'), { recursive: true });
    writeFileSync(join(folder.path, 'bench', path), source);
  }
  return folder.path;
}
