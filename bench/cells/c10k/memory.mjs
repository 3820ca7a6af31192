/** What a connection that is merely open costs a server in memory. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { echoServer } from '../../support/echo-servers.mjs';
import { startServer } from '../../support/programs.mjs';
import { withConnections } from './connections.mjs';

/** @typedef {import('../../support/results.mjs').Row} Row */
/** @typedef {import('../../support/echo-servers.mjs').EchoServer} EchoServer */

const COLLECT = new URL('../../support/collect.mjs', import.meta.url).href;
/** @typedef {import('../../support/echo-servers.mjs').ServerName} ServerName */
/** @type {EchoServer} */
const dispatchTurns = {
  name: 'dispatch, epoll',
  command: [process.execPath, fileURLToPath(new URL('../../programs/dispatch-turns.mjs', import.meta.url))],
  missing: undefined,
};
/** @type {ServerName[]} */
const PROMISED = ['protocol, hosted', 'streams, hosted', 'node:net', 'node:net, for await'];
/** @type {ServerName[]} */
const ALL = ['watchers, hosted', ...PROMISED, 'epoll in C', 'asyncio, streams', 'uvloop, streams'];
/** What the first connections cost is code. */
const FIRST = 100;
/** Memory is not timed, so several may be filled at once; more of them would need much of it. */
const AT_ONCE = 5;

/**
 * @param {{ connections: number, rounds: number, everybody: boolean, hurry?: boolean }} size - `hurry`: collect once only.
 * @param {[number, number] | null} cores
 * @returns {Promise<import('../../support/results.mjs').Group>}
 */
export async function memoryGroup({ connections, rounds, everybody, hurry = false }, cores) {
  const rivals = [dispatchTurns, ...(everybody ? ALL : PROMISED).map(echoServer)];
  const collect = hurry ? `${COLLECT}?hurry` : COLLECT;
  /** @type {Row[]} */
  const rows = rivals.map(({ name, missing }) => ({
    name,
    samples: [],
    ...(missing === undefined ? {} : { missing }),
  }));
  for (let round = 1; round <= rounds; round++) {
    console.error(`c10k, memory: round ${round}/${rounds}`);
    for (let first = 0; first < rivals.length; first += AT_ONCE) {
      const some = rivals.slice(first, first + AT_ONCE);
      await Promise.all(
        some.map((rival, index) =>
          sampleInto(rows[first + index], () => kibibytesOf(rival, collect, connections, cores), connections),
        ),
      );
    }
  }
  return {
    id: 'c10k, memory',
    title: `Resident memory of ${connections.toLocaleString('en')} idle connections`,
    note:
      'Less that without them, after 100 had come and gone; each had one byte echoed. In Node.js the garbage was ' +
      'collected before either reading until V8 had made its young generation as small as it does by itself in a ' +
      'process that is idle long enough: while connections arrive it grows to 16 MiB, 1.5 KiB for each of 10,000. The ' +
      'loop of dispatch has waits of 10 ms at most here, because one that blocks cannot be told to collect.',
    figures: [
      {
        key: 'kibibytesPerConnection',
        title: 'KiB/connection',
        beside: ['node:net', 'node:net, for await'],
      },
    ],
    rows,
    setting: { connections },
  };
}

/**
 * @param {Row | undefined} row
 * @param {() => Promise<number>} kibibytes - of all connections.
 * @param {number} connections
 */
async function sampleInto(row, kibibytes, connections) {
  if (row === undefined || row.missing !== undefined || row.failure !== undefined) return;
  try {
    row.samples.push({ kibibytesPerConnection: (await kibibytes()) / connections });
  } catch (error) {
    row.failure = /** @type {Error} */ (error).message;
    console.error(`c10k, memory: ${row.name}: ${row.failure}`);
  }
}

/**
 * @param {EchoServer} rival
 * @param {string} collect - what a server in Node.js imports, to collect its garbage.
 * @param {number} connections
 * @param {[number, number] | null} cores
 */
async function kibibytesOf({ command: [program = '', ...args] }, collect, connections, cores) {
  const inNode = program === process.execPath;
  const options = inNode ? ['--expose-gc', '--import', collect] : [];
  const server = await startServer([program, ...options, ...args], cores?.[0]);
  const resident = async () => {
    if (inNode) await server.collect();
    return residentKibibytes(server.pid);
  };
  try {
    await withConnections(server, FIRST, cores?.[1], async () => {});
    const before = await resident();
    return await withConnections(server, connections, cores?.[1], async () => (await resident()) - before);
  } finally {
    await server.stop();
  }
}

/** @param {number} pid */
function residentKibibytes(pid) {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes);
}
