/** What idle connections cost the busy ones. */
import { echoesInTurns, missingEchoLoad, SETTLE } from '../../support/echo-load.mjs';
import { echoServer } from '../../support/echo-servers.mjs';
import { startServer } from '../../support/programs.mjs';
import { promisedIn } from '../../support/promised.mjs';
import { inRounds } from '../../support/rounds.mjs';
import { asPart, partOf } from '../parts.mjs';
import { openConnections } from './connections.mjs';

/** @typedef {import('../../support/echo-servers.mjs').ServerName} ServerName */
/** @typedef {import('../../support/results.mjs').Group} Group */
/** @typedef {import('../../support/results.mjs').Sample} Sample */
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
        'Two processes of the same program, one alone and one among idle connections, in short turns whose order changes ' +
        'from round to round; the one whose turn it is not waits.',
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
  /** @type {(() => Promise<void>)[]} - what was started, the last one first. */
  const endings = [];
  const contenders = (load.everybody ? ALL : promisedIn(AMONG_IDLE, ALL)).map(echoServer).map((rival) => {
    /** @type {Promise<(round: number) => Promise<Sample>> | undefined} */
    let starting;
    /** @param {number} round */
    const turn = async (round) => {
      starting ??= startPair(rival.command, load, cores, endings);
      return await (await starting)(round);
    };
    return { ...rival, missing: rival.missing ?? missing, turn };
  });
  try {
    return await inRounds('c10k, throughput', contenders, load.rounds);
  } finally {
    for (const end of endings) await end();
  }
}

/**
 * Starts the same server twice, the second among idle connections.
 *
 * @param {readonly string[]} command
 * @param {Load} load
 * @param {Cores} cores
 * @param {(() => Promise<void>)[]} endings - to which those of what it starts are added.
 * @returns {Promise<(round: number) => Promise<Sample>>} a turn of both.
 */
async function startPair(command, { active, idle, seconds, warmUp }, cores, endings) {
  /** @param {string} part */
  const start = async (part) => {
    const server = await startServer(command, cores?.[0]);
    endings.unshift(server.stop);
    const echoes = echoesInTurns(server, { connections: active, size: SIZE, seconds }, cores?.[1]);
    endings.unshift(echoes.stop);
    /** @param {number} settle */
    const busy = async (settle) => {
      const sample = await echoes.turn(settle);
      const { messagesPerSecond = Number.NaN, cpuMicrosecondsPerMessage = Number.NaN } = sample;
      // Below 1 by far, it was not the server that all waited for, but whoever took its core.
      const coreShare = (messagesPerSecond * cpuMicrosecondsPerMessage) / 1e6;
      return asPart(part, { ...sample, coreShare });
    };
    return { server, busy };
  };
  const alone = await start('alone');
  const among = await start('among');
  const connections = await openConnections(among.server, idle, cores?.[1]);
  endings.unshift(connections.close);
  return async (round) => {
    const settle = round === 0 ? warmUp : SETTLE;
    /** @type {Sample} */
    const sample = {};
    for (const { busy } of round % 2 === 0 ? [alone, among] : [among, alone])
      Object.assign(sample, await busy(settle));
    connections.check(active);
    return sample;
  };
}
