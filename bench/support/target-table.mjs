/** What is promised, what was measured, and whether they agree: one row for each target. */
import { besideOf } from './results.mjs';
import { table } from './table.mjs';
import { figureText, spreadText } from './written.mjs';

/** @typedef {import('./results.mjs').Group} Group */
/** @typedef {import('./verdicts.mjs').Verdict} Verdict */

/**
 * @param {readonly Verdict[]} verdicts
 * @param {readonly Group[]} groups - that the figures' titles are of.
 */
export function targetTable(verdicts, groups) {
  const rows = verdicts.map(({ target, word, missing, spread, rounds = 0 }) => [
    promiseOf(target, groups),
    boundOf(target),
    spread === undefined ? '–' : spreadText(spread, target.beside === undefined ? plainText : ratioText),
    `${rounds}`,
    missing === undefined ? word : `${word}: ${missing}`,
  ]);
  return table(['target', 'promised', 'measured', 'rounds', ''], rows);
}

/** Exact enough to see which side of a bound it is on. @type {(value: number) => string} */
const ratioText = (value) => figureText(value, 3);

/** What is counted is whole. @type {(value: number) => string} */
const plainText = (value) => (Number.isInteger(value) ? figureText(value, 0) : ratioText(value));

/** @type {(target: import('../targets.mjs').Target, groups: readonly Group[]) => string} */
function promiseOf(target, groups) {
  const promise = `${target.group}, ${titleOf(target, groups)}: ${target.row}`;
  if (target.beside === undefined) return promise;
  const other = besideOf(target, target.beside);
  // What is the same goes without saying.
  const row = other.row === target.row ? 'that' : other.row;
  const figure = other.figure === target.figure ? '' : `, ${titleOf(other, groups)}`;
  const group = other.group === target.group ? '' : ` of ${other.group}`;
  return `${promise} ÷ ${row}${figure}${group}`;
}

/** @type {(place: import('./results.mjs').Place, groups: readonly Group[]) => string} */
function titleOf({ group: id, figure: key }, groups) {
  const group = groups.find((one) => one.id === id);
  return group?.figures.find((figure) => figure.key === key)?.title ?? key;
}

/** @type {(target: import('../targets.mjs').Target) => string} */
function boundOf({ atMost, atLeast, every }) {
  return `${atMost === undefined ? `≥ ${atLeast}` : `≤ ${atMost}`}${every ? ', always' : ''}`;
}
