/**
 * An echo server on `selector.dispatch`: one blocking loop, one receive buffer for all connections, level-triggered.
 *
 *   node bench/servers/dispatch.mjs [--backend epoll|poll|select|kqueue]
 *
 * It makes the system calls that bench/rivals/epoll-echo.c makes, in the same order. The loop never returns to
 * Node's, so no JavaScript handles a signal: SIGTERM ends the process as it ends any other.
 */
import { parseArgs } from 'node:util';
import { createSelector, EVENT_READ, EVENT_WRITE, Socket, WOULD_BLOCK } from '../../dist/lib/index.js';

const { values } = parseArgs({ options: { backend: { type: 'string' } } });

const BUFFER_SIZE = 64 * 1024;
// A burst of connections must not starve those that are open; level-triggered, the rest is reported again.
const ACCEPTS_PER_EVENT = 256;

/**
 * The data of a key is what could not be sent at once; a connection that owes nothing has none.
 *
 * @type {import('../../dist/lib/index.js').Selector<Buffer | undefined>}
 */
const selector = createSelector(
  /** @type {import('../../dist/lib/index.js').Backend | undefined} */ (values.backend),
);
const listener = Socket.listen({ address: '127.0.0.1', port: 0 }, { backlog: 4096 });
const buffer = Buffer.allocUnsafeSlow(BUFFER_SIZE);

function acceptConnections() {
  for (let accepted = 0; accepted < ACCEPTS_PER_EVENT; accepted++) {
    const socket = listener.accept();
    if (socket === null) return;
    socket.setNoDelay();
    selector.register(socket, EVENT_READ);
  }
}

/** @param {Socket} socket */
function echo(socket) {
  const received = socket.recv(buffer);
  // What is met most is tested first: an imported constant is looked up at each use.
  if (received <= 0) {
    if (received !== WOULD_BLOCK) socket.close();
    return;
  }
  const sent = socket.send(buffer, 0, received);
  if (sent !== received) remain(socket, received, sent);
}

/**
 * WRITE in place of READ: nothing more is read until the remainder is gone, so it never outgrows one buffer, and a peer
 * that does not read is held back by TCP itself.
 *
 * @param {Socket} socket
 * @param {number} received
 * @param {number} sent
 */
function remain(socket, received, sent) {
  const remainder = Buffer.from(buffer.subarray(sent === WOULD_BLOCK ? 0 : sent, received));
  selector.modify(socket, EVENT_WRITE, remainder);
}

/**
 * @param {Socket} socket
 * @param {Buffer} remainder
 */
function flush(socket, remainder) {
  const sent = socket.send(remainder);
  if (sent === WOULD_BLOCK) return;
  if (sent === remainder.length) selector.modify(socket, EVENT_READ);
  else selector.modify(socket, EVENT_WRITE, remainder.subarray(sent));
}

/** @param {import('../../dist/lib/index.js').SelectorKey<Buffer | undefined>} key */
function handle({ fileobj, data: remainder }) {
  const socket = /** @type {Socket} */ (fileobj);
  if (socket === listener) {
    acceptConnections();
    return;
  }
  try {
    if (remainder === undefined) echo(socket);
    else flush(socket, remainder);
  } catch {
    // The peer reset the connection: ECONNRESET, EPIPE.
    socket.close();
  }
}

selector.register(listener, EVENT_READ);
console.log(`listening ${/** @type {{ port: number }} */ (listener.localAddress).port}`);
for (;;) selector.dispatch(null, handle);
