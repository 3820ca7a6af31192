/** One connection: how long a small message is on its way when nobody else is. */
import { TURN } from '../support/echo-load.mjs';
import { promisedIn } from '../support/promised.mjs';
import { measureServers } from './servers.mjs';

/** @typedef {import('../support/echo-servers.mjs').ServerName} ServerName */

/** @type {ServerName[]} */
const ALL = [
  'epoll in C',
  'libuv in C',
  'dispatch, epoll',
  'watchers, blocking',
  'watchers, hosted',
  'protocol, hosted',
  'streams, hosted',
  'node:net',
  'node:net, for await',
  'selectors',
  'asyncio, protocol',
  'asyncio, streams',
  'uvloop, protocol',
  'uvloop, streams',
];

/** `warmUp`: seconds, in which V8 compiles the servers. */
const PASSES = {
  full: { names: ALL, rounds: 201, seconds: TURN, warmUp: 1 },
  quick: { names: promisedIn('latency, 1 × 64 B', ALL), rounds: 199, seconds: TURN, warmUp: 0.7 },
  moment: { names: ALL, rounds: 1, seconds: 0.03, warmUp: 0.02 },
};
const CONNECTIONS = 1;
const SIZE = 64;
const NOTE = [
  'Round trips of a message that is sent when the one before has come back, measured by the client.',
  'A server has nothing else to do, and waits for each: most of the time is spent in the kernel and in waking up.',
].join(' ');
/** @type {import('../support/results.mjs').Figure[]} */
const FIGURES = [
  { key: 'p50', title: 'p50 µs', digits: 1, beside: ['epoll in C', 'node:net'] },
  { key: 'p99', title: 'p99 µs', digits: 1 },
  { key: 'min', title: 'least µs', digits: 1, shown: 'min' },
];

/** @type {import('../support/cell.mjs').Cell} */
export const latency = {
  name: 'latency',
  async measure({ pass, cores }) {
    const { names, rounds, seconds, warmUp } = PASSES[pass];
    const id = `latency, ${CONNECTIONS} × ${SIZE} B`;
    // The client sleeps, as clients do. One that polls answers before some servers have gone to sleep, and the longer one
    // takes to get there the less it waits for: a hosted reactor 21 µs, and the loop in C 37.
    const load = {
      id,
      busy: false,
      names,
      connections: CONNECTIONS,
      size: SIZE,
      rounds,
      seconds,
      warmUp,
      quantiles: true,
    };
    const [rows = []] = await measureServers([load], cores);
    return [
      {
        id,
        title: `Latency: ${CONNECTIONS} connection, messages of ${SIZE} bytes`,
        note: NOTE,
        figures: FIGURES,
        rows,
        setting: { connections: CONNECTIONS, size: SIZE, rounds, seconds },
      },
    ];
  },
};
