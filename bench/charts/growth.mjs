/** How the cost of a message changes with the number of connections, and with its size. */
import { CPU, figuresOf, LIMIT, roundsOf } from './data.mjs';
import { lines } from './lines.mjs';
import { color, INK, MUTED, thousands } from './theme.mjs';
import { steps } from './ticks.mjs';

/** @typedef {import('./lines.mjs').Line} Line */
/** @typedef {import('../support/results.mjs').Results} Results */
/**
 * What is varied.
 *
 * @typedef {object} Axis
 * @property {string} name - of the figure.
 * @property {string} title
 * @property {string} fixed - what is the same everywhere.
 * @property {string} label
 * @property {(value: number) => string} [format]
 * @property {RegExp} group - of the ids: what varies, and its unit.
 */

/** One for each way to write a server: more could not be told apart. @type {Record<string, Pick<Line, 'color' | 'symbol' | 'dash'>>} */
const ROWS = {
  'dispatch, epoll': { color: color('blue'), symbol: 'circle' },
  'watchers, hosted': { color: color('green'), symbol: 'square' },
  'protocol, hosted': { color: color('orange'), symbol: 'triangle' },
  'streams, hosted': { color: color('purple'), symbol: 'diamond2' },
  'node:net': { color: INK, symbol: 'star', dash: '6 3' },
  'uvloop, protocol': { color: MUTED, symbol: 'circle', dash: '2 2' },
  'uvloop, streams': { color: MUTED, symbol: 'square', dash: '2 2' },
};

const KIB = 1024;

/** @param {Results} results */
export function connections(results) {
  return growth(results, {
    name: 'connections',
    title: 'Echo: CPU time per message over the number of connections',
    fixed: 'messages of 1 KiB',
    label: 'connections',
    group: /^echo, (\d+) × 1 KiB$/,
  });
}

/** @param {Results} results */
export function sizes(results) {
  return growth(results, {
    name: 'sizes',
    title: 'Echo: CPU time per message over its size',
    fixed: '64 connections',
    label: 'size of a message',
    format: (bytes) => (bytes < KIB ? `${bytes} B` : `${bytes / KIB} KiB`),
    group: /^echo, 64 × (\d+) (B|KiB)$/,
  });
}

/** @type {(results: Results, axis: Axis) => import('./frame.mjs').Figure | undefined} */
function growth(results, { name, title, fixed, label, format = thousands, group }) {
  const { groups } = results;
  const measured = groups.flatMap(({ id }) => {
    const [, count, unit] = group.exec(id) ?? [];
    if (count === undefined) return [];
    const x = Number(count) * (unit === 'KiB' ? KIB : 1);
    return figuresOf(groups, id, CPU, LIMIT).map(({ name, ours, median }) => ({
      name,
      ours,
      x,
      y: median,
      id,
    }));
  });
  const drawn = Object.entries(ROWS)
    .map(([row, looks]) => {
      const points = measured.filter((each) => each.name === row).sort((a, b) => a.x - b.x);
      return { name: row, ours: points.some(({ ours }) => ours), ...looks, points };
    })
    .filter(({ points }) => points.length > 1);
  if (drawn.length === 0) return undefined;
  const ids = measured.map(({ id }) => id);
  return lines(
    {
      name,
      cell: 'echo',
      results,
      title,
      subtitle: `Median ratio to ${LIMIT} (dashed, at 1) of ${roundsOf(groups, ids)}; ${fixed}`,
      alt: `Lines of the CPU time per message, divided by that of ${LIMIT}; ${fixed}: ${inWords(drawn, format)}.`,
    },
    [{ title: '', lines: drawn }],
    {
      x: label,
      y: `CPU time per message ÷ that of ${LIMIT} (times)`,
      format,
      yFormat: (ratio) => ratio.toLocaleString('en', { minimumFractionDigits: 1 }),
      scale: 'linear',
      ticks: steps([1, ...drawn.flatMap(({ points }) => points.map(({ y }) => y))]),
      rule: 1,
      height: 300,
    },
  );
}

/** @type {(drawn: readonly Line[], format: (value: number) => string) => string} */
function inWords(drawn, format) {
  return drawn
    .map(
      ({ name, points }) =>
        `${name} ${points.map(({ x, y }) => `${y.toFixed(2)} at ${format(x)}`).join(', ')}`,
    )
    .join('; ');
}
