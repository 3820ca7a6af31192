/**
 * Opens connections, and holds them until it is ended.
 *
 *   node bench/programs/connections.mjs --port 7000 --connections 10000
 *
 * Prints `listening 0` when all are open and have had an answer: as a server does when it is ready.
 */
import { parseArgs } from 'node:util';
import { Reactor, Socket } from '../../dist/lib/index.js';

const { values } = parseArgs({ options: { port: { type: 'string' }, connections: { type: 'string' } } });
const port = Number(values.port);
const count = Number(values.connections);
/** A listener's queue must not overflow. */
const AT_ONCE = 256;

const reactor = new Reactor();
const sockets = [];
const running = reactor.run();
// Held open by a timer: a socket that nobody waits for keeps no process alive.
setInterval(() => {}, 1_000_000);
for (let opened = 0; opened < count; opened += AT_ONCE) {
  const batch = Array.from({ length: Math.min(AT_ONCE, count - opened) }, () => new Socket());
  await Promise.all(
    batch.map(async (socket) => {
      await reactor.sockConnect(socket, { address: '127.0.0.1', port });
      await reactor.sockSendAll(socket, Buffer.from('x'));
      const answer = Buffer.alloc(2);
      const received = await reactor.sockRecv(socket, answer);
      if (received !== 1 || answer[0] !== 0x78)
        throw new Error(`not the byte that was sent: ${received} bytes`);
    }),
  );
  sockets.push(...batch);
}
console.log('listening 0');
await running;
