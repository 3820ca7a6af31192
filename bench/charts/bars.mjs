/** Horizontal bars, the shortest first: medians, with a line over the middle half of the rounds. */
import * as Plot from '@observablehq/plot';
import { ABOVE, column } from './column.mjs';
import { BELOW, framed, HEAD } from './frame.mjs';
import { names, roomFor } from './names.mjs';
import { GRID, INK, MUTED, OURS, RIVAL, WIDTH, widthOf } from './theme.mjs';

/** @typedef {import('./data.mjs').Measured} Measured */

const ROW = 17;
/** For what stands above the bars. */
const WORDS = 8;
/** Between the bars and the column of their values. */
const GAP = 12;
const MEDIAN = 'median';

/** What is drawn of the rounds. @type {(rounds: string) => string} */
export const barsOf = (rounds) => `bar: median of ${rounds}, line: p25 to p75`;

/**
 * @param {Omit<import('./frame.mjs').Frame, 'height' | 'plot' | 'key'>} frame
 * @param {readonly Measured[]} rows - in this order.
 * @param {string} unit - of the axis.
 * @param {{ at: number, label: string }} [rule] - what the bars are to be held against.
 */
export function bars(frame, rows, unit, rule) {
  const marginTop = HEAD + WORDS;
  const marginLeft = roomFor(rows);
  const values = Math.max(...[MEDIAN, ...rows.map(written)].map((text) => widthOf(text)));
  const marginRight = values + GAP;
  // What is a difference may be below 0.
  const least = Math.min(0, ...rows.map(({ p25 }) => p25));
  const most = Math.max(rule?.at ?? 0, ...rows.map(({ p75 }) => p75));
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
        rule && Plot.text([rule.label], { x: rule.at, frameAnchor: 'top', dy: ABOVE, fill: INK }),
        ...middleHalves(rows),
        ...column(rows, MEDIAN, written, marginRight),
      ],
    },
  });
}

/** With an end at either side: rounds that hardly differ leave a line too short to be seen. @type {(rows: readonly Measured[]) => Plot.Markish[]} */
function middleHalves(rows) {
  const end = /** @type {const} */ ({
    y: 'name',
    stroke: INK,
    strokeWidth: 1.25,
    insetTop: 3.5,
    insetBottom: 3.5,
  });
  return [
    Plot.ruleY(rows, { x1: 'p25', x2: 'p75', y: 'name', stroke: INK, strokeWidth: 1.25 }),
    Plot.tickX(rows, { ...end, x: 'p25' }),
    Plot.tickX(rows, { ...end, x: 'p75' }),
  ];
}

/** @param {Measured} row */
const written = ({ median }) => median.toFixed(2);
