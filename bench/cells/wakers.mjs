/** What crosses threads: wakes, of which none may be lost, round trips, and messages. */
import { inRounds, programOf } from '../support/rounds.mjs';

/** @typedef {import('../support/results.mjs').Group} Group */

const SIZES = {
  full: { workers: 4, wakes: 100_000, roundTrips: 10_000, posts: 100_000, rounds: 8 },
  quick: { workers: 4, wakes: 100_000, roundTrips: 2000, posts: 20_000, rounds: 4 },
  moment: { workers: 2, wakes: 500, roundTrips: 100, posts: 500, rounds: 1 },
};
/** The threads of a process are not pinned: which of them share a core is a part of what they cost. */
const NOT_PINNED = undefined;
/** Each turn is a process of its own, which warms itself up; wakes are counted, warm or not. */
const ORDER = { warmUp: false };

export const wakers = {
  name: 'wakers',

  /** @type {import('../support/cell.mjs').Cell['measure']} */
  async measure({ pass }) {
    const sizes = SIZES[pass];
    return [await measureStorm(sizes), await measureRoundTrips(sizes), await measurePosts(sizes)];
  },
};

/**
 * @param {{ workers: number, wakes: number, rounds: number }} size
 * @returns {Promise<Group>}
 */
async function measureStorm({ workers, wakes, rounds }) {
  const script = 'programs/wake-storm.mjs';
  const args = ['--workers', `${workers}`, '--wakes', `${wakes}`];
  const contenders = [
    { ...programOf('Waker', script, args, NOT_PINNED), ours: true },
    { ...programOf('Waker, rings counted', script, [...args, '--counted'], NOT_PINNED), ours: true },
  ];
  return {
    id: 'wakers, storm',
    title: `${workers} threads wake one selector, ${wakes.toLocaleString('en')} times each, and none is lost`,
    note: `A ring is the one system call of a wake, and only who finds the owner waiting has to ring. What counts them costs
the owner a little, so they are counted in a row of their own; the most of all rounds is shown of rings − waits.`,
    figures: [
      { key: 'wakes', title: 'wakes', digits: 0 },
      { key: 'waits', title: 'waits', digits: 0 },
      { key: 'rings', title: 'rings', digits: 0 },
      { key: 'ringsBeyondWaits', title: 'rings − waits', digits: 0, shown: 'max' },
      { key: 'milliseconds', title: 'ms', digits: 0 },
    ],
    rows: await inRounds('wakers, storm', contenders, rounds, ORDER),
    setting: { workers, wakes },
  };
}

/**
 * @param {{ roundTrips: number, rounds: number }} size
 * @returns {Promise<Group>}
 */
async function measureRoundTrips({ roundTrips, rounds }) {
  const rivals = ['MessagePort', 'Atomics.wait'];
  const script = 'programs/thread-round-trip.mjs';
  const contenders = ['Waker', ...rivals].map((name) => ({
    ...programOf(name, script, ['--by', name, '--times', `${roundTrips}`], NOT_PINNED),
    ours: !rivals.includes(name),
  }));
  return {
    id: 'wakers, round trip',
    title: `From one thread to another and back, ${roundTrips.toLocaleString('en')} times`,
    note: 'Atomics.wait waits for a word of shared memory, and for nothing else.',
    figures: [
      { key: 'p50', title: 'p50 µs', digits: 1, beside: rivals },
      { key: 'p99', title: 'p99 µs', digits: 1 },
      { key: 'min', title: 'least µs', digits: 1, shown: 'min' },
    ],
    rows: await inRounds('wakers, round trip', contenders, rounds, ORDER),
    setting: { roundTrips },
  };
}

/**
 * @param {{ posts: number, rounds: number }} size
 * @returns {Promise<Group>}
 */
async function measurePosts({ posts, rounds }) {
  const rival = 'MessagePort';
  const script = 'programs/posts.mjs';
  const contenders = ['Remote, blocking', 'Remote, hosted', rival].map((name) => {
    const args = ['--by', name.replace('Remote, ', ''), '--count', `${posts}`];
    return { ...programOf(name, script, args, NOT_PINNED), ours: name !== rival };
  });
  return {
    id: 'wakers, posts',
    title: `${posts.toLocaleString('en')} messages from one thread to another`,
    note: 'Each is looked at: they arrive in order, and none twice. The CPU time is that of the whole process.',
    figures: [
      { key: 'messagesPerSecond', title: 'messages/s', digits: 0, beside: [rival] },
      { key: 'cpuMicroseconds', title: 'CPU µs/message', beside: [rival] },
    ],
    rows: await inRounds('wakers, posts', contenders, rounds, ORDER),
    setting: { posts },
  };
}
