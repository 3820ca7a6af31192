/** Medians with their spread: what is left of a sample on a machine that others use too. */

/**
 * @typedef {object} Spread
 * @property {number} median
 * @property {number} min
 * @property {number} max
 */

/**
 * @param {readonly number[]} samples - at least one.
 * @returns {Spread} not a number where one of them is none: what a round lacks, no other round can stand for.
 */
export function spreadOf(samples) {
  if (samples.some(Number.isNaN)) return { median: Number.NaN, min: Number.NaN, max: Number.NaN };
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const lower = sorted.length % 2 === 0 ? (sorted[middle - 1] ?? Number.NaN) : upper;
  return { median: (lower + upper) / 2, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/**
 * The per-round ratios of two rivals. What slows a whole round down, another process or a lower clock, slows both and
 * cancels out, which a ratio of two medians would not see.
 *
 * @param {readonly number[]} samples - one for each round.
 * @param {readonly number[]} base - of the same rounds.
 * @returns {number[]} not a number for a round that either lacks.
 */
export function ratiosOf(samples, base) {
  const rounds = Math.max(samples.length, base.length);
  return Array.from(
    { length: rounds },
    (_, round) => (samples[round] ?? Number.NaN) / (base[round] ?? Number.NaN),
  );
}

/**
 * The least sample that at least `fraction` of all do not exceed.
 *
 * @param {readonly number[]} samples - at least one.
 * @param {number} fraction
 */
export function quantile(samples, fraction) {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)] ?? Number.NaN;
}
