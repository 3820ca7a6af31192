/** What idle connections cost the busy ones. */
import { comesToRest } from '../../support/activity.mjs';
import { echoed, missingEchoLoad } from '../../support/echo-load.mjs';
import { echoServer } from '../../support/echo-servers.mjs';
import { startServer } from '../../support/programs.mjs';
import { promisedIn } from '../../support/promised.mjs';
import { inRounds } from '../../support/rounds.mjs';
import { asPart, partOf } from '../parts.mjs';
import { withConnections } from './connections.mjs';

/** @typedef {import('../../support/echo-servers.mjs').ServerName} ServerName */
/** @typedef {import('../../support/programs.mjs').Server} Server */
/** @typedef {import('../../support/results.mjs').Figure} Figure */
/** @typedef {import('../../support/results.mjs').Group} Group */
/** @typedef {[number, number] | null} Cores */
/**
 * @typedef {object} Load
 * @property {number} active - connections.
 * @property {number} idle
 * @property {number} seconds
 * @property {number} warmUp - seconds that the first turns run before, in which V8 compiles what is called often.
 * @property {number} rounds
 * @property {boolean} everybody - or only those of whom something is promised.
 */

/** @type {ServerName[]} */
const ALL = ['dispatch, epoll', 'watchers, hosted', 'streams, hosted', 'node:net'];
const SIZE = 1024;
/** Seconds until the new connections of a turn are as quick as they will be. */
const SETTLE = 0.1;

const ALONE = 'c10k, throughput alone';
const AMONG_IDLE = 'c10k, throughput among idle';
const THROUGHPUT = { key: 'messagesPerSecond', title: 'messages/s', digits: 0 };
const CPU = { key: 'cpuMicrosecondsPerMessage', title: 'CPU µs/message' };
const beside = [{ title: '÷ alone', group: ALONE }];

/**
 * @param {Load} load
 * @param {Cores} cores
 * @returns {Promise<Group[]>}
 */
export async function throughputGroups(load, cores) {
  const { active, idle } = load;
  const rows = await measured(load, cores);
  const setting = { ...load, size: SIZE };
  return [
    {
      id: ALONE,
      title: `${active} busy connections, alone`,
      note: `Messages of ${SIZE} bytes, each after the answer to the one before it.`,
      figures: [THROUGHPUT, CPU],
      rows: partOf(rows, 'alone'),
      setting,
    },
    {
      id: AMONG_IDLE,
      title: `${active} busy connections, among ${idle.toLocaleString('en')} idle ones`,
      note:
        'The same processes in the same turns, once alone and once among idle connections, in an order that changes from ' +
        'turn to turn; before either they have come to rest.',
      figures: [
        { ...THROUGHPUT, beside },
        { ...CPU, beside },
      ],
      rows: partOf(rows, 'among'),
      setting,
    },
  ];
}

/** @type {(load: Load, cores: Cores) => Promise<import('../../support/results.mjs').Row[]>} */
async function measured(load, cores) {
  const missing = missingEchoLoad();
  /** @type {Promise<Server>[]} */
  const servers = [];
  const contenders = (load.everybody ? ALL : promisedIn(AMONG_IDLE, ALL)).map(echoServer).map((rival) => {
    /** @type {Promise<Server> | undefined} */
    let starting;
    const start = () => {
      const server = startServer(rival.command, cores?.[0]);
      servers.push(server);
      return server;
    };
    /** @param {number} round */
    const turn = async (round) => {
      starting ??= start();
      return await turnOf(await starting, load, round, cores?.[1]);
    };
    return { ...rival, missing: rival.missing ?? missing, turn };
  });
  try {
    return await inRounds('c10k, throughput', contenders, load.rounds);
  } finally {
    const started = await Promise.allSettled(servers);
    await Promise.all(started.map((server) => server.status === 'fulfilled' && server.value.stop()));
  }
}

/**
 * @param {Server} server
 * @param {Load} load
 * @param {number} round
 * @param {number | undefined} core - of the load.
 */
async function turnOf(server, { active, idle, seconds, warmUp }, round, core) {
  const load = { connections: active, size: SIZE, settle: round === 0 ? warmUp : SETTLE, seconds };
  const busy = async () => {
    const sample = await echoed(server, load, core);
    const { messagesPerSecond = Number.NaN, cpuMicrosecondsPerMessage = Number.NaN } = sample;
    // Below 1 by far, it was not the server that all waited for, but whoever took its core.
    return { ...sample, coreShare: (messagesPerSecond * cpuMicrosecondsPerMessage) / 1e6 };
  };
  const alone = async () => {
    await comesToRest(server.pid);
    return asPart('alone', await busy());
  };
  const among = async () => asPart('among', await withConnections(server, idle, core, busy));
  if (round % 2 === 0) return { ...(await alone()), ...(await among()) };
  return { ...(await among()), ...(await alone()) };
}
