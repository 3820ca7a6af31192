/** How late timers are, and that none is early, beside setTimeout(1). */
import { notMeasured, verdict } from '../support/figures.mjs';
import { figuresOf, inRounds } from '../support/rounds.mjs';
import { spreadOf } from '../support/statistics.mjs';
import { table } from '../support/table.mjs';

const DELAYS = [0.1, 1, 3.1];
/** Where the kernel waits in nanoseconds; others round up to the next millisecond. */
const TARGET_MICROSECONDS = 150;

/** @typedef {{ name: string, by: string, delay: number }} Row */

/** @type {readonly Row[]} */
const ROWS = [
  ...['blocking', 'hosted'].flatMap((by) =>
    DELAYS.map((delay) => ({ name: `reactor, ${by}, ${delay} ms`, by, delay })),
  ),
  { name: 'setTimeout, 1 ms', by: 'setTimeout', delay: 1 },
];

/**
 * @param {{ times: number, rounds: number, core: number | undefined }} options
 * @param {import('../support/attempts.mjs').Attempts} attempts
 */
export async function measureTimerPrecision({ times, rounds, core }, attempts) {
  const contenders = ROWS.map(({ name, by, delay }) => ({
    name,
    script: 'precision.mjs',
    args: ['--by', by, '--delay', `${delay}`, '--times', `${times}`],
  }));
  const measured = await inRounds('precision', contenders, { rounds, core }, attempts);
  const { failures } = attempts;
  /**
   * @param {string} name
   * @param {string} figure
   */
  const spread = (name, figure) => spreadOf(figuresOf(measured, name, figure));
  const rows = ROWS.map(({ name }) => {
    const failure = failures.get(name);
    if (failure !== undefined) return [name, failure];
    return [
      name,
      spread(name, 'earliest').min.toFixed(1),
      spread(name, 'p50').median.toFixed(1),
      spread(name, 'p99').median.toFixed(1),
    ];
  });
  const verdicts = [];
  for (const { name, by } of ROWS) {
    if (by === 'setTimeout') continue;
    const target = `${name}: p50 ≤ ${TARGET_MICROSECONDS} µs late`;
    if (failures.has(name)) {
      verdicts.push(notMeasured(target));
      continue;
    }
    verdicts.push(verdict(target, spread(name, 'p50').median, TARGET_MICROSECONDS));
    const earliest = spread(name, 'earliest').min;
    if (earliest < 0) failures.set(name, `early by ${(-earliest).toFixed(3)} µs: a timer must never be`);
  }
  const title = `How late a timer fires, ${times} of each in each of ${rounds} rounds`;
  const head = ['timer', 'earliest µs', 'p50 µs', 'p99 µs'];
  return { measured, text: `${title}\n\n${table(head, rows)}\n\n${verdicts.join('\n')}` };
}
