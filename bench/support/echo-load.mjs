/** The load of the echo servers, bench/load/echo-load.c. */
import { nativeProgram } from './native.mjs';
import { startInTurns } from './programs.mjs';

/**
 * Seconds that a turn is measured. On a shared machine neighbours come and go within tenths of a second: short turns, and
 * many, are disturbed less than long ones.
 */
export const TURN = 0.02;

/**
 * Seconds of a turn before it is measured. Others have had the processor's caches since the one before, and a server finds
 * few events in each wait until it is behind.
 */
export const SETTLE = 0.005;

/** @returns {string | undefined} how to have it, where it is missing. */
export function missingEchoLoad() {
  return nativeProgram('echo-load').missing;
}

/**
 * What a server is to echo. A busy load never sleeps, where it has a core of its own: to wake it would be work of the
 * server, the more often the slower that is, and what two servers cost would differ by more than they do.
 *
 * @typedef {object} EchoLoad
 * @property {number} connections
 * @property {number} size - bytes of a message.
 * @property {number} seconds - that are measured.
 * @property {boolean} [busy] - so it is if nothing is said.
 * @property {boolean} [quantiles] - of the latencies, many.
 */

/**
 * Has a server echo again and again, over the same connections, which are made in the first turn.
 *
 * @param {import('./programs.mjs').Server} server
 * @param {EchoLoad} load
 * @param {number | undefined} core - the load's own.
 */
export function echoesInTurns(server, load, core) {
  const { connections, size, seconds, busy = true, quantiles = false } = load;
  const args = ['--turns', '--port', server.port, '--server-pid', server.pid, '--connections', connections];
  args.push('--size', size, '--seconds', seconds);
  if (quantiles) args.push('--quantiles');
  if (busy && core !== undefined) args.push('--busy');
  const { turn, stop } = startInTurns([nativeProgram('echo-load').path, ...args.map(String)], core);
  return {
    /** @param {number} settle - seconds that it runs before it is measured. */
    turn: (settle) => turn(`${settle}`),
    stop,
  };
}
