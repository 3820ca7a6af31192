/** Pipes: what it costs to wait for a few readable descriptors among many idle ones; the libevent benchmark. */
import { nativeProgram } from '../support/native.mjs';
import { measure } from '../support/programs.mjs';
import { inRounds, programOf } from '../support/rounds.mjs';

/** @typedef {import('../support/results.mjs').Group} Group */
/** @typedef {import('../support/results.mjs').Row} Row */
/** @typedef {import('../support/rounds.mjs').Contender} Contender */
/** @typedef {{ pipes: number, active: number, writes: number }} Load - `writes`: bytes passed on in a run. */
/**
 * @typedef {object} Entrant
 * @property {string} name - of the row.
 * @property {(args: string[], warmUp: number, core: number | undefined) => Contender} enter
 * @property {number} [most] - pipes that it can watch.
 */

const LIMIT = 'epoll in C';
/** What the targets are about. */
const TARGETED = ['epoll', LIMIT];
/** As in the published figures. */
const ACTIVITIES = [
  { active: 1, writes: 100 },
  { active: 100, writes: 1000 },
];
/** `warmUp`: milliseconds, in which V8 compiles what is called often. */
const PASSES = {
  full: { rounds: 5, runs: 25, warmUp: 100, activities: ACTIVITIES, counts: [100, 1000, 9000], only: null },
  quick: { rounds: 5, runs: 5, warmUp: 100, activities: ACTIVITIES, counts: [100, 9000], only: TARGETED },
  moment: {
    rounds: 1,
    runs: 2,
    warmUp: 0,
    activities: [{ active: 2, writes: 20 }],
    counts: [10],
    only: null,
  },
};
/** Among so many pipes a run may take a tenth of a second: a few of them are enough. */
const MANY_PIPES = 5000;
const RUNS_AMONG_MANY = 5;

const NO_SELECT =
  'a libevent built without _FORTIFY_SOURCE; Debian’s cannot select descriptors from 1,024 on';
const ENTRANTS = [
  ours('epoll', 'epoll'),
  ours('epoll, edge', 'epoll', 'edge'),
  ours('epoll, oneshot', 'epoll', 'oneshot'),
  ours('poll', 'poll'),
  ours('select', 'select'),
  inC(LIMIT, 'epoll', 'pipes'),
  inC('poll in C', 'poll', 'pipes'),
  inC('select in C', 'select', 'pipes'),
  inC('libevent, epoll', 'epoll', 'libevent-pipes'),
  inC('libevent, poll', 'poll', 'libevent-pipes'),
  // A pipe is two descriptors.
  { ...inC('libevent, select', 'select', 'libevent-pipes'), most: 500 },
];

const NOTE = [
  'A run is timed from its first wait until its last byte was read; a sample is the median of the runs of one process,',
  'which has a core of its own and never sleeps, so that time is CPU time.',
  'Each byte that is passed on costs a recv, a send and its share of a wait, which is one that may block.',
  'oneshot arms each event again, by an epoll_ctl more; edge reads one byte an event, as the others do.',
  'A process of several threads, as Node.js is, has the kernel count the references to each descriptor that it looks at:',
  'poll and select among many pipes pay for that visibly, and in C they would with a second thread.',
  'Registering is the removal and renewal of all registrations before a run, which no run includes.',
].join(' ');

/** @type {import('../support/cell.mjs').Cell} */
export const pipes = {
  name: 'pipes',
  async measure({ pass, cores }) {
    const { rounds, runs, warmUp, activities, counts, only } = PASSES[pass];
    const entrants = ENTRANTS.filter(({ name }) => only === null || only.includes(name));
    /** @type {Group[]} */
    const groups = [];
    for (const activity of activities) {
      const loads = counts.map((count) => ({ pipes: count, ...activity }));
      const contenders = loads.flatMap((load) =>
        entrants.map((entrant) => contenderOf(entrant, load, { runs, warmUp }, cores?.[0])),
      );
      // All sizes in the same rounds, so that a row can be held against itself among fewer pipes.
      const rows = await inRounds(`pipes, ${activity.active} active`, contenders, rounds);
      /** @param {number} index */
      const rowsOf = (index) => rows.slice(index * entrants.length, (index + 1) * entrants.length);
      const fewest = { pipes: counts[0] ?? 0, rows: rowsOf(0) };
      groups.push(...loads.map((load, index) => groupOf(load, rowsOf(index), fewest)));
    }
    return groups;
  },
};

/** @type {(name: string, backend: string, mode?: string) => Entrant} */
function ours(name, backend, mode = 'level') {
  const options = ['--backend', backend, '--mode', mode];
  return {
    name,
    enter: (args, warmUp, core) =>
      programOf(name, 'programs/pipes.mjs', [...options, '--warm-up', `${warmUp}`, ...args], core),
  };
}

/** @type {(name: string, backend: string, program: string) => Entrant} */
function inC(name, backend, program) {
  return {
    name,
    enter: (args, _, core) => {
      const { path, missing } = nativeProgram(program);
      return { name, missing, turn: () => measure([path, '--method', backend, ...args], core) };
    },
  };
}

/** @type {(entrant: Entrant, load: Load, effort: { runs: number, warmUp: number }, core: number | undefined) => Contender} */
function contenderOf({ most = Number.POSITIVE_INFINITY, enter }, load, { runs, warmUp }, core) {
  const options = { ...load, runs: load.pipes < MANY_PIPES ? runs : Math.min(runs, RUNS_AMONG_MANY) };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const contender = enter(args, warmUp, core);
  return load.pipes > most ? { ...contender, missing: NO_SELECT } : contender;
}

/**
 * One table.
 *
 * @param {Load} load
 * @param {Row[]} rows
 * @param {{ pipes: number, rows: Row[] }} fewest - the same rows among the fewest pipes, in the same rounds.
 * @returns {Group}
 */
export function groupOf(load, rows, fewest) {
  const { pipes: count, active, writes } = load;
  const grows = count > fewest.pipes;
  return {
    id: `pipes, ${active} active, ${count}`,
    title: `${count.toLocaleString('en')} pipes, ${active} active, ${writes.toLocaleString('en')} bytes passed on in a run`,
    note: NOTE,
    figures: [
      { key: 'microseconds', title: 'µs/run', digits: 0, beside: [LIMIT] },
      ...(grows ? [{ key: 'growth', title: `÷ ${fewest.pipes} pipes` }] : []),
      { key: 'registerMicroseconds', title: 'registering, µs', digits: 0 },
    ],
    rows: grows ? rows.map((row, index) => grown(row, fewest.rows[index])) : rows,
    setting: { ...load },
  };
}

/**
 * A row with how many times as long it took as among the fewest pipes, in each round.
 *
 * @type {(row: Row, fewest: Row | undefined) => Row}
 */
function grown(row, fewest) {
  const samples = row.samples.map((sample, round) => {
    const { microseconds = Number.NaN } = sample;
    const growth = microseconds / (fewest?.samples[round]?.['microseconds'] ?? Number.NaN);
    return Number.isFinite(growth) ? { ...sample, growth } : sample;
  });
  return { ...row, samples };
}
