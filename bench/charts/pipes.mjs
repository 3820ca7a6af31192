/** What it costs to find the few that are ready among many: why the backends differ. */
import { figuresOf, roundsOf } from './data.mjs';
import { lines } from './lines.mjs';
import { color, INK, thousands } from './theme.mjs';
import { powersOf10 } from './ticks.mjs';

/** @typedef {import('./lines.mjs').Line} Line */
/** @typedef {import('./lines.mjs').Panel} Panel */
/** @typedef {{ active: number, pipes: number, name: string, ours: boolean, microseconds: number, id: string }} Measured - `microseconds`: of each byte passed on. */

const GROUP = /^pipes, (\d+) active, (\d+)$/;

/** The colour says which backend, and the dashes whose. @type {Record<string, Pick<Line, 'color' | 'symbol'>>} */
const BACKENDS = {
  epoll: { color: color('blue'), symbol: 'circle' },
  'epoll, edge': { color: color('green'), symbol: 'square' },
  'epoll, oneshot': { color: color('cyan'), symbol: 'triangle' },
  poll: { color: color('orange'), symbol: 'diamond2' },
  select: { color: color('purple'), symbol: 'star' },
};
/** @type {Pick<Line, 'color' | 'symbol'>} */
const ANY = { color: INK, symbol: 'circle' };
const IN_C = '5 3';
const OF_LIBEVENT = '2 2';

/** @param {import('../support/results.mjs').Results} results */
export function pipes(results) {
  const { groups } = results;
  const measured = groups.flatMap((group) => measuredIn(group));
  const panels = ascending(measured.map(({ active }) => active)).map((active) =>
    panelOf(
      active,
      measured.filter((each) => each.active === active),
    ),
  );
  if (panels.length === 0) return undefined;
  return lines(
    {
      name: 'pipes',
      cell: 'pipes',
      results,
      title: 'Pipes: finding the few that are active among many',
      subtitle: `Medians of ${roundsOf(
        groups,
        measured.map(({ id }) => id),
      )}; solid: iomux, dashed: in C, dotted: libevent`,
      alt: `Lines of the µs per byte passed on over the number of pipes, from the fewest to the most. ${panels.map(inWords).join(' ')}`,
    },
    panels,
    {
      x: 'pipes that are watched',
      y: 'µs per byte passed on',
      scale: 'log',
      ticks: powersOf10(measured.map(({ microseconds }) => microseconds)),
      height: 300,
    },
  );
}

/** @type {(group: import('../support/results.mjs').Group) => Measured[]} */
function measuredIn(group) {
  const [, active, count] = GROUP.exec(group.id) ?? [];
  if (active === undefined) return [];
  // Runs of few active pipes pass on fewer bytes: only what a byte costs can be held against others.
  const bytes = group.setting?.['writes'];
  if (typeof bytes !== 'number') return [];
  return figuresOf([group], group.id, 'microseconds').map(({ name, ours, median }) => ({
    active: Number(active),
    pipes: Number(count),
    name,
    ours,
    microseconds: median / bytes,
    id: group.id,
  }));
}

/** @type {(active: number, measured: readonly Measured[]) => Panel} */
function panelOf(active, measured) {
  const all = [...new Set(measured.map(({ name }) => name))].map((name) => {
    const own = measured.filter((each) => each.name === name);
    return {
      name,
      ours: own.some(({ ours }) => ours),
      ...looksOf(name),
      points: own.map(({ pipes, microseconds }) => ({ x: pipes, y: microseconds })).sort((a, b) => a.x - b.x),
    };
  });
  const longest = Math.max(...all.map(({ points }) => points.length));
  return {
    title: `${active} active`,
    // A single point beside lines says nothing of how it goes on.
    lines: all.filter(({ points }) => points.length > 1 || longest === 1),
  };
}

/** @param {string} name */
function looksOf(name) {
  const backend = name.replace(/ in C$|^libevent, /, '');
  const looks = BACKENDS[backend] ?? ANY;
  if (name.endsWith(' in C')) return { ...looks, dash: IN_C };
  return name === backend ? looks : { ...looks, dash: OF_LIBEVENT };
}

/** @type {(values: readonly number[]) => number[]} */
const ascending = (values) => [...new Set(values)].sort((a, b) => a - b);

/** @type {(panel: Panel) => string} */
function inWords({ title, lines }) {
  const list = lines.map(({ name, points }) => {
    const ends = points.length > 1 ? [points[0], points.at(-1)] : points;
    return `${name} ${ends.map(inMicroseconds).join(' to ')}`;
  });
  return `${title}: ${list.join('; ')}.`;
}

/** @param {{ y: number } | undefined} point */
const inMicroseconds = (point) => thousands(Number(point?.y.toPrecision(2)));
