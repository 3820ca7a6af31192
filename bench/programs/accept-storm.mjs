/**
 * Connections to one port, for which four processes wait.
 *
 *   node bench/programs/accept-storm.mjs --how plain|exclusive|reusePort [--connections 1000]
 *
 * `plain`: each process watches the same listener; `exclusive`: as well, by EPOLLEXCLUSIVE; `reusePort`: each has a
 * listener of its own. This program connects, first one after the other, then several at once, reads the byte by
 * which a worker says who it is, and the end. Prints one line of JSON: what the workers counted in both, divided by
 * the connections; that of the second with `burst.` before its names. Exit code 1 where a connection was not served,
 * or by other workers than those who say so.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DefaultSelector, EVENT_READ, Socket } from '../../dist/lib/index.js';

const { values } = parseArgs({
  options: { how: { type: 'string', default: 'plain' }, connections: { type: 'string', default: '1000' } },
});
const connections = Number(values.connections);
const WORKERS = 4;
const BURST = 32;
/** Longer than any machine lets a connection wait, milliseconds. */
const LIMIT = 10_000;
const PROGRAM = fileURLToPath(new URL('accept-worker.mjs', import.meta.url));

/** @typedef {Record<'wakeUps' | 'refusals' | 'accepted' | 'switches' | 'cpuMicroseconds', number>} Counts */

const selector = new DefaultSelector();

/** A listener for each worker: the same, or one of its own. */
function openListeners() {
  const reusePort = values.how === 'reusePort';
  const first = Socket.listen({ address: '127.0.0.1', port: 0 }, { reusePort });
  const address = first.localAddress;
  const others = Array.from({ length: WORKERS - 1 }, () =>
    reusePort ? Socket.listen(address, { reusePort }) : first,
  );
  return { address, listeners: [first, ...others] };
}

/** @type {(listener: Socket, number: number) => { channel: Socket, ended: Promise<unknown> }} */
function startWorker(listener, number) {
  const [channel, theirs] = Socket.pair();
  const child = spawn(process.execPath, [PROGRAM, `${number}`, values.how], {
    stdio: ['ignore', 'inherit', 'inherit', listener.fileno(), theirs.fileno()],
  });
  theirs.close();
  return { channel, ended: once(child, 'exit') };
}

/** What a worker has counted so far; a new one answers when it is ready. @type {(channel: Socket) => Counts} */
function ask(channel) {
  const answer = Buffer.alloc(1024);
  channel.send(Buffer.from('?'));
  selector.register(channel, EVENT_READ);
  if (selector.select(LIMIT).length === 0) throw new Error('a worker does not answer');
  selector.unregister(channel);
  return JSON.parse(answer.toString('utf8', 0, channel.recv(answer)));
}

/**
 * Connects so many times, `atOnce` at once, and lets each be served to its end.
 *
 * @param {import('../../dist/lib/index.js').Address} address
 * @param {number} atOnce
 * @returns {number[]} how many each worker served.
 */
function connectAll(address, atOnce) {
  const served = Array(WORKERS).fill(0);
  const buffer = Buffer.alloc(2);
  let left = connections;
  let open = 0;
  const connect = () => {
    const socket = new Socket();
    socket.connect(address);
    selector.register(socket, EVENT_READ, -1);
    left--;
    open++;
  };
  // The data of a key is who served it; -1: nobody has yet.
  const read = (
    /** @type {import('../../dist/lib/index.js').SelectorKey<any>} */ { fileobj, data: worker },
  ) => {
    const socket = /** @type {Socket} */ (fileobj);
    const length = socket.recv(buffer);
    if (length === 1 && worker === -1) {
      selector.modify(socket, EVENT_READ, buffer[0]);
      return;
    }
    if (length !== 0 || worker === -1) throw new Error(`a connection was served ${length} bytes`);
    served[worker]++;
    socket.close();
    open--;
  };
  while (left > 0 || open > 0) {
    // A burst begins when the one before it is over.
    if (open === 0) for (let count = Math.min(atOnce, left); count > 0; count--) connect();
    if (selector.dispatch(LIMIT, read) === 0) throw new Error(`${open} connections are not served`);
  }
  return served;
}

/** @type {(address: import('../../dist/lib/index.js').Address, channels: Socket[], atOnce: number) => Record<string, number>} */
function storm(address, channels, atOnce) {
  const before = channels.map(ask);
  const served = connectAll(address, atOnce);
  const after = channels.map(ask);
  const counted = after.map(({ accepted }, worker) => accepted - (before[worker]?.accepted ?? 0));
  if (`${counted}` !== `${served}`)
    throw new Error(`served by the workers: ${counted}, of the clients: ${served}`);
  /** @param {keyof Counts} count */
  const perConnection = (count) => {
    const total = (/** @type {Counts[]} */ counts) => counts.reduce((sum, each) => sum + each[count], 0);
    return (total(after) - total(before)) / connections;
  };
  return {
    wakeUpsPerConnection: perConnection('wakeUps'),
    refusalsPerConnection: perConnection('refusals'),
    switchesPerConnection: perConnection('switches'),
    spread: Math.max(...served) / connections,
    cpuMicrosecondsPerConnection: perConnection('cpuMicroseconds'),
  };
}

/** @type {(part: string, figures: Record<string, number>) => Record<string, number>} */
function named(part, figures) {
  return Object.fromEntries(Object.entries(figures).map(([key, value]) => [`${part}.${key}`, value]));
}

const { address, listeners } = openListeners();
const workers = listeners.map(startWorker);
const channels = workers.map(({ channel }) => channel);
for (const listener of listeners) listener.close();
try {
  storm(address, channels, 1);
  const single = named('single', storm(address, channels, 1));
  const burst = named('burst', storm(address, channels, BURST));
  console.log(JSON.stringify({ ...single, ...burst }));
} finally {
  for (const channel of channels) channel.close();
  await Promise.all(workers.map(({ ended }) => ended));
}
