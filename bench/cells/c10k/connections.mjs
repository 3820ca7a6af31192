/** Connections that are merely open, held by a process of their own. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startServer } from '../../support/programs.mjs';

const CLIENT = fileURLToPath(new URL('../../programs/connections.mjs', import.meta.url));

/**
 * What happens while so many connections are open, each of which has had an answer. None of them may end meanwhile.
 *
 * @template Result
 * @param {{ port: number, pid: number }} server
 * @param {number} count
 * @param {number | undefined} core - the client's.
 * @param {() => Promise<Result>} action
 * @returns {Promise<Result>}
 */
export async function withConnections({ port, pid }, count, core, action) {
  const args = ['--port', `${port}`, '--connections', `${count}`];
  const client = await startServer([process.execPath, CLIENT, ...args], core);
  try {
    const result = await action();
    const open = readdirSync(`/proc/${pid}/fd`).length;
    if (open < count) throw new Error(`of ${count} connections the server has ${open} at most`);
    return result;
  } finally {
    await client.stop();
  }
}
