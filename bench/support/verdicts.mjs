/** What was promised, held against what was measured. */
import { columnOf, isComplete, rowOf } from './results.mjs';
import { spreadOf } from './statistics.mjs';

/** @typedef {import('../targets.mjs').Target} Target */
/** @typedef {import('./results.mjs').Group} Group */
/**
 * @typedef {object} Verdict
 * @property {Target} target
 * @property {'met' | 'NOT met' | 'not measured'} word
 * @property {import('./statistics.mjs').Spread} [spread] - of all rounds.
 * @property {number} [rounds]
 */

/**
 * @param {Target} target
 * @param {readonly Group[]} groups
 * @returns {Verdict}
 */
export function judge(target, groups) {
  const values = valuesOf(target, groups);
  if (values.length === 0 || !values.every(Number.isFinite)) return { target, word: 'not measured' };
  const spread = spreadOf(values);
  const held = target.every ? values.every((value) => keeps(target, value)) : keeps(target, spread.median);
  return { target, word: held ? 'met' : 'NOT met', spread, rounds: values.length };
}

/**
 * One for each round.
 *
 * @param {Target} target
 * @param {readonly Group[]} groups
 * @returns {number[]}
 */
function valuesOf({ group, row: name, figure, beside }, groups) {
  const row = rowOf(groups, group, name);
  if (!isComplete(row)) return [];
  const values = columnOf(row, figure);
  if (beside === undefined) return values;
  const rival = rowOf(groups, beside.group ?? group, beside.row);
  if (!isComplete(rival)) return [];
  const base = columnOf(rival, figure);
  return values.map((value, round) => value / (base[round] ?? Number.NaN));
}

/** @type {(target: Target, value: number) => boolean} */
function keeps({ atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY }, value) {
  return atLeast <= value && value <= atMost;
}

/** The cell that its group is of. @type {(target: Target) => string} */
export const cellOfTarget = ({ group }) => group.split(',', 1)[0] ?? group;
