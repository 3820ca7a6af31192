/** What descriptors that are merely registered cost a wait, by backend. */
import { inRounds, programOf } from '../../support/rounds.mjs';

/** @typedef {import('../../support/results.mjs').Row} Row */

/**
 * @param {{ counts: readonly number[], rounds: number, samples: number, milliseconds: number }} size
 * @param {[number, number] | null} cores
 * @returns {Promise<import('../../support/results.mjs').Group>}
 */
export async function idleDescriptorsGroup({ counts, rounds, samples, milliseconds }, cores) {
  const effort = ['--samples', `${samples}`, '--milliseconds', `${milliseconds}`];
  const [fewest = 0] = counts;
  const pairs = ['epoll', 'poll', 'select'].flatMap((backend) => counts.map((idle) => ({ backend, idle })));
  const contenders = pairs.map(({ backend, idle }) => {
    const args = ['--backend', backend, '--idle', `${idle}`, ...effort];
    const contender = programOf(`${backend}, ${idle} idle`, 'programs/idle.mjs', args, cores?.[0]);
    /** Every program warms itself up. @param {number} round */
    const turn = async (round) => (round === 0 ? {} : contender.turn(round));
    return { ...contender, turn };
  });
  const rows = await inRounds('idle descriptors', contenders, rounds);
  return {
    id: 'idle descriptors',
    title: 'One selector.dispatch(0, …) with one descriptor ready among idle ones',
    figures: [
      { key: 'microseconds', title: 'CPU µs/wait' },
      { key: 'growth', title: `÷ ${fewest} idle` },
    ],
    rows: rows.map((row, index) => grown(row, rows[index - (index % counts.length)])),
    setting: { samples, milliseconds },
  };
}

/** With how many times as long a wait took as among the fewest. @type {(row: Row, fewest: Row | undefined) => Row} */
function grown(row, fewest) {
  const samples = row.samples.map((sample, round) => {
    const { microseconds = Number.NaN } = sample;
    return { ...sample, growth: microseconds / (fewest?.samples[round]?.['microseconds'] ?? Number.NaN) };
  });
  return { ...row, samples };
}
