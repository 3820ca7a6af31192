/**
 * An echo server on a selector's dispatch loop that lets Node's loop have a turn now and then: as bench/servers/dispatch.mjs
 * keeps its connections, but it can be told by a signal to collect its garbage, which a loop that never returns cannot.
 */
import { DefaultSelector, EVENT_READ, Socket } from '../../dist/lib/index.js';

/** Milliseconds that a wait lasts at most: so soon a signal is heard. */
const PATIENCE = 10;

const selector = new DefaultSelector();
const listener = Socket.listen({ address: '127.0.0.1', port: 0 }, { backlog: 4096 });
const buffer = Buffer.allocUnsafeSlow(64 * 1024);

/** @param {import('../../dist/lib/index.js').SelectorKey} key */
function handle({ fileobj }) {
  if (fileobj === listener) acceptConnections();
  else echo(/** @type {Socket} */ (fileobj));
}

function acceptConnections() {
  for (let socket = listener.accept(); socket !== null; socket = listener.accept()) {
    socket.setNoDelay();
    selector.register(socket, EVENT_READ);
  }
}

/** A byte, which always finds room. @param {Socket} socket */
function echo(socket) {
  const received = socket.recv(buffer);
  if (received > 0) socket.send(buffer, 0, received);
  else if (received === 0) socket.close();
}

function turn() {
  selector.dispatch(PATIENCE, handle);
  setImmediate(turn);
}

selector.register(listener, EVENT_READ);
console.log(`listening ${/** @type {{ port: number }} */ (listener.localAddress).port}`);
turn();
