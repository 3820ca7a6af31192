/** How figures are written. */

/** @typedef {import('./statistics.mjs').Spread} Spread */

/** @type {(value: number, digits?: number) => string} */
export function figureText(value, digits = 2) {
  if (!Number.isFinite(value)) return '–';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** @type {(spread: Spread, text: (value: number) => string) => string} */
export const spreadText = ({ median, min, max }, text) =>
  Number.isFinite(median) ? `${text(median)} (${text(min)} – ${text(max)})` : '–';

/** To the hundredth, but what is small has its two first digits, and what is great no more than three. */
/** @type {(ratio: number) => string} */
export function ratioText(ratio) {
  if (ratio >= 100) return figureText(ratio, 0);
  if (ratio >= 10) return figureText(ratio, 1);
  return ratio >= 0.1 || ratio === 0 ? figureText(ratio) : `${Number(ratio.toPrecision(2))}`;
}
