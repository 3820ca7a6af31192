/** Cells, one after the other, with their progress on standard error. */
import { loadCell } from '../cells/index.mjs';

/** @typedef {import('./results.mjs').Group} Group */

/** @typedef {{ cells: string[], groups: Group[], failures: Record<string, string> }} Measured */

/**
 * One that cannot be measured at all is named with its reason; the others go on.
 *
 * @param {readonly string[]} names
 * @param {import('./cell.mjs').Setting} setting
 * @param {(measured: Measured) => void} [keep] - called after each cell with all that there is by then.
 * @returns {Promise<Measured>}
 */
export async function measureCells(names, setting, keep = () => {}) {
  /** @type {string[]} */
  const cells = [];
  /** @type {Group[]} */
  const groups = [];
  /** @type {Record<string, string>} */
  const failures = {};
  for (const [index, name] of names.entries()) {
    console.error(`== ${name}, cell ${index + 1} of ${names.length}`);
    const start = performance.now();
    try {
      const cell = await loadCell(name);
      for (const group of await cell.measure(setting)) groups.push({ cell: name, ...group });
    } catch (error) {
      failures[name] = /** @type {Error} */ (error).message;
      console.error(`${name}: ${failures[name]}`);
    }
    console.error(`== ${name} took ${Math.round((performance.now() - start) / 1000)} s`);
    cells.push(name);
    keep({ cells, groups, failures });
  }
  return { cells, groups, failures };
}

/**
 * Whatever failed, and why: what is not installed is none of it.
 *
 * @param {{ groups: readonly Group[], failures?: Record<string, string> }} results
 * @returns {string[]}
 */
export function failuresOf({ groups, failures = {} }) {
  return [
    ...Object.entries(failures).map(([name, reason]) => `${name}: ${reason}`),
    ...groups.flatMap(({ id, rows }) =>
      rows.flatMap(({ name, failure }) => (failure === undefined ? [] : [`${id}: ${name}: ${failure}`])),
    ),
  ];
}

/**
 * The groups of a cell with the rounds of all passes that measured it, as if they had been one. A pass in which something
 * of it failed has gaps, and is left out; where each did, the first has to do.
 *
 * @param {string} name
 * @param {readonly Measured[]} passes
 * @returns {Group[]}
 */
export function allRoundsOf(name, passes) {
  const taken = passes
    .filter(({ cells }) => cells.includes(name))
    .map(({ groups, failures }) => ({ groups: groups.filter(({ cell }) => cell === name), failures }));
  const whole = taken.filter(
    ({ groups, failures }) => !(name in failures) && failuresOf({ groups }).length === 0,
  );
  return (whole.length > 0 ? whole : taken.slice(0, 1)).map(({ groups }) => groups).reduce(withRounds);
}

/**
 * The rounds of one pass followed by those of another.
 *
 * @param {readonly Group[]} groups
 * @param {readonly Group[]} more
 * @returns {Group[]}
 */
function withRounds(groups, more) {
  return groups.map((group) => {
    const other = more.find(({ id }) => id === group.id);
    const rows = group.rows.map((row) => {
      const again = other?.rows.find(({ name }) => name === row.name);
      return { ...row, samples: [...row.samples, ...(again?.samples ?? [])] };
    });
    return { ...group, rows };
  });
}
