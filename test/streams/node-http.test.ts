/** Node's own http and https over iomux sockets: its servers and its clients, with peers that have nothing of ours. */
import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import {
  Agent,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { connect, type Socket as NetSocket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { Reactor } from 'iomux';
import { describe, expect, it } from 'vitest';
import { afterwards, connectOver, hosted, listening, listenOver } from '../support/duplex-peers.js';
import { takeAll } from '../support/net-client.js';
import { Authority } from '../support/tls-certificates.js';

const MEGABYTE = 1 << 20;
const authority = new Authority();
const identity = authority.issue('localhost', 'DNS:localhost', 'IP:127.0.0.1');

/** A server of Node's that is given streams of ours. @returns its port. */
function served(reactor: Reactor, server: Server): number {
  afterwards(() => server.close());
  return listenOver(reactor, (stream) => server.emit('connection', stream));
}

function serve(reactor: Reactor, listener: RequestListener): number {
  return served(reactor, createServer(listener));
}

/** What a server sends to a client that writes `text`, byte for byte, until it closes. */
async function exchange(port: number, text: string, then: (socket: NetSocket) => void = () => {}) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.write(text);
  then(socket);
  const answer = (await takeAll(socket)).toString();
  return answer.replaceAll(/^(Date|Keep-Alive): .*\r\n/gm, '');
}

async function answered(sent: ClientRequest): Promise<[IncomingMessage, Buffer]> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return [response, await takeAll(response)];
}

/** Bytes that cannot be taken for others. */
function bytes(length: number): Buffer {
  return randomFillSync(Buffer.allocUnsafe(length));
}

