/** An echo server on node:net that reads by `for await`, as one on streams of ours does. */
import { once } from 'node:events';
import { createServer } from 'node:net';

const server = createServer({ noDelay: true }, async (socket) => {
  try {
    for await (const data of socket) {
      if (!socket.write(data)) await once(socket, 'drain');
    }
  } catch {
    // The peer reset the connection.
  }
});

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  console.log(`listening ${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`);
});
process.on('SIGTERM', () => process.exit(0));
