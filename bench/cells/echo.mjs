/** Many connections: what a message costs a server that is never idle. */
import { TURN } from '../support/echo-load.mjs';
import { serverNames } from '../support/echo-servers.mjs';
import { promisedIn } from '../support/promised.mjs';
import { measureServers } from './servers.mjs';

/** @typedef {import('../support/echo-servers.mjs').ServerName} ServerName */

/** poll and select look at every descriptor in every wait: with many, that is all they do. */
const FEW_CONNECTIONS = 100;
/** @type {ServerName[]} */
const LOOKING_AT_ALL = ['dispatch, poll', 'dispatch, select'];
/**
 * What most is promised of. The first of a pass, it warms up the servers as well, in which V8 compiles them. The luck of a
 * process is a hundredth of a ratio, of which eight starts leave a third.
 */
const MAIN = { connections: 64, size: 1024, seconds: TURN, rounds: 400, starts: 8, warmUp: 1 };
/** Where a message is long under way, a turn is longer: each connection is to have a few. */
const HEAVY = { seconds: 0.1, rounds: 21 };
const OTHERS = [
  { connections: 1, size: 1024 },
  { connections: 10, size: 1024 },
  { connections: 1000, size: 1024, ...HEAVY },
  { connections: 64, size: 64 },
  { connections: 64, size: 10 * 1024 },
  { connections: 64, size: 100 * 1024, ...HEAVY },
];
const PASSES = {
  full: {
    names: serverNames,
    loads: [MAIN, ...OTHERS.map((load) => ({ seconds: TURN, rounds: 41, starts: 1, warmUp: 0.3, ...load }))],
  },
  quick: {
    names: promisedIn('echo, 64 × 1 KiB', serverNames),
    // What is in doubt then is measured again.
    loads: [{ ...MAIN, rounds: 200 }],
  },
  moment: {
    names: serverNames,
    loads: [{ connections: 2, size: 64, seconds: 0.03, rounds: 3, starts: 2, warmUp: 0.02 }],
  },
};

const NOTE = [
  'CPU time is user and system time of the server process, divided by the messages that it echoed.',
  'Each connection has one message on its way, and every byte that came back was compared with what was sent.',
  'The load polls: to wake one that sleeps would be work of the server.',
  'Half of the round trips took no longer than p50, all but a hundredth no longer than p99.',
  'asyncio receives into 256 KiB: where malloc has to map them for each message, which is the luck of a process, it takes three times as much.',
].join(' ');
/** @type {import('../support/results.mjs').Figure[]} */
const FIGURES = [
  { key: 'cpuMicrosecondsPerMessage', title: 'CPU µs/message', beside: ['epoll in C', 'node:net'] },
  { key: 'messagesPerSecond', title: 'messages/s', digits: 0 },
  { key: 'p50', title: 'p50 µs', digits: 0 },
  { key: 'p99', title: 'p99 µs', digits: 0 },
];

/** @type {import('../support/cell.mjs').Cell} */
export const echo = {
  name: 'echo',
  async measure({ pass, cores }) {
    const { names, loads } = PASSES[pass];
    const measured = loads.map(({ connections, size, seconds, rounds, starts, warmUp }) => ({
      id: `echo, ${connections} × ${sizeText(size)}`,
      names: names.filter((name) => connections <= FEW_CONNECTIONS || !LOOKING_AT_ALL.includes(name)),
      connections,
      size,
      rounds,
      starts,
      seconds,
      warmUp,
    }));
    const rows = await measureServers(measured, cores);
    return measured.map(({ id, connections, size, seconds, rounds, starts }, index) => ({
      id,
      title: `Echo: ${connections.toLocaleString('en')} ${connections === 1 ? 'connection' : 'connections'}, messages of ${sizeText(size)}`,
      note: starts === 1 ? NOTE : `Each was started ${starts} times within the rounds. ${NOTE}`,
      figures: FIGURES,
      rows: rows[index] ?? [],
      setting: { connections, size, rounds, starts, seconds },
    }));
  },
};

/** @param {number} size */
function sizeText(size) {
  return size < 1024 ? `${size} B` : `${size / 1024} KiB`;
}