function digest(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

describe("Node's http server over streams of ours", () => {
  it(
    'answers, and knows its client',
    hosted(async (reactor) => {
      const port = serve(reactor, ({ socket, method, url }, response) => {
        response.end(
          JSON.stringify([method, url, socket.remoteAddress, socket.remoteFamily, socket.localPort]),
        );
      });
      const response = await fetch(`http://127.0.0.1:${port}/path?query`);
      expect(await response.json()).toEqual(['GET', '/path?query', '127.0.0.1', 'IPv4', port]);
    }),
  );

  it(
    'keeps a connection for the next request',
    hosted(async (reactor) => {
      const sockets = new Set<Duplex>();
      const port = serve(reactor, ({ socket, url }, response) => {
        sockets.add(socket);
        response.end(url);
      });
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let index = 0; index < 20; index++) {
        const [, body] = await answered(request({ port, host: '127.0.0.1', path: `/${index}`, agent }).end());
        expect(body.toString()).toBe(`/${index}`);
      }
      agent.destroy();
      expect(sockets.size).toBe(1);
    }),
  );

  it(
    'answers pipelined requests in their order, and closes after the last where it is asked to',
    hosted(async (reactor) => {
      const port = serve(reactor, ({ url }, response) => {
        setTimeout(() => response.end(url), url === '/1' ? 50 : 0);
      });
      const requests = ['/1', '/2', '/3'].map((url, index) => {
        return `GET ${url} HTTP/1.1\r\nHost: x\r\n${index === 2 ? 'Connection: close\r\n' : ''}\r\n`;
      });
      const answer = await exchange(port, requests.join(''));
      expect(answer.match(/^\/\d/gm)).toEqual(['/1', '/2', '/3']);
      expect(answer.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3);
    }),
  );

  it(
    'answers a client that has ended its side',
    hosted(async (reactor) => {
      const port = serve(reactor, (_, response) => response.end('late'));
      const answer = await exchange(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', (socket) => socket.end());
      expect(answer).toBe('HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nlate');
    }),
  );

  it(
    'takes a big upload that is read slowly, and sends a big download, unchanged',
    hosted(async (reactor) => {
      const port = serve(reactor, async (incoming, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of incoming) {
          chunks.push(chunk);
          if (chunks.length % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        }
        response.end(Buffer.concat(chunks));
      });
      const body = bytes(16 * MEGABYTE);
      const sent = request({ port, host: '127.0.0.1', method: 'POST' });
      const [[, received]] = await Promise.all([answered(sent), pipeline(Readable.from([body]), sent)]);
      expect(digest(received)).toBe(digest(body));
    }),
  );

  it(
    'is held back by a client that does not read its download',
    hosted(async (reactor) => {
      let written = 0;
      const port = serve(reactor, (_, response) => {
        const endless = new Readable({
          read() {
            written += MEGABYTE;
            this.push(Buffer.alloc(MEGABYTE));
          },
        });
        pipeline(endless, response).catch(() => {});
      });
      const sent = request({ port, host: '127.0.0.1' }).end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      let before = -1;
      while (before !== written) {
        before = written;
        await sleep(50);
      }
      expect(written).toBeLessThan(50 * MEGABYTE);
      response.destroy();
    }),
  );

  it(
    'refuses a malformed request, and closes',
    hosted(async (reactor) => {
      const port = serve(reactor, () => expect.unreachable());
      expect(await exchange(port, 'no http\r\n\r\n')).toBe(
        'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n',
      );
    }),
  );

  it(
    'closes a connection that is kept too long without a request',
    hosted(async (reactor) => {
      const server = createServer({ keepAliveTimeout: 50 }, (_, response) => response.end('once'));
      const port = served(reactor, server);
      expect(await exchange(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/once$/);
    }),
  );

  it(
    'times out a request that never ends, by the silence of its socket',
    hosted(async (reactor) => {
      const server = createServer(() => {});
      const silent = new Promise<Duplex>((resolve) => {
        server.setTimeout(50, (socket) => {
          resolve(socket);
          socket.destroy();
        });
      });
      const port = served(reactor, server);
      expect(await exchange(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n')).toBe('');
      expect((await silent).destroyed).toBe(true);
    }),
  );

  it(
    'hears of a client that goes in the middle of an answer',
    hosted(async (reactor) => {
      let response: ServerResponse | undefined;
      const requested = new Promise<IncomingMessage>((resolve) => {
        const port = serve(reactor, (incoming, outgoing) => {
          response = outgoing;
          outgoing.write('begun');
          resolve(incoming);
        });
        const client = connect({ port, host: '127.0.0.1' }, () =>
          client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
        );
        client.once('data', () => client.resetAndDestroy());
      });
      const incoming = await requested;
      const [error] = await once(incoming, 'error');
      expect(error).toMatchObject({ code: 'ECONNRESET' });
      expect(response?.destroyed).toBe(true);
    }),
  );

  it(
    'hands an upgraded connection over, with what came with the request',
    hosted(async (reactor) => {
      const server = createServer();
      server.on('upgrade', (_, socket: Duplex, head: Buffer) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
        socket.write(head);
        socket.pipe(socket);
      });
      const port = served(reactor, server);
      const head = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst ';
      const answer = await exchange(port, head, (socket) => {
        socket.once('data', () => socket.end('second'));
      });
      expect(answer).toMatch(/\r\n\r\nfirst second$/);
    }),
  );
});

describe("Node's http client over streams of ours", () => {
  it(
    'asks a server of Node, and gets a big answer to a big request',
    hosted(async (reactor) => {
      const server = createServer((incoming, response) => incoming.pipe(response));
      const port = await listening(server);
      const [stream] = await connectOver(reactor, port);
      const body = bytes(8 * MEGABYTE);
      const sent = request({ method: 'POST', createConnection: () => stream as unknown as NetSocket });
      const [[response, received]] = await Promise.all([
        answered(sent),
        pipeline(Readable.from([body]), sent),
      ]);
      expect(response.statusCode).toBe(200);
      expect(digest(received)).toBe(digest(body));
    }),
  );

  it(
    'keeps a connection in its agent, and uses it again',
    hosted(async (reactor) => {
      const server = createServer(({ url }, response) => response.end(url));
      const port = await listening(server);
      const [stream] = await connectOver(reactor, port);
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      let connections = 0;
      Object.assign(agent, {
        createConnection: () => {
          connections++;
          return stream;
        },
      });
      for (const path of ['/1', '/2', '/3']) {
        const [, body] = await answered(request({ agent, path }).end());
        expect(body.toString()).toBe(path);
      }
      expect(connections).toBe(1);
      agent.destroy();
      await once(stream, 'close');
    }),
  );

  it(
    'hears of a server that is silent, and of one that hangs up',
    hosted(async (reactor) => {
      const port = await listening(createServer(({ url, socket }) => url === '/hang-up' && socket.destroy()));
      const [silent] = await connectOver(reactor, port);
      const waiting = request({ createConnection: () => silent as unknown as NetSocket })
        .setTimeout(50)
        .end();
      await once(waiting, 'timeout');
      waiting.on('error', () => {}).destroy();
      const [stream] = await connectOver(reactor, port);
      const sent = request({
        path: '/hang-up',
        createConnection: () => stream as unknown as NetSocket,
      }).end();
      const [error] = await once(sent, 'error');
      expect(error).toMatchObject({ code: 'ECONNRESET' });
    }),
  );
});

describe("Node's https over streams of ours", () => {
  it(
    'answers curl-like clients over TLS, and keeps connections',
    hosted(async (reactor) => {
      const server = createHttpsServer(identity, ({ url, socket }, response) => {
        response.end(`${url} ${'encrypted' in socket}`);
      });
      const port = served(reactor, server);
      const agent = new HttpsAgent({ keepAlive: true, maxSockets: 1 });
      const ca = authority.ca.cert;
      for (const path of ['/1', '/2']) {
        const sent = requestHttps({ port, host: '127.0.0.1', path, ca, agent });
        const [, body] = await answered(sent.end());
        expect(body.toString()).toBe(`${path} true`);
      }
      agent.destroy();
    }),
  );

  it(
    'asks an https server of Node through a TLS connection over ours',
    hosted(async (reactor) => {
      const server = createHttpsServer(identity, (_, response) => response.end(bytes(MEGABYTE)));
      const port = await listening(server);
      const [stream] = await connectOver(reactor, port);
      const createConnection = () => {
        return connectTls({ socket: stream, ca: authority.ca.cert, servername: 'localhost' });
      };
      const [response, body] = await answered(requestHttps({ createConnection }).end());
      expect([response.statusCode, body.length]).toEqual([200, MEGABYTE]);
    }),
  );
});
