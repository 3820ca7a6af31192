/** What descriptors that are merely registered cost a wait. */
import { fileURLToPath } from 'node:url';
import { shown, twoDigits } from '../support/figures.mjs';
import { measure } from '../support/programs.mjs';
import { ratioOf, spreadOf } from '../support/statistics.mjs';
import { table } from '../support/table.mjs';

/**
 * @typedef {object} Cell
 * @property {string} name
 * @property {string} backend
 * @property {string} idle
 * @property {number[]} microseconds - one for each round.
 */

const PROGRAM = fileURLToPath(new URL('../programs/idle.mjs', import.meta.url));

/**
 * @param {readonly string[]} backends
 * @param {readonly string[]} counts - of idle descriptors.
 * @param {{ rounds: number, cores: [number, number] | null }} options
 * @param {import('../support/attempts.mjs').Attempts} attempts
 */
export async function measureIdle(backends, counts, { rounds, cores }, attempts) {
  /** @type {Cell[]} */
  const cells = backends.flatMap((backend) =>
    counts.map((idle) => ({ name: `${backend}, ${idle} idle`, backend, idle, microseconds: [] })),
  );
  for (let round = 1; round <= rounds; round++) {
    console.error(`idle round ${round}/${rounds}`);
    for (const { name, backend, idle, microseconds } of cells) {
      const command = [process.execPath, PROGRAM, '--backend', backend, '--idle', idle];
      const result = await attempts.attempt(name, () => measure(command, cores?.[0]));
      if (result !== undefined) microseconds.push(result['microseconds'] ?? Number.NaN);
    }
  }
  const title = 'One selector.dispatch(0, …) with one descriptor ready, median (min – max)';
  return { cells, text: `${title}\n\n${idleTable(cells, counts[0], attempts.failures)}` };
}

/**
 * @param {readonly Cell[]} cells
 * @param {string | undefined} fewest - the count that others are compared with.
 * @param {ReadonlyMap<string, string>} failures
 */
function idleTable(cells, fewest, failures) {
  const head = ['backend', 'idle descriptors', 'CPU µs/wait', `÷ ${fewest} idle`];
  const rows = cells.map(({ name, backend, idle, microseconds }) => {
    const row = [backend, Number(idle).toLocaleString('en')];
    const failure = failures.get(name);
    if (failure !== undefined) return [...row, failure];
    row.push(twoDigits(spreadOf(microseconds).median));
    if (idle === fewest) return [...row, '1'];
    const base = cells.find((cell) => cell.backend === backend && cell.idle === fewest);
    if (base === undefined || failures.has(base.name)) return [...row, '–'];
    return [...row, shown(ratioOf(microseconds, base.microseconds))];
  });
  return table(head, rows);
}
