/**
 * Receives datagrams on a selector, in a loop that blocks.
 *
 *   node bench/programs/datagrams-selector.mjs --call recvBatch|recv
 *
 * Prints `listening PORT` once datagrams can come. It makes the system calls that bench/rivals/datagrams.c makes, in the
 * same order. The loop never returns to Node's: SIGTERM ends the process as it ends any other.
 */
import { parseArgs } from 'node:util';
import {
  AF_INET,
  constants,
  DatagramBatch,
  DefaultSelector,
  EVENT_READ,
  SOCK_DGRAM,
  Socket,
  WOULD_BLOCK,
} from '../../dist/lib/index.js';
import { RECEIVE_BUFFER, Received } from '../support/datagrams-received.mjs';

const { values } = parseArgs({ options: { call: { type: 'string', default: 'recvBatch' } } });
const { SOL_SOCKET = 0, SO_RCVBUF = 0 } = constants;
const BATCH = 64;
const LONGEST = 2048;

const received = new Received();
const socket = new Socket(AF_INET, SOCK_DGRAM);
socket.setOption(SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
socket.bind({ address: '127.0.0.1', port: 0 });
const selector = new DefaultSelector();
selector.register(socket, EVENT_READ);
console.log(`listening ${/** @type {{ port: number }} */ (socket.localAddress).port}`);

const buffer = Buffer.alloc(LONGEST);
const batch = new DatagramBatch(BATCH, LONGEST);

/** The first datagram, which is empty, tells whom to answer. */
function meet() {
  selector.select();
  const address = socket.recvFrom(buffer)?.address;
  if (!address) throw new Error('nobody sent the first datagram');
  socket.sendTo(received.answer, address);
  return address;
}

const sender = meet();

function receiveBatches() {
  for (let count = BATCH; count === BATCH; ) {
    count = socket.recvBatch(batch);
    for (let index = 0; index < count; index++) {
      const datagram = batch.payload(index);
      if (received.take(datagram, datagram.length)) socket.sendTo(received.answer, sender);
    }
  }
}

function receiveEach() {
  for (let length = socket.recv(buffer); length !== WOULD_BLOCK; length = socket.recv(buffer)) {
    if (received.take(buffer, length)) socket.sendTo(received.answer, sender);
  }
}

const receive = { recvBatch: receiveBatches, recv: receiveEach }[values.call];
if (receive === undefined) throw new Error(`--call must be recvBatch or recv, not '${values.call}'`);
for (;;) selector.dispatch(null, receive);
