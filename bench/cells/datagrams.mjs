/** Datagrams of 64 bytes over UDP: how many a receiver takes, and a sender sends, per second of its CPU time. */
import { inC, inNode, inPython, ours } from '../support/commands.mjs';
import { nativeProgram } from '../support/native.mjs';
import { measure, startServer } from '../support/programs.mjs';
import { inRounds } from '../support/rounds.mjs';

/** @typedef {import('../support/cell.mjs').Setting} Setting */
/** @typedef {import('../support/results.mjs').Group} Group */
/** @typedef {import('../support/results.mjs').Row} Row */
/** @typedef {import('../support/commands.mjs').Program & { name: string }} Rival */

/** Datagrams before a window, its seconds, and whether those take part as well of whom nothing is promised. */
const SIZES = {
  full: { warmup: 50_000, receiving: 0.25, sending: 0.15, rounds: 5, everybody: true },
  quick: { warmup: 50_000, receiving: 0.2, sending: 0, rounds: 3, everybody: false },
  moment: { warmup: 1000, receiving: 0.02, sending: 0.02, rounds: 1, everybody: true },
};
const NODE = 'node:dgram';
const RECVMMSG = 'recvmmsg in C';
const SENDMMSG = 'sendmmsg in C';

/** Far more than a transport remembers the addresses of. */
const MANY_SENDERS = 1000;

/** Who looks at a datagram where it came, and makes no address of its sender. @returns {Rival[]} */
function onSockets() {
  const selector = 'programs/datagrams-selector.mjs';
  return [
    { name: 'recvBatch', ...ours(selector, '--call', 'recvBatch') },
    { name: 'recv', ...ours(selector, '--call', 'recv') },
    { name: RECVMMSG, ...inC('datagrams', '--call', 'recvmmsg') },
    { name: 'recv in C', ...inC('datagrams', '--call', 'recv') },
  ];
}

/** Who is told the address of each. @type {(everybody: boolean) => Rival[]} */
function withAddresses(everybody) {
  const pythons = everybody ? /** @type {const} */ (['asyncio', 'uvloop']) : [];
  return [
    { name: 'datagram transport', ...ours('programs/datagrams-transport.mjs') },
    { name: NODE, ...inNode('rivals/dgram.mjs') },
    ...pythons.map((name) => ({ name, ...inPython(name, 'rivals/datagrams.py', name) })),
  ];
}

/** @returns {Rival[]} */
function senders() {
  const socket = 'programs/datagrams-sending.mjs';
  return [
    { name: 'sendBatch', ...ours(socket, '--call', 'sendBatch') },
    { name: 'send', ...ours(socket, '--call', 'send') },
    { name: NODE, ...inNode('rivals/dgram-sending.mjs') },
    { name: SENDMMSG, ...inC('datagrams-sending', '--call', 'sendmmsg') },
    { name: 'send in C', ...inC('datagrams-sending', '--call', 'send') },
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
    ours: rival.ours,
    missing: rival.missing ?? missing,
    turn: () => turn(rival),
  }));
}

/** @type {(title: string, rivals: readonly Rival[], senders: number, setting: Setting) => Promise<Row[]>} */
async function measureReceiving(title, rivals, senders, { pass, cores }) {
  const { warmup, receiving, rounds } = SIZES[pass];
  const { path, missing } = nativeProgram('datagram-load');
  const contenders = contendersOf(rivals, missing, async ({ command }) => {
    const receiver = await startServer(command, cores?.[0]);
    try {
      const args = ['--port', receiver.port, '--server-pid', receiver.pid, '--senders', senders];
      args.push('--warmup', warmup, '--seconds', receiving);
      return await measure([path, ...args.map(String)], cores?.[1], 1);
    } finally {
      await receiver.stop();
    }
  });
  return await inRounds(title, contenders, rounds, { warmUp: false });
}

/** @param {Setting} setting */
async function measureSending({ pass, cores }) {
  const { warmup, sending, rounds } = SIZES[pass];
  const { path, missing } = nativeProgram('datagram-sink');
  const contenders = contendersOf(senders(), missing, async ({ command }) => {
    const sink = await startServer([path], cores?.[1]);
    try {
      const args = ['--port', sink.port, '--warmup', warmup, '--seconds', sending];
      return await measure([...command, ...args.map(String)], cores?.[0], 1);
    } finally {
      await sink.stop();
    }
  });
  return await inRounds('datagrams, sending', contenders, rounds, { warmUp: false });
}

/** @type {(what: 'received' | 'sent', beside: string[]) => import('../support/results.mjs').Figure[]} */
function figures(what, beside) {
  return [
    { key: `${what}PerCpuSecond`, title: `${what}/CPU s`, digits: 0, beside },
    { key: `${what}PerSecond`, title: `${what}/s`, digits: 0 },
    { key: 'lostShare', title: 'share lost', digits: 4 },
  ];
}

/** @type {(setting: Setting) => Promise<Group>} */
async function receivingGroup(setting) {
  const rivals = [...onSockets(), ...withAddresses(SIZES[setting.pass].everybody)];
  return {
    id: 'datagrams, 64 B',
    title: 'Datagrams of 64 bytes received, UDP over loopback',
    note:
      'More is better. The sender keeps up to 448 datagrams ahead of the receiver, which tells it after each 256th how ' +
      'far it is: there is nearly always something to receive. recv does not tell who sent a datagram; recvBatch and ' +
      'recvmmsg keep the names of the senders as the kernel gave them, and read none; all others give an address. There ' +
      'is one sender, and a datagram transport remembers its address.',
    figures: figures('received', [NODE, RECVMMSG]),
    rows: await measureReceiving('datagrams', rivals, 1, setting),
    setting: { size: 64, ahead: 448 },
  };
}

/** @type {(setting: Setting) => Promise<Group>} */
async function manySendersGroup(setting) {
  return {
    id: 'datagrams, 64 B, many senders',
    title: `Datagrams of 64 bytes received from ${MANY_SENDERS.toLocaleString('en')} senders`,
    note:
      'More is better. Each datagram comes from the next of the senders, so that none of their addresses is remembered. ' +
      'They are sent one by one, which takes the sender longer, but not the receiver.',
    figures: figures('received', [NODE]),
    rows: await measureReceiving('datagrams, many senders', withAddresses(false), MANY_SENDERS, setting),
    setting: { size: 64, ahead: 448, senders: MANY_SENDERS },
  };
}

/** @type {(setting: Setting) => Promise<Group>} */
async function sendingGroup(setting) {
  return {
    id: 'datagrams, 64 B, sending',
    title: 'Datagrams of 64 bytes sent, UDP over loopback',
    note:
      'More is better. The receiver is a C program that never waits. On loopback the sender’s CPU time includes what the ' +
      'kernel does to deliver a datagram, and that is most of it.',
    figures: figures('sent', [NODE, SENDMMSG]),
    rows: await measureSending(setting),
    setting: { size: 64, burst: 64 },
  };
}

/** @type {import('../support/cell.mjs').Cell} */
export const datagrams = {
  name: 'datagrams',
  async measure(setting) {
    const received = await receivingGroup(setting);
    if (!SIZES[setting.pass].everybody) return [received];
    return [received, await manySendersGroup(setting), await sendingGroup(setting)];
  },
};
