/** Datagrams of 64 bytes over UDP: how many a receiver takes, and a sender sends, per second of its CPU time. */
import { fileURLToPath } from 'node:url';
import { nativeProgram } from '../support/native.mjs';
import { measure, startServer } from '../support/programs.mjs';
import { pythonWith } from '../support/rivals.mjs';
import { inRounds } from '../support/rounds.mjs';

/** @typedef {import('../support/cell.mjs').Setting} Setting */
/** @typedef {{ name: string, command: readonly string[], missing?: string | undefined }} Rival */

/** Datagrams before a window, its seconds, and whether those take part as well of whom nothing is promised. */
const SIZES = {
  full: { warmup: 50_000, receiving: 0.25, sending: 0.15, rounds: 5, everybody: true },
  quick: { warmup: 50_000, receiving: 0.2, sending: 0, rounds: 2, everybody: false },
  moment: { warmup: 1000, receiving: 0.02, sending: 0.02, rounds: 1, everybody: true },
};
const NODE = 'node:dgram';
const RECVMMSG = 'recvmmsg in C';
const SENDMMSG = 'sendmmsg in C';

/** @type {(path: string) => string} */
const file = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** @type {(name: string, path: string, ...args: string[]) => Rival} */
function inNode(name, path, ...args) {
  return { name, command: [process.execPath, file(path), ...args] };
}

/** @type {(name: string, program: string, call: string) => Rival} */
function inC(name, program, call) {
  const { path, missing } = nativeProgram(program);
  return { name, command: [path, '--call', call], missing };
}

/** @type {(name: 'asyncio' | 'uvloop', debian: string) => Rival} */
function inPython(name, debian) {
  const python = pythonWith(name);
  const missing = python === undefined ? `apt install ${debian}` : undefined;
  return { name, command: [python ?? '', file('rivals/datagrams.py'), name], missing };
}

/** @type {(everybody: boolean) => Rival[]} */
function receivers(everybody) {
  return [
    inNode('recvBatch', 'programs/datagrams-selector.mjs', '--call', 'recvBatch'),
    inNode('recv', 'programs/datagrams-selector.mjs', '--call', 'recv'),
    inNode('datagram transport', 'programs/datagrams-transport.mjs'),
    inNode(NODE, 'rivals/dgram.mjs'),
    inC(RECVMMSG, 'datagrams', 'recvmmsg'),
    inC('recv in C', 'datagrams', 'recv'),
    ...(everybody ? [inPython('asyncio', 'python3'), inPython('uvloop', 'python3-uvloop')] : []),
  ];
}

/** @returns {Rival[]} */
function senders() {
  return [
    inNode('sendBatch', 'programs/datagrams-sending.mjs', '--call', 'sendBatch'),
    inNode('send', 'programs/datagrams-sending.mjs', '--call', 'send'),
    inNode(NODE, 'rivals/dgram-sending.mjs'),
    inC(SENDMMSG, 'datagrams-sending', 'sendmmsg'),
    inC('send in C', 'datagrams-sending', 'send'),
  ];
}

/**
 * Rivals that take turns with the same program at the other end: it missing, they cannot.
 *
 * @param {readonly Rival[]} rivals
 * @param {string | undefined} missing
 * @param {(rival: Rival) => Promise<Record<string, number>>} turn
 */
function contendersOf(rivals, missing, turn) {
  return rivals.map((rival) => ({
    name: rival.name,
    missing: rival.missing ?? missing,
    turn: () => turn(rival),
  }));
}

/** @param {Setting} setting */
async function measureReceiving({ pass, cores }) {
  const { warmup, receiving, rounds, everybody } = SIZES[pass];
  const { path, missing } = nativeProgram('datagram-load');
  const contenders = contendersOf(receivers(everybody), missing, async ({ command }) => {
    const receiver = await startServer(command, cores?.[0]);
    try {
      const args = ['--port', receiver.port, '--server-pid', receiver.pid, '--warmup', warmup];
      return await measure([path, ...args.map(String), '--seconds', `${receiving}`], cores?.[1], 1);
    } finally {
      await receiver.stop();
    }
  });
  return await inRounds('datagrams', contenders, rounds);
}

/** @param {Setting} setting */
async function measureSending({ pass, cores }) {
  const { warmup, sending, rounds } = SIZES[pass];
  const { path, missing } = nativeProgram('datagrams');
  const contenders = contendersOf(senders(), missing, async ({ command }) => {
    const sink = await startServer([path, '--call', 'sink'], cores?.[1]);
    try {
      const args = ['--port', sink.port, '--warmup', warmup, '--seconds', sending];
      return await measure([...command, ...args.map(String)], cores?.[0], 1);
    } finally {
      await sink.stop();
    }
  });
  return await inRounds('datagrams, sending', contenders, rounds);
}

/** @type {(what: 'received' | 'sent', limit: string) => import('../support/results.mjs').Figure[]} */
function figures(what, limit) {
  return [
    { key: `${what}PerCpuSecond`, title: `${what}/CPU s`, digits: 0, beside: [NODE, limit] },
    { key: `${what}PerSecond`, title: `${what}/s`, digits: 0 },
    { key: 'lostShare', title: 'share lost', digits: 4 },
  ];
}

/** @type {(setting: Setting) => Promise<import('../support/results.mjs').Group>} */
async function receivingGroup(setting) {
  return {
    id: 'datagrams, 64 B',
    title: 'Datagrams of 64 bytes received, UDP over loopback',
    note:
      'More is better. The sender keeps up to 448 datagrams ahead of the receiver, which tells it after each 256th how ' +
      'far it is: there is nearly always something to receive. recv does not tell who sent a datagram, all others do.',
    figures: figures('received', RECVMMSG),
    rows: await measureReceiving(setting),
    setting: { size: 64, ahead: 448 },
  };
}

/** @type {(setting: Setting) => Promise<import('../support/results.mjs').Group>} */
async function sendingGroup(setting) {
  return {
    id: 'datagrams, 64 B, sending',
    title: 'Datagrams of 64 bytes sent, UDP over loopback',
    note:
      'More is better. The receiver is a C program that never waits. On loopback the sender’s CPU time includes what the ' +
      'kernel does to deliver a datagram, and that is most of it.',
    figures: figures('sent', SENDMMSG),
    rows: await measureSending(setting),
    setting: { size: 64, burst: 64 },
  };
}

/** @type {import('../support/cell.mjs').Cell} */
export const datagrams = {
  name: 'datagrams',
  async measure(setting) {
    const received = await receivingGroup(setting);
    return SIZES[setting.pass].everybody ? [received, await sendingGroup(setting)] : [received];
  },
};
