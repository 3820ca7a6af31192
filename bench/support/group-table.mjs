/** A group of rows as a table: its figures, and what they are beside those of others. */
import { besideOf, columnOf, isComplete, valuesOf } from './results.mjs';
import { spreadOf } from './statistics.mjs';
import { table } from './table.mjs';
import { figureText, ratioText, spreadText } from './written.mjs';

/** @typedef {import('./results.mjs').Group} Group */
/** @typedef {import('./results.mjs').Row} Row */
/** @typedef {import('./results.mjs').Figure} Figure */

/**
 * @param {Group} group
 * @param {readonly Group[]} groups - all of the run: a figure may be divided by one of another.
 */
export function groupTable({ id, figures, rows }, groups) {
  const head = figures.flatMap(({ title, beside = [] }) => [title, ...beside.map(titleOf)]);
  const lines = rows.map((row) => {
    const { name } = row;
    if (!isComplete(row)) return [name, whyIncomplete(row)];
    return [name, ...figures.flatMap((figure) => cellsOf(figure, id, row, groups))];
  });
  return table(['', ...head], lines);
}

/** @type {(beside: NonNullable<Figure['beside']>[number]) => string} */
const titleOf = (beside) => (typeof beside === 'string' ? `÷ ${beside}` : beside.title);

/** @param {Row} row */
function whyIncomplete({ missing, failure = 'it took no turn' }) {
  return missing === undefined ? `failed: ${failure}` : `not installed: ${missing}`;
}

/**
 * @param {Figure} figure
 * @param {string} group
 * @param {Row} row
 * @param {readonly Group[]} groups
 */
function cellsOf({ key, digits, beside = [], shown = 'median' }, group, row, groups) {
  const place = { group, row: row.name, figure: key };
  const ratios = beside.map((one) => {
    const other = besideOf(place, one);
    if (other.group === group && other.row === row.name && other.figure === key) return '1';
    return spreadText(spreadOf(valuesOf(groups, place, one)), ratioText);
  });
  return [figureText(spreadOf(columnOf(row, key))[shown], digits), ...ratios];
}
