/** One connection: how long a small message is on its way when nobody else is. */
import {
  C_LOOP,
  cRival,
  dispatchRival,
  measureServers,
  NODE_NET,
  netRival,
  serversTable,
  serverVerdicts,
  watchersRival,
} from './servers.mjs';

/** @type {readonly import('./servers.mjs').Target[]} */
const TARGETS = [
  { ours: 'watchers, blocking', rival: C_LOOP, ratio: 1.05 },
  { ours: 'watchers, hosted', rival: NODE_NET, ratio: 1 },
];

export const roundTripRivals = [
  cRival,
  dispatchRival('epoll'),
  watchersRival('blocking'),
  watchersRival('hosted'),
  netRival,
];

/**
 * @param {Omit<import('./servers.mjs').Load, 'title' | 'connections' | 'size'>} options
 * @param {import('../support/attempts.mjs').Attempts} attempts
 */
export async function measureRoundTrip(options, attempts) {
  const load = { ...options, title: 'round trip', connections: 1, size: 64 };
  const samples = await measureServers(roundTripRivals, load, attempts);
  const rows = serversTable(roundTripRivals, samples, attempts, [
    ['p50', 'p50 µs', (value) => value.toFixed(1)],
    ['p99', 'p99 µs', (value) => value.toFixed(1)],
    ['min', 'least µs', (value) => value.toFixed(1)],
  ]);
  const title = `Round trip, 1 connection, ${load.size} bytes, median of ${load.rounds} rounds (min – max)`;
  return { samples, text: `${title}\n\n${rows}\n\n${serverVerdicts(TARGETS, samples, attempts, 'p50')}` };
}
