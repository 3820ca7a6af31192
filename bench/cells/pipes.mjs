/** Pipes: what it costs to wait for a few readable descriptors among many idle ones; the libevent benchmark. */
import { inC, ours } from '../support/commands.mjs';
import { measure } from '../support/programs.mjs';
import { inRounds } from '../support/rounds.mjs';

/** @typedef {import('../support/results.mjs').Group} Group */
/** @typedef {import('../support/results.mjs').Row} Row */
/** @typedef {{ pipes: number, active: number, writes: number }} Load - `writes`: bytes passed on in a run. */
/**
 * How thoroughly one program measures.
 *
 * @typedef {object} Effort
 * @property {number} registrations
 * @property {number} milliseconds - of runs after each of them: one may take a third of a millisecond or a tenth of a
 *   second, by what there is to search.
 * @property {number} warmUp - milliseconds, in which V8 compiles what is called often.
 */
/**
 * @typedef {object} Entrant
 * @property {string} name - of the row.
 * @property {() => import('../support/commands.mjs').Program} program - looked for when it is asked for.
 * @property {number} [most] - pipes that it can watch.
 */

const LIMIT = 'epoll in C';
/** What the targets are about. */
const TARGETED = ['epoll', LIMIT];
/** As in the published figures. */
const ONE = { active: 1, writes: 100 };
const CROWD = { active: 100, writes: 1000 };
const PASSES = {
  full: {
    rounds: 5,
    effort: { registrations: 10, milliseconds: 8, warmUp: 100 },
    loads: [
      { ...ONE, counts: [100, 1000, 9000] },
      { ...CROWD, counts: [100, 1000, 9000] },
    ],
    only: null,
  },
  quick: {
    rounds: 4,
    effort: { registrations: 2, milliseconds: 12, warmUp: 80 },
    loads: [
      { ...ONE, counts: [100, 9000] },
      { ...CROWD, counts: [100, 1000, 9000] },
    ],
    only: TARGETED,
  },
  moment: {
    rounds: 1,
    effort: { registrations: 2, milliseconds: 0, warmUp: 0 },
    loads: [{ active: 2, writes: 20, counts: [10, 20] }],
    only: null,
  },
};
/** To register so many takes a twentieth of a second: a few times are enough. */
const MANY_PIPES = 5000;
const REGISTRATIONS_OF_MANY = 3;

const NO_SELECT =
  'a libevent built without _FORTIFY_SOURCE; Debian’s cannot select descriptors from 1,024 on';
/** @type {readonly Entrant[]} */
const ENTRANTS = [
  ofIomux('epoll', 'epoll'),
  ofIomux('epoll, edge', 'epoll', 'edge'),
  ofIomux('epoll, oneshot', 'epoll', 'oneshot'),
  ofIomux('poll', 'poll'),
  ofIomux('select', 'select'),
  native(LIMIT, 'pipes', 'epoll'),
  native('poll in C', 'pipes', 'poll'),
  native('select in C', 'pipes', 'select'),
  native('libevent, epoll', 'libevent-pipes', 'epoll'),
  native('libevent, poll', 'libevent-pipes', 'poll'),
  // A pipe is two descriptors.
  { ...native('libevent, select', 'libevent-pipes', 'select'), most: 500 },
];

const NOTE = [
  'The CPU time of a run is taken from its first wait until its last byte was read; a sample is the median of many runs of',
  'one process, which never sleeps in between.',
  'Each byte that is passed on costs a recv, a send and its share of a wait, which is one that may block.',
  'oneshot arms each event again, by an epoll_ctl more; edge reads one byte an event, as the others do.',
  'A process of several threads, as Node.js is, has the kernel count the references to each descriptor that it looks at:',
  'poll and select among many pipes pay for that visibly, and in C they would with a second thread.',
  'Registering is the removal and renewal of all registrations before some of the runs, which no run includes.',
].join(' ');

/** @type {import('../support/cell.mjs').Cell} */
export const pipes = {
  name: 'pipes',
  async measure({ pass, cores }) {
    const { rounds, effort, loads, only } = PASSES[pass];
    const entrants = ENTRANTS.filter(({ name }) => only === null || only.includes(name));
    /** @type {Group[]} */
    const groups = [];
    for (const { counts, ...activity } of loads) {
      const each = counts.map((count) => ({ pipes: count, ...activity }));
      const contenders = each.flatMap((load) =>
        entrants.map((entrant) => contenderOf(entrant, load, effort, cores?.[0])),
      );
      // All sizes in the same rounds, so that a row can be held against itself among fewer pipes.
      const rows = await inRounds(`pipes, ${activity.active} active`, contenders, rounds, { warmUp: false });
      const [fewest = 0] = counts;
      for (const [index, load] of each.entries())
        groups.push(
          groupOf(load, rows.slice(index * entrants.length, (index + 1) * entrants.length), fewest),
        );
    }
    return groups;
  },
};

/** @type {(name: string, backend: string, mode?: string) => Entrant} */
function ofIomux(name, backend, mode = 'level') {
  return { name, program: () => ours('programs/pipes.mjs', '--backend', backend, '--mode', mode) };
}

/** @type {(name: string, program: string, method: string) => Entrant} */
function native(name, program, method) {
  return { name, program: () => inC(program, '--method', method) };
}

/**
 * @param {Entrant} entrant
 * @param {Load} load
 * @param {Effort} effort
 * @param {number | undefined} core
 */
function contenderOf({ name, program, most = Number.POSITIVE_INFINITY }, load, effort, core) {
  const { command, missing, ...whose } = program();
  const atMost = load.pipes < MANY_PIPES ? Number.POSITIVE_INFINITY : REGISTRATIONS_OF_MANY;
  const registrations = Math.min(effort.registrations, atMost);
  const options = { ...load, registrations, milliseconds: effort.milliseconds };
  const args = Object.entries(options).flatMap(([option, value]) => [`--${option}`, `${value}`]);
  // What is compiled beforehand is warm sooner.
  if (whose.ours) args.push('--warm-up', `${effort.warmUp}`);
  return {
    ...whose,
    name,
    missing: load.pipes > most ? NO_SELECT : missing,
    turn: () => measure([...command, ...args], core),
  };
}

/** @type {(load: { pipes: number, active: number }) => string} */
const idOf = ({ pipes: count, active }) => `pipes, ${active} active, ${count}`;

/**
 * One table.
 *
 * @param {Load} load
 * @param {Row[]} rows
 * @param {number} fewest - pipes in the same rounds.
 * @returns {Group}
 */
function groupOf(load, rows, fewest) {
  const { pipes: count, active, writes } = load;
  const fewer = { title: `÷ ${fewest} pipes`, group: idOf({ pipes: fewest, active }) };
  return {
    id: idOf(load),
    title: `${count.toLocaleString('en')} pipes, ${active} active, ${writes.toLocaleString('en')} bytes passed on in a run`,
    note: NOTE,
    figures: [
      {
        key: 'microseconds',
        title: 'CPU µs/run',
        digits: 0,
        beside: count > fewest ? [LIMIT, fewer] : [LIMIT],
      },
      { key: 'registerMicroseconds', title: 'registering, CPU µs', digits: 0 },
    ],
    rows,
    setting: { ...load },
  };
}
