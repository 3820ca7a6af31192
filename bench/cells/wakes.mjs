/** A storm of wakes from many threads: that none is lost, and what they cost. */
import { notMeasured } from '../support/figures.mjs';
import { figuresOf, inRounds } from '../support/rounds.mjs';
import { spreadOf } from '../support/statistics.mjs';
import { table } from '../support/table.mjs';

const NAME = 'selector.waker';
/** The same with its rings counted, which costs the owner a little. */
const COUNTED = `${NAME}, rings counted`;

/**
 * @param {{ workers: number, wakes: number, rounds: number }} options
 * @param {import('../support/attempts.mjs').Attempts} attempts
 */
export async function measureWakes({ workers, wakes, rounds }, attempts) {
  const args = ['--workers', `${workers}`, '--wakes', `${wakes}`];
  const script = 'wake-storm.mjs';
  const contenders = [
    { name: NAME, script, args },
    { name: COUNTED, script, args: [...args, '--counted'] },
  ];
  const measured = await inRounds('wakes', contenders, { rounds, core: undefined }, attempts);
  /** @type {(name: string, figure: string) => string} */
  const median = (name, figure) => {
    const value = spreadOf(figuresOf(measured, name, figure)).median;
    return Number.isNaN(value) ? '–' : Math.round(value).toLocaleString('en');
  };
  /** @param {string} name */
  const rowOf = (name) => {
    const failure = attempts.failures.get(name);
    if (failure !== undefined) return [name, failure];
    return [name, ...['wakes', 'waits', 'rings', 'milliseconds'].map((figure) => median(name, figure))];
  };
  const rows = table(['waker', 'wakes', 'waits', 'rings', 'ms'], [rowOf(NAME), rowOf(COUNTED)]);
  // Each wait is rung once at most: a ring is the one system call of a wake.
  const target = 'rings ≤ waits';
  const rings = figuresOf(measured, COUNTED, 'rings');
  const more = Math.max(
    ...figuresOf(measured, COUNTED, 'waits').map((waits, i) => (rings[i] ?? Number.NaN) - waits),
  );
  const verdict =
    attempts.failures.has(COUNTED) || Number.isNaN(more)
      ? notMeasured(target)
      : `- ${target}: ${more <= 0 ? 'met' : 'NOT met'} (waits ${more < 0 ? '−' : '+'} ${Math.abs(more)})`;
  const title = `${workers} threads, ${wakes.toLocaleString('en')} wakes each, none lost, median of ${rounds} rounds`;
  return { measured, text: `${title}\n\n${rows}\n\n${verdict}` };
}
