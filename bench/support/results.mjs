/**
 * What a benchmark found, as data: cells measure and fill it, and everything else (tables, figures, the check of what is
 * promised) is made of it. It is plain JSON.
 */
import { ratiosOf } from './statistics.mjs';

/** @typedef {Record<string, number>} Sample - what one turn measured, by figure: `{ cpuMicroseconds: 5.4, p50: 31 }`. */
/**
 * Whoever took turns.
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {Sample[]} samples - one for each round; rows of one group share their rounds.
 * @property {string} [missing] - it is not installed, and this is how it would be.
 * @property {string} [failure] - why it could not be measured to the end.
 * @property {boolean} [ours] - it is of iomux.
 */
/**
 * What a figure is divided by, round by round. What is left out is the same: the row, its group, the figure.
 *
 * @typedef {object} Other
 * @property {string} [row]
 * @property {string} [group]
 * @property {string} [figure]
 */
/** @typedef {Other & { title: string }} Titled - with what stands above the column: '÷ 100 pipes'. */
/**
 * A column of a group's table.
 *
 * @typedef {object} Figure
 * @property {string} key - of the samples.
 * @property {string} title - with the unit: 'CPU µs/message'.
 * @property {number} [digits] - after the point; 2 unless told.
 * @property {readonly (string | Titled)[]} [beside] - what this figure of each row is divided by: a column for each; a
 *   string is a row of the group.
 * @property {'median' | 'min' | 'max'} [shown] - what is shown of the rounds; the median unless told.
 */
/**
 * Rows that took turns in the same rounds: one table.
 *
 * @typedef {object} Group
 * @property {string} id - stable and unique among all groups, 'echo, 64 × 1 KiB'; targets and figures name it, and
 *   where there are targets it begins with the name of the cell.
 * @property {string} [cell] - that it is of: filled in by the run.
 * @property {string} title - what stands above the table.
 * @property {string} [note] - a sentence or two below it: what is counted, what to know when reading it.
 * @property {Figure[]} figures
 * @property {Row[]} rows
 * @property {Record<string, unknown>} [setting] - what it was measured with: { connections: 64, size: 1024 }.
 */
/**
 * Where, when and of what everything was measured.
 *
 * @typedef {object} Details
 * @property {import('./machine.mjs').Machine} machine
 * @property {[number, number] | null} [cores] - of whoever was measured, and of the load; `null`: nobody was pinned.
 * @property {Record<string, string>} [versions] - of the rivals that are installed.
 * @property {string} pass - 'full', 'quick' or 'moment'.
 * @property {string[]} cells - that were run, by name.
 * @property {Record<string, string>} [failures] - cells that could not be measured at all, and why.
 * @property {Group[]} groups
 */
/** @typedef {Details & Partial<import('./origin.mjs').Origin>} Results */

/** @type {(groups: readonly Group[], id: string, name: string) => Row | undefined} */
export function rowOf(groups, id, name) {
  return groups.find((group) => group.id === id)?.rows.find((row) => row.name === name);
}

/** What one figure of a row was in each round. @type {(row: Row | undefined, key: string) => number[]} */
export function columnOf(row, key) {
  return (row?.samples ?? []).map((sample) => sample[key] ?? Number.NaN);
}

/** Whether a row was measured in every round. @type {(row: Row | undefined) => row is Row} */
export function isComplete(row) {
  return (
    row !== undefined && row.missing === undefined && row.failure === undefined && row.samples.length > 0
  );
}

/** @typedef {{ group: string, row: string, figure: string }} Place - where a figure stands. */

/** The place of what a figure is divided by. @type {(place: Place, beside: string | Other) => Place} */
export function besideOf(place, beside) {
  const { group, row, figure } = typeof beside === 'string' ? { row: beside } : /** @type {Other} */ (beside);
  return { group: group ?? place.group, row: row ?? place.row, figure: figure ?? place.figure };
}

/**
 * A figure in each round, alone or divided by another of the same round.
 *
 * @param {readonly Group[]} groups
 * @param {Place} place
 * @param {string | Other} [beside]
 * @returns {number[]} empty where either was not measured to the end.
 */
export function valuesOf(groups, place, beside) {
  const row = rowOf(groups, place.group, place.row);
  if (!isComplete(row)) return [];
  const values = columnOf(row, place.figure);
  if (beside === undefined) return values;
  const base = valuesOf(groups, besideOf(place, beside));
  return base.length === 0 ? [] : ratiosOf(values, base);
}
