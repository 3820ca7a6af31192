/** What a connection that is merely open costs a server in memory. */
import { readFileSync } from 'node:fs';
import { ours } from '../../support/commands.mjs';
import { echoServer } from '../../support/echo-servers.mjs';
import { startServer } from '../../support/programs.mjs';
import { promisedIn } from '../../support/promised.mjs';
import { inRounds } from '../../support/rounds.mjs';
import { withConnections } from './connections.mjs';

/** @typedef {import('../../support/echo-servers.mjs').EchoServer} EchoServer */
/** @typedef {import('../../support/echo-servers.mjs').ServerName} ServerName */

const COLLECT = new URL('../../support/collect.mjs', import.meta.url).href;
/** @type {EchoServer} */
const dispatchInTurns = { name: 'dispatch, in turns', ...ours('servers/dispatch-turns.mjs') };
/** @type {ServerName[]} */
const ALL = [
  'watchers, hosted',
  'protocol, hosted',
  'streams, hosted',
  'node:net',
  'node:net, for await',
  'epoll in C',
  'asyncio, streams',
  'uvloop, streams',
];
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
  const rivals = [dispatchInTurns, ...(everybody ? ALL : promisedIn('c10k, memory', ALL)).map(echoServer)];
  const collect = hurry ? `${COLLECT}?hurry` : COLLECT;
  const contenders = rivals.map((rival) => ({
    ...rival,
    async turn() {
      const kibibytes = await kibibytesOf(rival, collect, connections, cores);
      return { kibibytesPerConnection: kibibytes / connections };
    },
  }));
  return {
    id: 'c10k, memory',
    title: `Resident memory of ${connections.toLocaleString('en')} idle connections`,
    note:
      'Resident memory with them less that without, after 100 had come and gone, divided by them; each had one byte ' +
      'echoed. A part of that is fixed, and not of each connection: tables, code, and what the heap has to spare. In ' +
      'Node.js the garbage was collected before either reading until V8 had made its young generation as small as it ' +
      'does by itself in a process that is idle long enough: while connections arrive it grows to 16 MiB, 1.5 KiB for ' +
      'each of 10,000. The loop of dispatch has waits of 10 ms at most here, in turns with Node’s loop, because one ' +
      'that blocks cannot be told to collect.',
    figures: [
      {
        key: 'kibibytesPerConnection',
        title: 'KiB/connection',
        beside: ['node:net', 'node:net, for await'],
      },
    ],
    rows: await inRounds('c10k, memory', contenders, rounds, { warmUp: false, atOnce: AT_ONCE }),
    setting: { connections },
  };
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
