/** What is promised, what was measured, and whether they agree: one row for each target. */
import { table } from './table.mjs';
import { figureText, spreadText } from './written.mjs';

/** @typedef {import('./results.mjs').Group} Group */
/** @typedef {import('./verdicts.mjs').Verdict} Verdict */

/**
 * @param {readonly Verdict[]} verdicts
 * @param {readonly Group[]} groups - that the figures' titles are of.
 */
export function targetTable(verdicts, groups) {
  const rows = verdicts.map(({ target, word, spread, rounds = 0 }) => [
    promiseOf(target, groups),
    boundOf(target),
    spread === undefined ? '–' : spreadText(spread, target.beside === undefined ? plainText : ratioText),
    `${rounds}`,
    word,
  ]);
  return table(['target', 'promised', 'measured', 'rounds', ''], rows);
}

/** Exact enough to see which side of a bound it is on. @type {(value: number) => string} */
const ratioText = (value) => figureText(value, 3);

/** What is counted is whole. @type {(value: number) => string} */
const plainText = (value) => (Number.isInteger(value) ? figureText(value, 0) : ratioText(value));

/** @type {(target: import('../targets.mjs').Target, groups: readonly Group[]) => string} */
function promiseOf({ group: id, row, figure: key, beside }, groups) {
  const group = groups.find((one) => one.id === id);
  const title = group?.figures.find((figure) => figure.key === key)?.title ?? key;
  const promise = `${id}, ${title}: ${row}`;
  if (beside === undefined) return promise;
  return `${promise} ÷ ${beside.row}${beside.group === undefined ? '' : ` of ${beside.group}`}`;
}

/** @type {(target: import('../targets.mjs').Target) => string} */
function boundOf({ atMost, atLeast, every }) {
  return `${atMost === undefined ? `≥ ${atLeast}` : `≤ ${atMost}`}${every ? ', always' : ''}`;
}
