/** A column of numbers at the right of a figure: each in the line of its row, below what they are. */
import * as Plot from '@observablehq/plot';
import { INK, MUTED } from './theme.mjs';

/** From the upper edge of the drawing to the words above it. */
export const ABOVE = -14;

/**
 * @template {{ name: string }} Row
 * @param {readonly Row[]} rows
 * @param {string} title
 * @param {(row: Row) => string} text
 * @param {number} end - of the column: so far from the drawing at its left.
 * @returns {Plot.Markish[]}
 */
export function column(rows, title, text, end) {
  const at = /** @type {const} */ ({ textAnchor: 'end', dx: end, fontVariant: 'tabular-nums' });
  return [
    Plot.text([title], { ...at, frameAnchor: 'top-right', dy: ABOVE, fill: MUTED }),
    Plot.text([...rows], { ...at, y: 'name', text, frameAnchor: 'right', fill: INK }),
  ];
}
