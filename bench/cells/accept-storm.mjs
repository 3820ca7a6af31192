/** Four processes that wait for the same port: how many wake up for a connection, and who gets it. */
import { ours } from '../support/commands.mjs';
import { measure } from '../support/programs.mjs';
import { inRounds } from '../support/rounds.mjs';
import { partOf } from './parts.mjs';

/** @typedef {import('../support/results.mjs').Figure} Figure */

const SIZES = {
  full: { connections: 1000, rounds: 5 },
  quick: { connections: 500, rounds: 2 },
  moment: { connections: 50, rounds: 1 },
};
const PLAIN = 'plain';
/** @type {readonly Figure[]} */
const FIGURES = [
  { key: 'wakeUpsPerConnection', title: 'wake-ups/connection' },
  { key: 'refusalsPerConnection', title: 'EAGAINs/connection' },
  { key: 'switchesPerConnection', title: 'switches/connection' },
  { key: 'spread', title: 'share of the busiest' },
  { key: 'cpuMicrosecondsPerConnection', title: 'CPU µs/connection', digits: 1, beside: [PLAIN] },
];
const NOTE =
  'plain: all watch one listener; exclusive: so do they, by EPOLLEXCLUSIVE; reusePort: a listener each, by SO_REUSEPORT. ' +
  'Wake-ups are waits that reported the listener, EAGAINs those of them for which no connection was left. A worker that ' +
  'finds the queue empty before its wait has returned goes on waiting: only the switches, to and from any worker, and ' +
  'the CPU time tell of it. Of the connections the busiest of four even ones would have a share of 0.25.';

/** @type {import('../support/cell.mjs').Cell} */
export const acceptStorm = {
  name: 'accept-storm',
  async measure({ pass }) {
    const { connections, rounds } = SIZES[pass];
    const contenders = [PLAIN, 'exclusive', 'reusePort'].map((how) => {
      const args = ['--how', how, '--connections', `${connections}`];
      const { command, ...whose } = ours('programs/accept-storm.mjs', ...args);
      // On any core: on the same one, the first that wakes would be served before the others look.
      return { ...whose, name: how, turn: () => measure(command, undefined) };
    });
    const rows = await inRounds('accept storm', contenders, rounds, { warmUp: false });
    const common = { note: NOTE, figures: [...FIGURES], setting: { workers: 4, connections } };
    return [
      {
        ...common,
        id: 'accept storm',
        title: 'Four workers accept: one connection after the other',
        rows: partOf(rows, 'single'),
      },
      {
        ...common,
        id: 'accept storm, bursts',
        title: 'Four workers accept: 32 connections at once',
        rows: partOf(rows, 'burst'),
      },
    ];
  },
};
