/** A crowd of timers: what setting, cancelling and firing them costs, beside setTimeout. */
import { notMeasured, shown, verdict } from '../support/figures.mjs';
import { figuresOf, inRounds } from '../support/rounds.mjs';
import { ratioOf, spreadOf } from '../support/statistics.mjs';
import { table } from '../support/table.mjs';

const NODE = 'setTimeout';
const OURS = ['reactor, blocking', 'reactor, hosted'];
const TARGET = 0.5;

/**
 * @param {{ count: number, rounds: number, core: number | undefined }} options
 * @param {import('../support/attempts.mjs').Attempts} attempts
 */
export async function measureTimerCrowd({ count, rounds, core }, attempts) {
  const contenders = [...OURS, NODE].map((name) => ({
    name,
    script: 'timers.mjs',
    args: ['--by', name.replace('reactor, ', ''), '--count', `${count}`],
  }));
  const measured = await inRounds(`${count} timers`, contenders, { rounds, core }, attempts);
  const { failures } = attempts;
  /** @param {string} name */
  const cpu = (name) => figuresOf(measured, name, 'milliseconds');
  const rows = contenders.map(({ name }) => {
    const failure = failures.get(name);
    if (failure !== undefined) return [name, failure];
    const median = spreadOf(cpu(name)).median.toFixed(0);
    if (name === NODE) return [name, median, '1'];
    return [name, median, failures.has(NODE) ? '–' : shown(ratioOf(cpu(name), cpu(NODE)))];
  });
  const verdicts = OURS.map((name) => {
    const target = `${name} ≤ ${TARGET} × ${NODE}`;
    if (failures.has(name) || failures.has(NODE)) return notMeasured(target);
    return verdict(target, ratioOf(cpu(name), cpu(NODE)).median, TARGET);
  });
  const title = `${count.toLocaleString('en')} timers set, half of them cancelled, the rest fired, median of ${rounds} rounds (min – max)`;
  const rowsText = table(['timers', 'CPU ms', `÷ ${NODE}`], rows);
  return { measured, text: `${title}\n\n${rowsText}\n\n${verdicts.join('\n')}` };
}
