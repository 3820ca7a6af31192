/** Horizontal bars, the shortest first: medians, with a line from the least to the greatest of all rounds. */
import * as Plot from '@observablehq/plot';
import { BELOW, framed, HEAD } from './frame.mjs';
import { names, roomFor } from './names.mjs';
import { GRID, GROUND, INK, MUTED, OURS, RIVAL, WIDTH, widthOf } from './theme.mjs';

/** @typedef {import('./data.mjs').Measured} Measured */

const ROW = 23;
/** Between a line and the value beside it. */
const GAP = 6;
/** How far beyond the longest bar a line may reach: a single round that was disturbed must not squeeze all bars. */
const BEYOND = 1.4;

/**
 * @param {Omit<import('./frame.mjs').Frame, 'height' | 'plot' | 'key'>} frame
 * @param {readonly Measured[]} rows - in this order.
 * @param {string} unit - of the axis.
 * @param {{ at: number, label: string }} [rule] - what the bars are to be held against.
 */
export function bars(frame, rows, unit, rule) {
  const marginLeft = roomFor(rows);
  // What is a difference may be below 0.
  const least = Math.min(0, ...rows.map(({ min }) => min));
  const longest = Math.max(rule?.at ?? 0, ...rows.map(({ median }) => median));
  const most = Math.min(longest * BEYOND, Math.max(longest, ...rows.map(({ max }) => max)));
  const drawn = rows.map((row) => ({ ...row, end: Math.min(row.max, most), value: written(row, most) }));
  const marginRight = Math.max(...drawn.map(({ value }) => widthOf(value))) + GAP;
  const marginTop = HEAD + (rule === undefined ? 0 : 8);
  const color = (/** @type {Measured} */ { ours }) => (ours ? OURS : RIVAL);
  return framed({
    ...frame,
    key: true,
    height: marginTop + rows.length * ROW + BELOW,
    plot: {
      marginTop,
      marginLeft,
      marginRight,
      x: { domain: [least, most], range: [marginLeft, WIDTH - marginRight] },
      y: { domain: rows.map(({ name }) => name), padding: 0.28, axis: null },
      marks: [
        Plot.gridX({ stroke: GRID, strokeOpacity: 1 }),
        Plot.axisX({
          color: MUTED,
          tickSize: 0,
          ticks: 6,
          label: unit,
          labelAnchor: 'center',
          labelArrow: 'none',
          labelOffset: 36,
        }),
        Plot.barX(rows, { x: 'median', y: 'name', fill: color }),
        ...names(rows),
        rule && Plot.ruleX([rule.at], { stroke: INK, strokeDasharray: '3 3' }),
        rule && Plot.text([rule.label], { x: rule.at, frameAnchor: 'top', dy: -14, fill: INK }),
        Plot.ruleY(drawn, { x1: 'min', x2: 'end', y: 'name', stroke: INK, strokeWidth: 1.25 }),
        Plot.text(drawn, {
          x: 'end',
          y: 'name',
          text: 'value',
          dx: GAP,
          textAnchor: 'start',
          fill: INK,
          stroke: GROUND,
          strokeWidth: 4,
          fontVariant: 'tabular-nums',
        }),
      ],
    },
  });
}

/** The median, and the greatest where the line to it is cut. @type {(row: Measured, most: number) => string} */
function written({ median, max }, most) {
  const value = median.toFixed(2);
  return max > most ? `${value} (up to ${max.toFixed(1)})` : value;
}
