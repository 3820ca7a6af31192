/** How figures are written: alone, with their spread, and beside what is promised of them. */

/** @param {number} value */
export const twoDigits = (value) => value.toFixed(2);

/** @param {import('./statistics.mjs').Spread} spread */
export function shown({ median, min, max }) {
  const digits = median < 10 ? 3 : 0;
  return `${median.toFixed(digits)} (${min.toFixed(digits)} – ${max.toFixed(digits)})`;
}

/**
 * @param {string} target - what is promised, in words.
 * @param {number} value - what was measured.
 * @param {number} limit - at most so much is promised.
 */
export function verdict(target, value, limit) {
  return `- ${target}: ${value <= limit ? 'met' : 'NOT met'} (${value.toFixed(3)})`;
}

/** @param {string} target */
export const notMeasured = (target) => `- ${target}: not measured`;
