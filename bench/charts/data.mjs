/** What figures take from results: rows that can be drawn, and their figures over all rounds. */
import { valuesOf } from '../support/results.mjs';
import { quantile, spreadOf } from '../support/statistics.mjs';

/** @typedef {import('../support/results.mjs').Group} Group */
/** @typedef {{ name: string, ours: boolean, median: number, p25: number, p75: number }} Measured - of the rounds. */

/** The limit: the same system calls, and no language. */
export const LIMIT = 'epoll in C';
export const CPU = 'cpuMicrosecondsPerMessage';

/**
 * The rows of a group that were measured in every round, and what a figure of theirs was.
 *
 * @param {readonly Group[]} groups
 * @param {string} id
 * @param {string} key
 * @param {string} [base] - the rival that it is divided by, round by round: where that was not measured, there are none.
 * @returns {Measured[]}
 */
export function figuresOf(groups, id, key, base) {
  const rows = groups.find((group) => group.id === id)?.rows ?? [];
  return rows.flatMap(({ name, ours = false }) => {
    const rounds = valuesOf(groups, { group: id, row: name, figure: key }, base);
    if (rounds.length === 0 || !rounds.every(Number.isFinite)) return [];
    const { median } = spreadOf(rounds);
    return [{ name, ours, median, p25: quantile(rounds, 0.25), p75: quantile(rounds, 0.75) }];
  });
}

/** How many rounds were measured, in words. @type {(groups: readonly Group[], ids: readonly string[]) => string} */
export function roundsOf(groups, ids) {
  const measured = groups.filter(({ id }) => ids.includes(id));
  const rounds = measured.map(({ rows }) => Math.max(0, ...rows.map(({ samples }) => samples.length)));
  const [least, most] = [Math.min(...rounds), Math.max(...rounds)];
  const counted = most === 1 ? 'round' : 'rounds';
  return `${least === most ? most : `${least} to ${most}`} ${counted}`;
}

/** The least first. @type {(rows: readonly Measured[]) => Measured[]} */
export const sorted = (rows) => [...rows].sort((a, b) => a.median - b.median);
