/** Results as a file: JSON, a row on each line, so that two runs can be compared line by line. */
import { readFileSync } from 'node:fs';

/** @typedef {import('./results.mjs').Results} Results */
/** @typedef {import('./results.mjs').Group} Group */

/** What is counted stays as it is; more digits than these no clock is worth. */
const DIGITS = 6;

/** @type {(key: string, value: unknown) => unknown} */
const rounded = (_, value) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value;

/** @param {unknown} value */
const onOneLine = (value) => JSON.stringify(value, rounded);

/** @param {Record<string, unknown>} fields */
const fieldsOf = (fields) =>
  Object.entries(fields).flatMap(([key, value]) =>
    value === undefined ? [] : [`${JSON.stringify(key)}: ${onOneLine(value)}`],
  );

/** @param {readonly string[]} items */
const list = (items) => (items.length === 0 ? '[]' : `[\n${items.join(',\n')}\n]`);

/** @param {Group} group */
function groupText({ rows, ...others }) {
  return `{\n${[...fieldsOf(others), `"rows": ${list(rows.map(onOneLine))}`].join(',\n')}\n}`;
}

/** @param {Results} results */
export function textOf({ groups, ...others }) {
  return `{\n${[...fieldsOf(others), `"groups": ${list(groups.map(groupText))}`].join(',\n')}\n}\n`;
}

/**
 * @param {string} file
 * @returns {Results}
 */
export function readResults(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}
