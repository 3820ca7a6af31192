/**
 * Sends datagrams by a socket, as fast as it takes them.
 *
 *   node bench/programs/datagrams-sending.mjs --port PORT --call sendBatch|send [--warmup 50000] [--seconds 1]
 *
 * To `datagram-sink` of bench/load. Prints one line of JSON: what was sent in the window per second of this
 * process's CPU time, and per second, and what share of all never arrived.
 */
import { parseArgs } from 'node:util';
import {
  AF_INET,
  DatagramBatch,
  DefaultSelector,
  EVENT_READ,
  EVENT_WRITE,
  SOCK_DGRAM,
  Socket,
  WOULD_BLOCK,
} from '../../dist/lib/index.js';
import { DATAGRAM_SIZE } from '../support/datagrams-received.mjs';
import { ASK_AGAIN, BURST, Sent } from '../support/datagrams-sent.mjs';

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    call: { type: 'string', default: 'sendBatch' },
    warmup: { type: 'string' },
    seconds: { type: 'string' },
  },
});

const socket = new Socket(AF_INET, SOCK_DGRAM);
socket.connect({ address: '127.0.0.1', port: Number(values.port) });
const selector = new DefaultSelector();
const answer = Buffer.alloc(64);
const nothing = Buffer.alloc(0);

/** How far the receiver is; it must know whom to answer before the first burst. */
function ask() {
  // An earlier question may have been answered twice.
  while (socket.recv(answer) !== WOULD_BLOCK);
  selector.register(socket, EVENT_READ);
  do socket.send(nothing);
  while (selector.select(ASK_AGAIN).length === 0);
  selector.unregister(socket);
  socket.recv(answer);
  return answer;
}

function waitForRoom() {
  selector.register(socket, EVENT_WRITE);
  selector.select();
  selector.unregister(socket);
}

ask();
const sent = new Sent(values);
const batch = new DatagramBatch(BURST, DATAGRAM_SIZE);

function sendBatch() {
  for (let index = 0; index < BURST; index++) batch.set(index, /** @type {Buffer} */ (sent.burst[index]));
  for (let done = 0; done < BURST; ) {
    const count = socket.sendBatch(batch, BURST - done, done);
    if (count === 0) waitForRoom();
    done += count;
  }
}

function sendEach() {
  for (const datagram of sent.burst) while (socket.send(datagram) === WOULD_BLOCK) waitForRoom();
}

const send = { sendBatch, send: sendEach }[values.call];
if (send === undefined) throw new Error(`--call must be sendBatch or send, not '${values.call}'`);
do {
  sent.fill();
  send();
} while (!sent.ends());
sent.report(ask());
