/** Names of rows at the left of a figure, ours in their colour. */
import * as Plot from '@observablehq/plot';
import { INK, OURS, widthOf } from './theme.mjs';

/** @typedef {{ name: string, ours: boolean }} Named */

const GAP = 8;

/** What the names take at the left. @type {(rows: readonly Named[]) => number} */
export function roomFor(rows) {
  return Math.ceil(Math.max(...rows.map(({ name, ours }) => widthOf(name, ours)))) + GAP;
}

/** @type {(rows: readonly Named[]) => Plot.Markish[]} */
export function names(rows) {
  const at = /** @type {const} */ ({
    y: 'name',
    text: 'name',
    frameAnchor: 'left',
    textAnchor: 'end',
    dx: -GAP,
  });
  return [
    Plot.text(
      rows.filter(({ ours }) => ours),
      { ...at, fill: OURS, className: 'ours' },
    ),
    Plot.text(
      rows.filter(({ ours }) => !ours),
      { ...at, fill: INK },
    ),
  ];
}
