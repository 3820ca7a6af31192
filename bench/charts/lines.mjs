/** Lines over a logarithmic axis, in one panel or more that share their axes; each is named where it ends. */
import * as Plot from '@observablehq/plot';
import { endsOf } from './ends.mjs';
import { BELOW, framed, HEAD } from './frame.mjs';
import { GRID, INK, MUTED, thousands, WIDTH, widthOf } from './theme.mjs';

/**
 * @typedef {object} Line
 * @property {string} name
 * @property {boolean} ours
 * @property {string} color
 * @property {Plot.SymbolName} symbol - of its points, for who cannot tell the colours apart.
 * @property {string} [dash]
 * @property {{ x: number, y: number }[]} points - from left to right.
 */
/** @typedef {{ title: string, lines: Line[] }} Panel */
/**
 * @typedef {object} Axes
 * @property {string} x - what it means, with its unit.
 * @property {string} y - the same.
 * @property {(value: number) => string} [format] - of the values of x.
 * @property {(value: number) => string} [yFormat] - of the ticks.
 * @property {'linear' | 'log'} scale - of y.
 * @property {readonly number[]} ticks - of y, from its lower to its upper end.
 * @property {number} [rule] - on y: what the lines are to be held against.
 * @property {number} height - of the panels.
 */

/** Between the numbers of y and what they stand for. */
const TICK_GAP = 12;
/** Between two panels, as a share of one. */
const GAP = 0.1;
const PANEL_TITLE = 24;
const Y_LABEL = 20;
/** From the last value to the names. */
const LEADER = 20;

/**
 * @param {Omit<import('./frame.mjs').Frame, 'height' | 'plot' | 'key'>} frame
 * @param {readonly Panel[]} panels
 * @param {Axes} axes
 */
export function lines(frame, panels, axes) {
  const { format = thousands, yFormat = thousands } = axes;
  const marginLeft = Math.max(...axes.ticks.map((tick) => widthOf(yFormat(tick)))) + TICK_GAP;
  const all = panels.flatMap((panel) => panel.lines);
  const values = [...new Set(all.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const [first = 1, last = 1] = [values[0], values.at(-1)];
  const several = panels.length > 1;
  const padding = several ? GAP : 0;
  const marginTop = HEAD + Y_LABEL + (several ? PANEL_TITLE : 0);
  const bottom = marginTop + axes.height;
  const insetRight = Math.max(...all.map(({ name, ours }) => widthOf(name, ours))) + LEADER;
  const width = (WIDTH - marginLeft) / (panels.length - padding) - insetRight;
  // A single value spans nothing on a logarithmic axis: it stands where the axis begins.
  const x = { type: /** @type {const} */ ('log'), domain: [first, last > first ? last : first * 10] };
  const y = { type: axes.scale, domain: [axes.ticks[0] ?? 0, axes.ticks.at(-1) ?? 1] };
  const toY = Plot.scale({ y: { ...y, range: [bottom, marginTop] } });
  const names = Plot.scale({ x: { ...x, range: [0, width] } }).invert?.(width + LEADER - 4) ?? last;
  return framed({
    ...frame,
    height: bottom + BELOW,
    plot: {
      marginTop,
      marginLeft,
      marginRight: 0,
      x: { ...x, insetRight },
      y,
      fx: { axis: null, domain: panels.map(({ title }) => title), padding, paddingOuter: 0, round: false },
      marks: [
        Plot.ruleY(axes.ticks, { stroke: GRID, x1: first, x2: last }),
        Plot.axisY({
          ticks: axes.ticks,
          tickFormat: yFormat,
          color: MUTED,
          tickSize: 0,
          label: null,
          facetAnchor: 'left',
        }),
        // By `text`, since a logarithmic scale would blank values that are no powers of ten.
        Plot.axisX(values, { text: format, color: MUTED, tickSize: 4, label: null }),
        ...headings(panels, axes, marginLeft),
        axes.rule === undefined
          ? null
          : Plot.ruleY([axes.rule], { stroke: INK, strokeDasharray: '3 3', x1: first, x2: last }),
        ...panels.flatMap((panel) => panel.lines.flatMap((line) => marksOf(line, panel.title))),
        ...panels.flatMap((panel) =>
          endsOf(panel.lines, toY, [marginTop - 6, bottom]).flatMap((end) => nameOf(end, panel.title, names)),
        ),
      ],
    },
  });
}

/** What the axes mean, and each panel where there are several. @type {(panels: readonly Panel[], axes: Axes, marginLeft: number) => Plot.Markish[]} */
function headings(panels, axes, marginLeft) {
  const above = /** @type {const} */ ({
    fx: 'title',
    frameAnchor: 'top-left',
    textAnchor: 'start',
    fill: MUTED,
  });
  const titles = { ...above, text: 'title', dy: -Y_LABEL - PANEL_TITLE, fill: INK, fontWeight: 600 };
  return [
    Plot.text(panels, { ...above, text: () => axes.x, frameAnchor: 'bottom-left', dy: 36 }),
    Plot.text(panels.slice(0, 1), { ...above, text: () => axes.y, dx: -marginLeft, dy: -Y_LABEL }),
    panels.length > 1 ? Plot.text(panels, titles) : null,
  ];
}

/** @type {(line: Line, panel: string) => Plot.Markish[]} */
function marksOf({ points, color, symbol, dash, ours }, panel) {
  const at = /** @type {const} */ ({ x: 'x', y: 'y', fx: () => panel });
  const strokeWidth = ours ? 2 : 1.25;
  return [
    Plot.line(points, {
      ...at,
      stroke: color,
      strokeWidth,
      ...(dash === undefined ? {} : { strokeDasharray: dash }),
    }),
    Plot.dot(points, { ...at, symbol, r: ours ? 3.5 : 2.5, fill: color }),
  ];
}

/** @type {(end: import('./ends.mjs').End, panel: string, names: number) => Plot.Markish[]} */
function nameOf({ line, x, y, nameY }, panel, names) {
  const fx = () => panel;
  return [
    Plot.link([0], {
      fx,
      x1: x,
      x2: names,
      y1: y,
      y2: nameY,
      stroke: line.color,
      strokeWidth: 0.75,
      strokeDasharray: '1 2',
    }),
    Plot.text([line.name], {
      fx,
      x: names,
      y: nameY,
      dx: 4,
      textAnchor: 'start',
      fill: line.color,
      ...(line.ours ? { className: 'ours' } : {}),
    }),
  ];
}
