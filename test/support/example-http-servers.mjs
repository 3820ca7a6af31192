/** Web servers as a process of their own, for clients that hold theirs: node:http, and one that does as its URLs say. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const pages = {
  '/text': (_request, response) => response.end('some text'),
  '/chunked': async (_request, response) => {
    for (const part of ['one, ', 'two, ', 'three']) {
      response.write(part);
      await sleep(5);
    }
    response.end();
  },
  '/huge': (_request, response) => response.end(Buffer.alloc(32 * 1024 * 1024, 'huge')),
  '/echo': async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const { method, url, headers } = request;
    response.setHeader('x-many', ['1', '2']);
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(parts).toString('latin1') }));
  },
  '/mirror': (request, response) => request.pipe(response),
  '/none': (_request, response) => response.writeHead(204).end(),
  '/never': () => {},
};

const http = createHttpServer((request, response) => {
  const page = pages[new URL(request.url, 'http://here').pathname];
  if (page === undefined) response.writeHead(404).end('no such page');
  else page(request, response);
});

// A URL is what to answer, in pieces, and how to end then.
const raw = createServer({ allowHalfOpen: true }, async (socket) => {
  socket.on('error', () => {});
  let head = '';
  while (!head.includes('\r\n\r\n')) head += (await once(socket, 'data')).toString();
  const [, url] = head.split(' ');
  const { pieces, ending } = JSON.parse(Buffer.from(url.slice(1), 'base64url').toString());
  // Nothing more of the request is read.
  socket.pause();
  for (const piece of pieces) {
    if (!socket.destroyed) socket.write(piece, 'latin1');
    await sleep(5);
  }
  if (ending === 'end') socket.end();
  if (ending === 'reset') socket.resetAndDestroy();
});

for (const server of [http, raw]) await once(server.listen(0, '127.0.0.1'), 'listening');
process.send({ http: http.address().port, raw: raw.address().port });
process.on('disconnect', () => process.exit());
