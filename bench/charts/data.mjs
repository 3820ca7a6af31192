/** What figures take from results: rows that can be drawn, whose they are, and their figures over all rounds. */
import { columnOf, isComplete, rowOf } from '../support/results.mjs';
import { ratioOf, spreadOf } from '../support/statistics.mjs';

/** @typedef {import('../support/results.mjs').Group} Group */
/** @typedef {import('../support/statistics.mjs').Spread} Spread */
/** @typedef {{ name: string, ours: boolean } & Spread} Measured */

/** The limit: the same system calls, and no language. */
export const LIMIT = 'epoll in C';
export const CPU = 'cpuMicrosecondsPerMessage';

/** The layers of iomux, as rows begin; those of others name their library or their language. */
const LAYERS = /^(dispatch|watchers|transport|protocol|streams|epoll|poll|select)\b(?!.* in C$)/;

/** Whether a row is of iomux. @param {string} name */
export const isOurs = (name) => LAYERS.test(name);

/** @type {(spread: Spread) => boolean} */
const isDrawable = ({ median, min, max }) => [median, min, max].every(Number.isFinite);

/**
 * The rows of a group that were measured in every round, and what a figure of theirs was.
 *
 * @param {readonly Group[]} groups
 * @param {string} id
 * @param {string} key
 * @returns {Measured[]}
 */
export function figuresOf(groups, id, key) {
  return measured(groups, id, (row) => spreadOf(columnOf(row, key)));
}

/**
 * The same, divided round by round by that of the rival named `base`; none where it was not measured.
 *
 * @param {readonly Group[]} groups
 * @param {string} id
 * @param {string} key
 * @param {string} base
 * @returns {Measured[]}
 */
export function ratiosOf(groups, id, key, base) {
  const rival = rowOf(groups, id, base);
  if (!isComplete(rival)) return [];
  return measured(groups, id, (row) => ratioOf(columnOf(row, key), columnOf(rival, key)));
}

/**
 * @param {readonly Group[]} groups
 * @param {string} id
 * @param {(row: import('../support/results.mjs').Row) => Spread} figure
 * @returns {Measured[]}
 */
function measured(groups, id, figure) {
  const rows = groups.find((group) => group.id === id)?.rows ?? [];
  return rows
    .filter(isComplete)
    .map((row) => ({ name: row.name, ours: isOurs(row.name), ...figure(row) }))
    .filter(isDrawable);
}

/** How many rounds were measured, in words. @type {(groups: readonly Group[], ids: readonly string[]) => string} */
export function roundsOf(groups, ids) {
  const measured = groups.filter(({ id }) => ids.includes(id));
  const rounds = measured.map(({ rows }) => Math.max(0, ...rows.map(({ samples }) => samples.length)));
  const [least, most] = [Math.min(...rounds), Math.max(...rounds)];
  const counted = most === 1 ? 'round' : 'rounds';
  return `${least === most ? most : `${least} to ${most}`} ${counted}`;
}

/** The least first. @type {(rows: readonly Measured[]) => Measured[]} */
export const sorted = (rows) => [...rows].sort((a, b) => a.median - b.median);
