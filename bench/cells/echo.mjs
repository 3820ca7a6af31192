/** Many connections: what a message costs a server that is never idle. */
import { selectorBackends } from '../../dist/lib/index.js';
import { twoDigits } from '../support/figures.mjs';
import {
  C_LOOP,
  cRival,
  dispatchRival,
  measureServers,
  NODE_NET,
  netAwaitRival,
  netRival,
  protocolRival,
  serversTable,
  serverVerdicts,
  streamsRival,
  uvloopRival,
  watchersRival,
} from './servers.mjs';

const CPU = 'cpuMicrosecondsPerMessage';
/** poll and select look at every descriptor in every wait: with many, that is all they do. */
const FEW_CONNECTIONS = 100;

/** @type {readonly import('./servers.mjs').Target[]} */
const TARGETS = [
  { ours: 'dispatch, epoll', rival: C_LOOP, ratio: 1.05 },
  { ours: 'dispatch, epoll', rival: NODE_NET, ratio: 0.75 },
  { ours: 'watchers, blocking', rival: C_LOOP, ratio: 1.07 },
  { ours: 'watchers, blocking', rival: NODE_NET, ratio: 0.76 },
  { ours: 'watchers, hosted', rival: C_LOOP, ratio: 1.1 },
  { ours: 'watchers, hosted', rival: NODE_NET, ratio: 0.78 },
  { ours: 'protocol, hosted', rival: C_LOOP, ratio: 1.15 },
  { ours: 'protocol, hosted', rival: NODE_NET, ratio: 0.82 },
  { ours: 'protocol, hosted', rival: 'uvloop, protocol', ratio: 1 },
  { ours: 'streams, hosted', rival: C_LOOP, ratio: 1.3 },
  { ours: 'streams, hosted', rival: NODE_NET, ratio: 0.92 },
  { ours: 'streams, hosted', rival: 'uvloop, streams', ratio: 1 },
];

/**
 * @param {import('./servers.mjs').Load} load
 * @param {readonly string[] | undefined} chosen - the backends that are asked for.
 */
export function echoRivals({ connections }, chosen) {
  const backends = chosen ?? (connections <= FEW_CONNECTIONS ? selectorBackends() : ['epoll']);
  return [
    cRival,
    ...backends.map(dispatchRival),
    watchersRival('blocking'),
    watchersRival('hosted'),
    protocolRival,
    streamsRival,
    netRival,
    netAwaitRival,
    uvloopRival('protocol'),
    uvloopRival('streams'),
  ];
}

/**
 * @param {readonly import('./servers.mjs').Rival[]} rivals
 * @param {import('./servers.mjs').Load} load
 * @param {import('../support/attempts.mjs').Attempts} attempts
 */
export async function measureEcho(rivals, load, attempts) {
  const samples = await measureServers(rivals, load, attempts);
  const rows = serversTable(rivals, samples, attempts, [
    [CPU, 'CPU µs/message', twoDigits],
    ['messagesPerSecond', 'messages/s', (value) => Math.round(value).toLocaleString('en')],
    ['p50', 'p50 µs', (value) => Math.round(value).toString()],
    ['p99', 'p99 µs', (value) => Math.round(value).toString()],
  ]);
  const title = `Echo, median of ${load.rounds} rounds (min – max)`;
  return { samples, text: `${title}\n\n${rows}\n\n${serverVerdicts(TARGETS, samples, attempts, CPU)}` };
}
