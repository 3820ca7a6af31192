/** What idle connections cost the busy ones. */
import { echoServer } from '../../support/echo-servers.mjs';
import { nativeProgram } from '../../support/native.mjs';
import { measure, startServer } from '../../support/programs.mjs';
import { inRounds } from '../../support/rounds.mjs';
import { withConnections } from './connections.mjs';

/** @typedef {import('../../support/echo-servers.mjs').EchoServer} EchoServer */
/** @typedef {import('../../support/results.mjs').Row} Row */
/** @typedef {import('../../support/programs.mjs').Server} Server */
/**
 * @typedef {object} Load
 * @property {number} active - connections.
 * @property {number} idle
 * @property {number} seconds
 * @property {number} warmup - seconds that the first turns run before, in which V8 compiles what is called often.
 * @property {number} rounds
 * @property {boolean} everybody - or only those of whom something is promised.
 */

const DISPATCH = 'dispatch, epoll';
/** @typedef {import('../../support/echo-servers.mjs').ServerName} ServerName */
/** @type {ServerName[]} */
const PROMISED = [DISPATCH];
/** @type {ServerName[]} */
const ALL = [DISPATCH, 'watchers, hosted', 'streams, hosted', 'node:net'];
const SIZE = 1024;
/** Seconds until new connections, and the end of others, are done with. */
const SETTLE = 0.2;

/**
 * @param {Load} load
 * @param {[number, number] | null} cores
 * @returns {Promise<import('../../support/results.mjs').Group>}
 */
export async function throughputGroup(load, cores) {
  const { active, idle, everybody, rounds } = load;
  const rivals = (everybody ? ALL : PROMISED).map(echoServer);
  /** @type {Map<EchoServer, Promise<Server>>} */
  const servers = new Map();
  // The same process, with the others and without, so that it is nothing else that differs.
  const contenders = rivals.flatMap((rival) => [
    contenderOf(rival, servers, load, 0, cores),
    contenderOf(rival, servers, load, idle, cores),
  ]);
  try {
    return {
      id: 'c10k, throughput',
      title: `${active} busy connections, alone and among ${idle.toLocaleString('en')} idle ones`,
      note: `Messages of ${SIZE} bytes. With and without idle connections it is the same process, in turns.`,
      figures: [
        { key: 'messagesPerSecond', title: 'messages/s', digits: 0 },
        { key: 'messagesRatio', title: '÷ without idle', digits: 3 },
        { key: 'cpuMicrosecondsPerMessage', title: 'CPU µs/message' },
        { key: 'cpuRatio', title: '÷ without idle', digits: 3 },
      ],
      rows: besideAlone(await inRounds('c10k, throughput', contenders, rounds)),
      setting: { ...load, size: SIZE },
    };
  } finally {
    const started = await Promise.allSettled(servers.values());
    await Promise.all(started.map((server) => server.status === 'fulfilled' && server.value.stop()));
  }
}

/** @type {(rival: EchoServer) => string} */
const layerOf = ({ name }) => (name === DISPATCH ? 'dispatch' : name);

/**
 * Each row with what its figures are beside those of the same server without idle connections, round by round.
 *
 * @param {readonly Row[]} rows - in pairs: without, and with.
 */
function besideAlone(rows) {
  return rows.map((row, index) => {
    const alone = rows[index - (index % 2)];
    const samples = row.samples.map((sample, round) => {
      /** @type {(key: string) => number} */
      const ratioOf = (key) => (sample[key] ?? Number.NaN) / (alone?.samples[round]?.[key] ?? Number.NaN);
      const cpuRatio = ratioOf('cpuMicrosecondsPerMessage');
      return { ...sample, messagesRatio: ratioOf('messagesPerSecond'), cpuRatio };
    });
    return { ...row, samples };
  });
}

/**
 * @param {EchoServer} rival
 * @param {Map<EchoServer, Promise<Server>>} servers
 * @param {Load} load
 * @param {number} idle
 * @param {[number, number] | null} cores
 * @returns {import('../../support/rounds.mjs').Contender}
 */
function contenderOf(rival, servers, { active, seconds, warmup }, idle, cores) {
  const { path, missing } = nativeProgram('echo-load');
  const name = `${layerOf(rival)}, ${active} active`;
  return {
    name: idle === 0 ? name : `${name} and ${idle} idle`,
    missing: rival.missing ?? missing,
    async turn(round) {
      const starting = servers.get(rival) ?? startServer(rival.command, cores?.[0]);
      servers.set(rival, starting);
      const server = await starting;
      const { port, pid } = server;
      const settle = round === 0 ? warmup : SETTLE;
      const busy = () => {
        const args = ['--port', port, '--server-pid', pid, '--connections', active, '--size', SIZE];
        args.push('--warmup', settle, '--seconds', seconds);
        return measure([path, ...args.map(String)], cores?.[1], settle + seconds);
      };
      return idle === 0 ? await busy() : await withConnections(server, idle, cores?.[1], busy);
    },
  };
}
