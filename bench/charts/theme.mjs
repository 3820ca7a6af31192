/**
 * How figures look: one width, two schemes of colours that follow the viewer, and which colour means what. Every colour
 * stands out from both of GitHub's backgrounds, and no two that meet in a figure differ by their hue alone.
 */

export const WIDTH = 720;

/**
 * Colours by what they mean, as [light, dark].
 *
 * @satisfies {Record<string, [light: string, dark: string]>}
 */
export const COLORS = {
  ground: ['#ffffff', '#0d1117'],
  ink: ['#1f2328', '#e6edf3'],
  muted: ['#59636e', '#9198a1'],
  grid: ['#d1d9e0', '#30363d'],
  ours: ['#0a61c9', '#58a6ff'],
  rival: ['#8a939e', '#7d8590'],
  blue: ['#0a61c9', '#58a6ff'],
  green: ['#00805f', '#2bc295'],
  orange: ['#bd4b00', '#ff9a4a'],
  purple: ['#99308f', '#e58be0'],
  cyan: ['#177490', '#76e3ea'],
};

/** The light one is what figures name: a program that draws without regard to schemes shows it. @param {keyof typeof COLORS} name */
export const color = (name) => COLORS[name][0];

/** Of the page, for what must stand out from lines below it; the figures themselves are transparent. */
export const GROUND = color('ground');
export const INK = color('ink');
export const MUTED = color('muted');
export const GRID = color('grid');
export const OURS = color('ours');
export const RIVAL = color('rival');

/** Rules that put the dark colour in the place of each that a figure names. */
const DARK = [...new Map(Object.values(COLORS))].flatMap(([light, dark]) => [
  `.iomux-figure [fill="${light}"] { fill: ${dark}; }`,
  `.iomux-figure [stroke="${light}"] { stroke: ${dark}; }`,
]);

/** What stands in each figure: nothing else is loaded. */
export const STYLE = `
.iomux-figure { color: ${COLORS.ink[0]}; }
.iomux-figure .ours { font-weight: 600; }
@media (prefers-color-scheme: dark) {
.iomux-figure { color: ${COLORS.ink[1]}; }
${DARK.join('\n')}
}
`;

export const FONT = { fontFamily: 'system-ui, sans-serif', fontSize: '12px', background: 'none' };

/** Nothing measures text here: this is what a character takes on average in a wide font, and in its bold. */
const CHARACTER = { regular: 7, bold: 8.2 };

/** In pixels, of one line. @type {(text: string, bold?: boolean) => number} */
export const widthOf = (text, bold = false) => text.length * (bold ? CHARACTER.bold : CHARACTER.regular);

/** @param {number} value */
export const thousands = (value) => value.toLocaleString('en');
