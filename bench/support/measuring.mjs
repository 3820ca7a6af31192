/** Cells, one after the other, with their progress on standard error. */
import { loadCell } from '../cells/index.mjs';

/** @typedef {import('./results.mjs').Group} Group */

/**
 * One that cannot be measured at all is named with its reason; the others go on.
 *
 * @param {readonly string[]} names
 * @param {import('./cell.mjs').Setting} setting
 * @returns {Promise<{ groups: Group[], failures: Record<string, string> }>}
 */
export async function measureCells(names, setting) {
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
  }
  return { groups, failures };
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
 * The rounds of one pass followed by those of another: of each row, as if they had been one. What failed in either has
 * failed.
 *
 * @param {readonly Group[]} groups
 * @param {readonly Group[]} more
 * @returns {Group[]}
 */
export function withRounds(groups, more) {
  return groups.map((group) => {
    const other = more.find(({ id }) => id === group.id);
    if (other === undefined) return group;
    const rows = group.rows.map((row) => {
      const again = other.rows.find(({ name }) => name === row.name);
      return { ...again, ...row, samples: [...row.samples, ...(again?.samples ?? [])] };
    });
    return { ...group, rows };
  });
}
