/** The reactor's timers beside Node's own: what a crowd of them costs, and how exact a single one is. */
import { inRounds, programOf } from '../support/rounds.mjs';

/** That no timer is early is promised of a thousand of each delay: one round of them is enough for a quick pass. */
const SIZES = {
  full: { crowd: { count: 1_000_000, longest: 1000, rounds: 8 }, precision: { times: 1000, rounds: 6 } },
  quick: { crowd: { count: 1_000_000, longest: 1000, rounds: 4 }, precision: { times: 1000, rounds: 1 } },
  moment: { crowd: { count: 2000, longest: 50, rounds: 1 }, precision: { times: 10, rounds: 1 } },
};
/** Each turn is a process of its own, which warms itself up, or does so much that its beginning does not count. */
const ORDER = { warmUp: false };
const NODE = 'setTimeout';
const RESOURCE = 'AsyncResource';
const DELAYS = [0.1, 1, 3.1];

export const timers = {
  name: 'timers',

  /** @type {import('../support/cell.mjs').Cell['measure']} */
  async measure({ pass, cores }) {
    const sizes = SIZES[pass];
    return [await measureCrowd(sizes.crowd, cores?.[0]), await measurePrecision(sizes.precision, cores?.[0])];
  },
};

/**
 * @param {{ count: number, longest: number, rounds: number }} size
 * @param {number | undefined} core
 * @returns {Promise<import('../support/results.mjs').Group>}
 */
async function measureCrowd({ count, longest, rounds }, core) {
  const size = ['--count', `${count}`, '--longest', `${longest}`];
  const contenders = ['reactor, blocking', 'reactor, hosted', RESOURCE, NODE].map((name) => ({
    ...programOf(name, 'programs/timers.mjs', ['--by', modeOf(name), ...size], core),
    ours: name.startsWith('reactor'),
  }));
  return {
    id: 'timers, crowd',
    title: `${count.toLocaleString('en')} timers set, half of them cancelled, the rest fired`,
    note:
      `The delays are spread over 1 to ${longest} whole milliseconds, the only ones that setTimeout knows. AsyncResource ` +
      'is what keeping the asynchronous context costs by itself: as many objects, of which the same half runs, in an ' +
      'order that was sorted before.',
    figures: [{ key: 'milliseconds', title: 'CPU ms', digits: 0, beside: [NODE] }],
    rows: await inRounds('timers, crowd', contenders, rounds, ORDER),
    setting: { count, longest },
  };
}

/**
 * @param {{ times: number, rounds: number }} size
 * @param {number | undefined} core
 * @returns {Promise<import('../support/results.mjs').Group>}
 */
async function measurePrecision({ times, rounds }, core) {
  const reactors = ['reactor, blocking', 'reactor, hosted'].flatMap((name) =>
    DELAYS.map((delay) => ({ ...precisionOf(name, delay, times, core), ours: true })),
  );
  const inNode = precisionOf(NODE, 1, times, core);
  return {
    id: 'timers, precision',
    title: `How late a timer fires, ${times} of each, one after the other`,
    note: 'The earliest is that of all rounds: below 0, it fired before its time, which no timer of a reactor may.',
    figures: [
      { key: 'earliest', title: 'earliest µs', digits: 1, shown: 'min' },
      { key: 'p50', title: 'p50 µs', digits: 1 },
      { key: 'p99', title: 'p99 µs', digits: 1 },
    ],
    rows: await inRounds('timers, precision', [...reactors, inNode], rounds, ORDER),
    setting: { times },
  };
}

/**
 * @param {string} name
 * @param {number} delay - milliseconds.
 * @param {number} times
 * @param {number | undefined} core
 */
function precisionOf(name, delay, times, core) {
  const args = ['--by', modeOf(name), '--delay', `${delay}`, '--times', `${times}`];
  return programOf(`${name}, ${delay} ms`, 'programs/precision.mjs', args, core);
}

/** What the programs call it. @param {string} name */
const modeOf = (name) => name.replace('reactor, ', '');
