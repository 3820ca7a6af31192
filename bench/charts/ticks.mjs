/** Round numbers for axes. */

/** The powers of ten from the one below all values to the one above them. @type {(values: readonly number[]) => number[]} */
export function powersOf10(values) {
  const from = Math.floor(Math.log10(Math.min(...values)));
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
}

/** 1, 2, 5, 10, 20 … between two values. @type {(least: number, most: number) => number[]} */
export function oneTwoFive(least, most) {
  return powersOf10([least, most])
    .flatMap((power) => [power, 2 * power, 5 * power])
    .filter((tick) => tick >= least && tick <= most);
}

const MOST_STEPS = 8;

/** Equal steps from below all values to above them. @type {(values: readonly number[]) => number[]} */
export function steps(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const inverse = [20, 10, 5, 2, 1].find((each) => (most - least) * each <= MOST_STEPS) ?? 0.5;
  const from = Math.floor(least * inverse);
  const to = Math.max(from + 1, Math.ceil(most * inverse));
  // Counted in whole steps: a sum of fractions would not be round.
  return Array.from({ length: to - from + 1 }, (_, index) => (from + index) / inverse);
}
