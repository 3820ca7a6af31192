/**
 * An echo server on reactor watchers: a closure for each connection, one receive buffer for all, level-triggered.
 *
 *   node bench/servers/watchers.mjs [--mode hosted|blocking] [--backend epoll|poll|select|kqueue]
 *
 * It makes the system calls that bench/servers/dispatch.mjs makes, in the same order.
 */
import { parseArgs } from 'node:util';
import {
  createSelector,
  EVENT_READ,
  EVENT_WRITE,
  Reactor,
  Socket,
  WOULD_BLOCK,
} from '../../dist/lib/index.js';

const { values } = parseArgs({
  options: { mode: { type: 'string', default: 'hosted' }, backend: { type: 'string' } },
});
if (values.mode !== 'hosted' && values.mode !== 'blocking') {
  throw new Error(`--mode must be hosted or blocking, not '${values.mode}'`);
}

const BUFFER_SIZE = 64 * 1024;
// A burst of connections must not starve those that are open; level-triggered, the rest is reported again.
const ACCEPTS_PER_EVENT = 256;

const backend = /** @type {import('../../dist/lib/index.js').Backend | undefined} */ (values.backend);
const reactor = new Reactor({ selector: createSelector(backend) });
const listener = Socket.listen({ address: '127.0.0.1', port: 0 }, { backlog: 4096 });
const buffer = Buffer.allocUnsafeSlow(BUFFER_SIZE);

function acceptConnections() {
  for (let accepted = 0; accepted < ACCEPTS_PER_EVENT; accepted++) {
    const socket = listener.accept();
    if (socket === null) return;
    socket.setNoDelay();
    serve(socket);
  }
}

/** @param {Socket} socket */
function serve(socket) {
  /**
   * What could not be sent at once; a connection that owes nothing has none.
   *
   * @type {Buffer | undefined}
   */
  let owed;
  reactor.watch(socket, EVENT_READ, (_events, watcher) => {
    try {
      if (owed === undefined) {
        const received = socket.recv(buffer);
        // What is met most is tested first: an imported constant is looked up at each use.
        if (received <= 0) {
          if (received !== WOULD_BLOCK) socket.close();
          return;
        }
        const sent = socket.send(buffer, 0, received);
        if (sent === received) return;
        owed = Buffer.from(buffer.subarray(sent === WOULD_BLOCK ? 0 : sent, received));
      } else {
        const rest = flush(socket, owed);
        if (rest === owed) return;
        owed = rest;
      }
      // WRITE in place of READ: nothing more is read until the remainder is gone, so it never outgrows one buffer, and
      // a peer that does not read is held back by TCP itself.
      watcher.modify(owed === undefined ? EVENT_READ : EVENT_WRITE);
    } catch {
      // The peer reset the connection: ECONNRESET, EPIPE.
      socket.close();
    }
  });
}

/**
 * @param {Socket} socket
 * @param {Buffer} owed
 */
function flush(socket, owed) {
  const sent = socket.send(owed);
  if (sent === WOULD_BLOCK) return owed;
  return sent === owed.length ? undefined : owed.subarray(sent);
}

reactor.watch(listener, EVENT_READ, acceptConnections);
console.log(`listening ${/** @type {{ port: number }} */ (listener.localAddress).port}`);
if (values.mode === 'hosted') await reactor.run();
else reactor.runForever();
