/** What was promised, held against what was measured. */
import { besideOf, rowOf, valuesOf } from './results.mjs';
import { spreadOf } from './statistics.mjs';

/** How near to its bound, as a share of it, another pass may find something on the other side. */
const CLOSE = 0.02;

/** @typedef {import('../targets.mjs').Target} Target */
/** @typedef {import('./results.mjs').Group} Group */
/**
 * @typedef {object} Verdict
 * @property {Target} target
 * @property {'met' | 'NOT met' | 'not measured'} word
 * @property {string} [missing] - either is not installed, and this is how it would be.
 * @property {boolean} [close] - the bound is near, on either side.
 * @property {import('./statistics.mjs').Spread} [spread] - of all rounds.
 * @property {number} [rounds]
 */

/**
 * @param {Target} target
 * @param {readonly Group[]} groups
 * @returns {Verdict}
 */
export function judge(target, groups) {
  const values = valuesOf(groups, target, target.beside);
  if (values.length === 0 || !values.every(Number.isFinite)) {
    const missing = missingOf(target, groups);
    return { target, word: 'not measured', ...(missing === undefined ? {} : { missing }) };
  }
  const spread = spreadOf(values);
  const held = target.every ? values.every((value) => keeps(target, value)) : keeps(target, spread.median);
  const bound = target.atMost ?? target.atLeast ?? Number.NaN;
  const close = Math.abs(spread.median - bound) <= CLOSE * Math.abs(bound);
  return { target, word: held ? 'met' : 'NOT met', close, spread, rounds: values.length };
}

/** @type {(target: Target, groups: readonly Group[]) => string | undefined} */
function missingOf(target, groups) {
  const places = [target, besideOf(target, target.beside ?? {})];
  return places.map(({ group, row }) => rowOf(groups, group, row)?.missing).find((how) => how !== undefined);
}

/** @type {(target: Target, value: number) => boolean} */
function keeps({ atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY }, value) {
  return atLeast <= value && value <= atMost;
}

/** The cell that its group is of. @type {(target: Target) => string} */
export const cellOfTarget = ({ group }) => group.split(',', 1)[0] ?? group;
