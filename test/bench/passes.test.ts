/** What a full pass of the benchmarks is made of: nothing is run here, only asked for. */
import { describe, expect, it } from 'vitest';
import { benchmarksWith, runBenchmark } from '../support/benchmarks.js';
import { TemporaryFolder } from '../support/temporary.js';

/** In place of what takes turns: says who would, and in how many rounds. */
const ROUNDS = `
  export async function inRounds(title, contenders, rounds, { warmUp = true } = {}) {
    console.log(JSON.stringify({ title, names: contenders.map(({ name }) => name), rounds, warmUp }));
    return contenders.map(({ name }) => ({ name, samples: [] }));
  }
  export const programOf = (name) => ({ name });
`;
const NATIVE = `export const nativeProgram = (name) => ({ path: name });`;
const ASK = `
  import { loadCell } from './cells/index.mjs';
  const cell = await loadCell(process.argv[2]);
  await cell.measure({ pass: 'full', cores: null });
`;

interface Asked {
  readonly title: string;
  readonly names: readonly string[];
  readonly rounds: number;
  readonly warmUp: boolean;
}

describe.each(['c10k', 'pipes', 'datagrams', 'crossing', 'accept-storm'])('a full pass of %s', (name) => {
  it('has five rounds at least, and none that are thrown away where every turn warms itself up', async () => {
    using folder = new TemporaryFolder();
    const modules = { 'support/rounds.mjs': ROUNDS, 'support/native.mjs': NATIVE, 'ask.mjs': ASK };
    const { stdout, stderr } = await runBenchmark('ask.mjs', [name], benchmarksWith(folder, modules));
    expect(stderr).toBe('');
    const asked: Asked[] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const { title, names, rounds, warmUp } of asked) {
      expect(names.length, title).toBeGreaterThan(0);
      expect(rounds, title).toBeGreaterThanOrEqual(5);
      // The servers of throughput live through all rounds.
      expect(warmUp, title).toBe(title === 'c10k, throughput');
    }
  });
});
