/** From one thread to another and back: by wakers, by messages, and by the shared memory that can wait for nothing else. */
import { shown } from '../support/figures.mjs';
import { figuresOf, inRounds } from '../support/rounds.mjs';
import { ratioOf, spreadOf } from '../support/statistics.mjs';
import { table } from '../support/table.mjs';

const OURS = 'Waker';
const RIVALS = ['MessagePort', 'Atomics.wait'];

/**
 * @param {{ times: number, rounds: number }} options
 * @param {import('../support/attempts.mjs').Attempts} attempts
 */
export async function measureThreadRoundTrips({ times, rounds }, attempts) {
  const contenders = [OURS, ...RIVALS].map((name) => ({
    name,
    script: 'thread-round-trip.mjs',
    args: ['--by', name, '--times', `${times}`],
  }));
  const measured = await inRounds('thread round trip', contenders, { rounds, core: undefined }, attempts);
  const { failures } = attempts;
  /** @param {string} name */
  const p50 = (name) => figuresOf(measured, name, 'p50');
  const rows = contenders.map(({ name }) => {
    const failure = failures.get(name);
    if (failure !== undefined) return [name, failure];
    return [
      name,
      spreadOf(p50(name)).median.toFixed(1),
      name === OURS ? '1' : failures.has(OURS) ? '–' : shown(ratioOf(p50(name), p50(OURS))),
      spreadOf(figuresOf(measured, name, 'p99')).median.toFixed(1),
      spreadOf(figuresOf(measured, name, 'min')).min.toFixed(1),
    ];
  });
  const head = ['round trip by', 'p50 µs', `÷ ${OURS}`, 'p99 µs', 'least µs'];
  const title = `Round trip between two threads, ${times.toLocaleString('en')} in each of ${rounds} rounds, median (min – max)`;
  return { measured, text: `${title}\n\n${table(head, rows)}` };
}
