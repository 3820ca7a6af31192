/** Messages to a reactor from another thread, beside those to a MessagePort. */
import { shown, twoDigits } from '../support/figures.mjs';
import { figuresOf, inRounds } from '../support/rounds.mjs';
import { ratioOf, spreadOf } from '../support/statistics.mjs';
import { table } from '../support/table.mjs';

const NODE = 'MessagePort';
const OURS = ['Remote, blocking', 'Remote, hosted'];

/**
 * @param {{ count: number, rounds: number }} options
 * @param {import('../support/attempts.mjs').Attempts} attempts
 */
export async function measurePosts({ count, rounds }, attempts) {
  const contenders = [...OURS, NODE].map((name) => ({
    name: `posts to ${name}`,
    script: 'posts.mjs',
    args: ['--by', name.replace('Remote, ', ''), '--count', `${count}`],
  }));
  const base = `posts to ${NODE}`;
  const measured = await inRounds('posts', contenders, { rounds, core: undefined }, attempts);
  const { failures } = attempts;
  const rows = contenders.map(({ name }) => {
    const failure = failures.get(name);
    if (failure !== undefined) return [name, failure];
    const elapsed = figuresOf(measured, name, 'milliseconds');
    /** @param {string} figure */
    const ratio = (figure) => {
      if (name === base) return '1';
      if (failures.has(base)) return '–';
      return shown(ratioOf(figuresOf(measured, name, figure), figuresOf(measured, base, figure)));
    };
    return [
      name,
      Math.round((1000 * count) / spreadOf(elapsed).median).toLocaleString('en'),
      ratio('milliseconds'),
      twoDigits(spreadOf(figuresOf(measured, name, 'cpuMicroseconds')).median),
      ratio('cpuMicroseconds'),
    ];
  });
  const head = ['messages', 'messages/s', `time ÷ ${NODE}`, 'CPU µs/message', `CPU ÷ ${NODE}`];
  const title = `${count.toLocaleString('en')} messages from one thread to another, median of ${rounds} rounds (min – max)`;
  return { measured, text: `${title}\n\n${table(head, rows)}` };
}
