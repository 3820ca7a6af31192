/** A storm of wakes from many threads: that none is lost, and what they cost. */
import { notMeasured } from '../support/figures.mjs';
import { figuresOf, inRounds } from '../support/rounds.mjs';
import { spreadOf } from '../support/statistics.mjs';
import { table } from '../support/table.mjs';

const NAME = 'selector.waker';

/**
 * @param {{ workers: number, wakes: number, rounds: number }} options
 * @param {import('../support/attempts.mjs').Attempts} attempts
 */
export async function measureWakes({ workers, wakes, rounds }, attempts) {
  const args = ['--workers', `${workers}`, '--wakes', `${wakes}`];
  const contenders = [{ name: NAME, script: 'wake-storm.mjs', args }];
  const measured = await inRounds('wakes', contenders, { rounds, core: undefined }, attempts);
  const failure = attempts.failures.get(NAME);
  /** @param {string} figure */
  const all = (figure) => figuresOf(measured, NAME, figure);
  /** @param {string} figure */
  const median = (figure) => {
    const value = spreadOf(all(figure)).median;
    return Number.isNaN(value) ? '–' : Math.round(value).toLocaleString('en');
  };
  const row = failure === undefined ? ['wakes', 'waits', 'writes', 'milliseconds'].map(median) : [failure];
  const rows = table(['waker', 'wakes', 'waits', 'system calls', 'ms'], [[NAME, ...row]]);
  const writes = all('writes');
  // One for each wait that was woken, and one for the wait that was about to begin.
  const target = 'system calls ≤ waits + 1';
  const worst = Math.max(...all('waits').map((waits, round) => (writes[round] ?? Number.NaN) - waits));
  const verdicts =
    failure !== undefined || Number.isNaN(worst)
      ? notMeasured(target)
      : `- ${target}: ${worst <= 1 ? 'met' : 'NOT met'} (waits ${worst < 0 ? '−' : '+'} ${Math.abs(worst)})`;
  const title = `${workers} threads, ${wakes.toLocaleString('en')} wakes each, none lost, median of ${rounds} rounds`;
  return { measured, text: `${title}\n\n${rows}\n\n${verdicts}` };
}
