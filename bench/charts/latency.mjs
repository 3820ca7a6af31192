/** How long a round trip takes, and how far the slow ones lie from the others. */
import * as Plot from '@observablehq/plot';
import { column } from './column.mjs';
import { figuresOf, roundsOf } from './data.mjs';
import { BELOW, framed, HEAD } from './frame.mjs';
import { names, roomFor } from './names.mjs';
import { GRID, GROUND, INK, MUTED, OURS, RIVAL, thousands } from './theme.mjs';
import { oneTwoFive } from './ticks.mjs';

const GROUP = 'latency, 1 × 64 B';
const QUANTILES = /** @type {const} */ (['p1', 'p25', 'p50', 'p75', 'p99', 'p99.9']);
const ROW = 26;
/** Of the columns of numbers at the right: where each of them ends. */
const COLUMNS = /** @type {const} */ ([
  ['p50', 60],
  ['p99', 115],
]);
const RIGHT = 120;

/** @typedef {{ name: string, ours: boolean } & Record<(typeof QUANTILES)[number], number>} Distribution */

/** @param {import('../support/results.mjs').Results} results */
export function latency(results) {
  const { groups } = results;
  const rows = distributionsOf(groups);
  if (rows.length === 0) return undefined;
  const marginTop = HEAD + 18;
  const ends = rows.flatMap((row) => [row.p1, row['p99.9']]);
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  const ticks = oneTwoFive(least, most);
  const color = (/** @type {Distribution} */ { ours }) => (ours ? OURS : RIVAL);
  const list = rows.map(({ name, p50, p99 }) => `${name} ${written(p50)} and ${written(p99)}`).join('; ');
  return framed({
    name: 'latency',
    cell: 'latency',
    results,
    title: 'Latency: how long a round trip takes',
    subtitle: `One connection, messages of 64 B; medians of each quantile over ${roundsOf(groups, [GROUP])}`,
    alt: `Distributions of round trips; p50 and p99 in µs: ${list}.`,
    key: true,
    height: marginTop + rows.length * ROW + BELOW,
    plot: {
      marginTop,
      marginLeft: roomFor(rows),
      marginRight: RIGHT,
      x: { type: 'log', domain: [least, most], insetLeft: 8, insetRight: 6 },
      y: { domain: rows.map(({ name }) => name), axis: null, padding: 0.3 },
      marks: [
        Plot.gridX(ticks, { stroke: GRID, strokeOpacity: 1 }),
        Plot.axisX(ticks, {
          text: thousands,
          color: MUTED,
          tickSize: 0,
          label: 'µs of a round trip: line p1 to p99, bar p25 to p75, dot p50, tick p99.9',
          labelAnchor: 'center',
          labelArrow: 'none',
          labelOffset: 36,
        }),
        ...names(rows),
        Plot.ruleY(rows, { x1: 'p1', x2: 'p99', y: 'name', stroke: color, strokeWidth: 1.5 }),
        Plot.barX(rows, { x1: 'p25', x2: 'p75', y: 'name', fill: color }),
        Plot.tickX(rows, {
          x: 'p99.9',
          y: 'name',
          stroke: color,
          strokeWidth: 1.5,
          insetTop: 3,
          insetBottom: 3,
        }),
        Plot.dot(rows, { x: 'p50', y: 'name', r: 3.5, fill: GROUND, stroke: INK, strokeWidth: 1.5 }),
        ...COLUMNS.flatMap(([quantile, end]) =>
          column(rows, `${quantile} µs`, (row) => written(row[quantile]), end),
        ),
      ],
    },
  });
}

/** A tenth of a µs says nothing beside a thousand of them. @type {(microseconds: number) => string} */
const written = (microseconds) =>
  microseconds < 1000 ? microseconds.toFixed(1) : thousands(Math.round(microseconds));

/** The quickest first. @type {(groups: readonly import('../support/results.mjs').Group[]) => Distribution[]} */
function distributionsOf(groups) {
  const figures = QUANTILES.map((quantile) => figuresOf(groups, GROUP, quantile));
  const [first = []] = figures;
  return first
    .flatMap(({ name, ours }) => {
      const medians = figures.map((rows) => rows.find((row) => row.name === name)?.median);
      if (medians.includes(undefined)) return [];
      const quantiles = QUANTILES.map((quantile, index) => [quantile, medians[index]]);
      return [/** @type {Distribution} */ ({ name, ours, ...Object.fromEntries(quantiles) })];
    })
    .sort((a, b) => a.p50 - b.p50);
}
