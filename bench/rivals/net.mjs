/** An echo server on node:net, by events: the rival that every Node.js program has at hand. */
import { createServer } from 'node:net';

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('data', (chunk) => {
    if (!socket.write(chunk)) socket.pause();
  });
  socket.on('drain', () => socket.resume());
  socket.on('error', () => socket.destroy());
});

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  console.log(`listening ${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`);
});
process.on('SIGTERM', () => process.exit(0));
