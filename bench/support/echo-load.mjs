/** The load of the echo servers, bench/load/echo-load.c. */
import { nativeProgram } from './native.mjs';
import { measure } from './programs.mjs';

/** @returns {string | undefined} how to have it, where it is missing. */
export function missingEchoLoad() {
  return nativeProgram('echo-load').missing;
}

/**
 * Has a server echo. A busy load never sleeps, where it has a core of its own: to wake it would be work of the server, the
 * more often the slower that is, and what two servers cost would differ by more than they do.
 *
 * @param {import('./programs.mjs').Server} server
 * @param {object} load
 * @param {number} load.connections
 * @param {number} load.size - bytes of a message.
 * @param {number} load.settle - seconds that it runs before it is measured.
 * @param {number} load.seconds - that are measured.
 * @param {boolean} [load.busy]
 * @param {boolean} [load.quantiles] - of the latencies, many.
 * @param {number | undefined} core - the load's own.
 */
export function echoed(server, load, core) {
  const { connections, size, settle, seconds, busy = true, quantiles = false } = load;
  const args = ['--port', server.port, '--server-pid', server.pid, '--connections', connections];
  args.push('--size', size, '--warmup', settle, '--seconds', seconds);
  if (quantiles) args.push('--quantiles');
  if (busy && core !== undefined) args.push('--busy');
  return measure([nativeProgram('echo-load').path, ...args.map(String)], core, settle + seconds);
}
