/** The frame of every figure: what it is called, what it says in words, where it was measured, and its colours. */
import * as Plot from '@observablehq/plot';
import { element, emptyDocument, fileOf } from './svg.mjs';
import { FONT, INK, MUTED, OURS, RIVAL, STYLE, WIDTH } from './theme.mjs';

/** @typedef {import('./svg.mjs').Node} Node */
/** @typedef {import('../support/results.mjs').Results} Results */
/**
 * @typedef {object} Figure
 * @property {string} name - of its file, without the extension.
 * @property {string} cell - that measures it.
 * @property {string} title
 * @property {string} alt - what it shows, in words and numbers.
 * @property {string} svg
 */
/**
 * @typedef {object} Frame
 * @property {string} name
 * @property {string} cell
 * @property {string} title
 * @property {string} subtitle - how it was measured, and what is drawn.
 * @property {string} alt
 * @property {boolean} [key] - says which colour is ours, and which is of the others.
 * @property {Results} results - whose machine, date and pass are named below.
 * @property {number} height - of all.
 * @property {Plot.PlotOptions} plot
 */

/** Where the drawing may begin, below title and subtitle. */
export const HEAD = 64;
/** What the lower axis takes, with its label and the line that names the machine. */
export const BELOW = 68;

/** Of passes that are not full. @type {Readonly<Record<string, string>>} */
const PROVISOS = { quick: 'quick pass', moment: 'pass of a moment, which means nothing' };

/** @type {(frame: Frame) => Figure} */
export function framed({ name, cell, title, subtitle, alt, key = false, results, height, plot }) {
  const document = emptyDocument();
  /** @type {Node} */
  const svg = Plot.plot({
    document,
    className: 'iomux-figure',
    width: WIDTH,
    height,
    marginTop: HEAD,
    marginBottom: BELOW,
    style: FONT,
    ...plot,
  });
  svg.setAttribute('role', 'img');
  svg.querySelector('style').remove();
  svg.prepend(
    element(document, 'title', {}, title),
    element(document, 'desc', {}, alt),
    element(document, 'style', {}, STYLE),
  );
  const left = { x: 0, 'text-anchor': 'start', fill: MUTED };
  svg.append(
    element(document, 'text', { ...left, y: 17, fill: INK, 'font-size': 16, 'font-weight': 600 }, title),
    element(document, 'text', { ...left, y: 38 }, subtitle),
    element(document, 'text', { ...left, y: height - 6, 'font-size': 10.5 }, originOf(results)),
  );
  if (key) svg.append(keyIn(document));
  return { name, cell, title, alt, svg: fileOf(svg) };
}

/** @param {Node} document */
function keyIn(document) {
  const words = /** @type {const} */ ([
    [OURS, '■', 0],
    [INK, 'iomux', 4],
    [RIVAL, '■', 12],
    [INK, 'others', 4],
  ]);
  // Gaps, not spaces: at the ends of a part, some programs drop these.
  const spans = words.map(([fill, text, dx]) => element(document, 'tspan', { fill, dx }, text));
  return element(document, 'text', { x: WIDTH, y: 17, 'text-anchor': 'end' }, ...spans);
}

/** When it was measured, how, and where: last what may be longer than there is room for. @param {Results} results */
function originOf({ machine, date, pass, cores }) {
  const day = date?.slice(0, 'yyyy-mm-dd'.length);
  const unpinned = cores === null ? 'not pinned to cores' : undefined;
  const place = `${machine.kernel}; ${machine.cpu}, ${machine.cores} cores; Node.js ${machine.node}`;
  return [day, PROVISOS[pass], unpinned, place].filter((part) => part !== undefined).join('; ');
}
