/**
 * Sends datagrams by node:dgram, as fast as it takes them.
 *
 *   node bench/rivals/dgram-sending.mjs --port PORT [--warmup 50000] [--seconds 1]
 *
 * To `datagram-sink` of bench/load. Prints one line of JSON: what was sent in the window per second of this process's CPU
 * time, and per second, and what share of all never arrived.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { ASK_AGAIN, BURST, Sent } from '../support/datagrams-sent.mjs';

const { values } = parseArgs({
  options: { port: { type: 'string' }, warmup: { type: 'string' }, seconds: { type: 'string' } },
});

const socket = createSocket('udp4');
socket.connect(Number(values.port), '127.0.0.1');
await once(socket, 'connect');

/** How far the receiver is; it must know whom to answer before the first burst. */
async function ask() {
  const question = () => socket.send('');
  const timer = setInterval(question, ASK_AGAIN);
  question();
  const [answer] = await once(socket, 'message');
  clearInterval(timer);
  return answer;
}

await ask();
const sent = new Sent(values);
/** @type {(value?: unknown) => void} */
let finish;
const finished = new Promise((resolve) => {
  finish = resolve;
});
let left = 0;

// The memory of a datagram is free again when it is told to be sent.
function sendBurst() {
  sent.fill();
  left = BURST;
  for (const datagram of sent.burst) socket.send(datagram, told);
}

/** @param {Error | null} error */
function told(error) {
  if (error !== null) throw error;
  left--;
  if (left > 0) return;
  if (sent.ends()) finish();
  else sendBurst();
}

sendBurst();
await finished;
sent.report(await ask());
socket.close();
