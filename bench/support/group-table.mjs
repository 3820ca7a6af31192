/** A group of rows as a table: its figures, and what they are beside those of others. */
import { columnOf, isComplete } from './results.mjs';
import { ratioOf, spreadOf } from './statistics.mjs';
import { table } from './table.mjs';
import { figureText, ratioText, spreadText } from './written.mjs';

/** @typedef {import('./results.mjs').Group} Group */
/** @typedef {import('./results.mjs').Row} Row */
/** @typedef {import('./results.mjs').Figure} Figure */

/** @param {Group} group */
export function groupTable({ figures, rows }) {
  const head = figures.flatMap(({ title, beside = [] }) => [title, ...beside.map((rival) => `÷ ${rival}`)]);
  const lines = rows.map((row) => {
    const { name } = row;
    if (!isComplete(row)) return [name, whyIncomplete(row)];
    return [name, ...figures.flatMap((figure) => cellsOf(figure, row, rows))];
  });
  return table(['', ...head], lines);
}

/** @param {Row} row */
function whyIncomplete({ missing, failure = 'it took no turn' }) {
  return missing === undefined ? `failed: ${failure}` : `not installed: ${missing}`;
}

/**
 * @param {Figure} figure
 * @param {Row} row
 * @param {readonly Row[]} rows
 */
function cellsOf({ key, digits, beside = [], shown = 'median' }, row, rows) {
  const values = columnOf(row, key);
  const ratios = beside.map((name) => {
    if (name === row.name) return '1';
    const rival = rows.find((other) => other.name === name);
    return isComplete(rival) ? spreadText(ratioOf(values, columnOf(rival, key)), ratioText) : '–';
  });
  return [figureText(spreadOf(values)[shown], digits), ...ratios];
}
