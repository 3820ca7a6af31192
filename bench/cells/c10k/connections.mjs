/** Connections that are merely open, held by a process of their own. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { comesToRest } from '../../support/activity.mjs';
import { startServer } from '../../support/programs.mjs';

const CLIENT = fileURLToPath(new URL('../../programs/connections.mjs', import.meta.url));

/**
 * Opens so many connections, each of which has an answer.
 *
 * @param {{ port: number, pid: number }} server - whoever was connected before is forgotten first.
 * @param {number} count
 * @param {number | undefined} core - the client's.
 * @returns {Promise<{ check: (others?: number) => void, close: () => Promise<void> }>} `check`: that none of
 *   them has ended meanwhile, where so many `others` have come.
 */
export async function openConnections({ port, pid }, count, core) {
  await comesToRest(pid);
  const before = descriptorsOf(pid);
  const args = ['--port', `${port}`, '--connections', `${count}`];
  const client = await startServer([process.execPath, CLIENT, ...args], core);
  const check = (others = 0) => {
    const open = descriptorsOf(pid) - before - others;
    if (open < count) throw new Error(`of ${count} connections the server has ${open}`);
  };
  return { check, close: client.stop };
}

/**
 * What happens while they are open.
 *
 * @template Result
 * @param {{ port: number, pid: number }} server
 * @param {number} count
 * @param {number | undefined} core
 * @param {() => Promise<Result>} action
 * @returns {Promise<Result>}
 */
export async function withConnections(server, count, core, action) {
  const connections = await openConnections(server, count, core);
  try {
    const result = await action();
    connections.check();
    return result;
  } finally {
    await connections.close();
  }
}

/** @param {number} pid */
function descriptorsOf(pid) {
  return readdirSync(`/proc/${pid}/fd`).length;
}
