/**
 * Opens connections, and holds them until it is ended.
 *
 *   node bench/programs/connections.mjs --port 7000 --connections 10000
 *
 * Prints `ready` when all are open and have had an answer.
 */
import { parseArgs } from 'node:util';
import { DefaultSelector, EVENT_READ, EVENT_WRITE, Socket } from '../../dist/lib/index.js';

const { values } = parseArgs({ options: { port: { type: 'string' }, connections: { type: 'string' } } });
const address = { address: '127.0.0.1', port: Number(values.port) };
const count = Number(values.connections);
/** A listener's queue must not overflow. */
const AT_ONCE = 256;
/** Milliseconds in which somebody must be served. */
const LIMIT = 20_000;

const selector = new DefaultSelector();
const byte = Buffer.from('x');
const answer = Buffer.alloc(2);
/** @type {Socket[]} */
const answered = [];

/** @type {(key: import('../../dist/lib/index.js').SelectorKey, events: number) => void} */
function handle({ fileobj }, events) {
  const socket = /** @type {Socket} */ (fileobj);
  if (events & EVENT_WRITE) {
    if (!socket.finishConnect() || socket.send(byte) !== 1) throw new Error('a connection takes no byte');
    selector.modify(socket, EVENT_READ);
    return;
  }
  const received = socket.recv(answer);
  if (received !== 1 || answer[0] !== byte[0])
    throw new Error(`not the byte that was sent: ${received} bytes`);
  selector.unregister(socket);
  answered.push(socket);
}

while (answered.length < count) {
  const opened = answered.length + Math.min(AT_ONCE, count - answered.length);
  for (let left = opened - answered.length; left > 0; left--) {
    const socket = new Socket();
    socket.connect(address);
    selector.register(socket, EVENT_WRITE);
  }
  while (answered.length < opened) {
    if (selector.dispatch(LIMIT, handle) === 0) throw new Error('the server does not answer');
  }
}
console.log('ready');
// Held open by a timer: a socket that nobody waits for keeps no process alive.
setInterval(() => {}, 1_000_000);
