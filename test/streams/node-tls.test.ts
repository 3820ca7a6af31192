/** Node's own tls over streams of ours, to Node's own tls over its own sockets. */
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createPlainServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  createServer,
  TLSSocket,
  type TlsOptions,
} from 'node:tls';
import type { Reactor } from 'iomux';
import { openConnection, toDuplex } from 'iomux/streams';
import { describe, expect, it } from 'vitest';
import type { ConnectionStream } from '../../lib/streams/connection-stream.js';
import { connectOver, hosted, listening, listenOver } from '../support/duplex-peers.js';
import { takeAll } from '../support/net-client.js';
import { Authority } from '../support/tls-certificates.js';

const MEGABYTE = 1 << 20;
const authority = new Authority();
const ca = authority.ca.cert;
const identity = authority.issue('localhost', 'DNS:localhost', 'IP:127.0.0.1');

async function nodeServer(
  onConnection: (socket: TLSSocket) => void,
  options: TlsOptions = {},
): Promise<number> {
  const server = createServer({ ...identity, ...options }, onConnection);
  return await listening(server.on('tlsClientError', () => {}));
}

/** What happens to a stream, in order. */
function recorded(stream: Duplex): string[] {
  const events: string[] = [];
  for (const name of ['end', 'finish', 'close']) stream.on(name, () => events.push(name));
  stream.on('error', (error: NodeJS.ErrnoException) => events.push(`error ${error.code ?? error.message}`));
  return events;
}

describe('tls.connect() over a stream of ours', () => {
  it(
    'carries megabytes there and back, and ends in order',
    hosted(async (reactor) => {
      const port = await nodeServer((socket) => socket.pipe(socket), { allowHalfOpen: true });
      const [stream] = await connectOver(reactor, port);
      const socket = connect({ socket: stream, ca, servername: 'localhost' });
      const events = recorded(stream);
      await once(socket, 'secureConnect');
      expect([socket.authorized, socket.getProtocol()]).toEqual([true, 'TLSv1.3']);
      const sent = randomFillSync(Buffer.allocUnsafe(8 * MEGABYTE));
      socket.end(sent);
      expect((await takeAll(socket)).equals(sent)).toBe(true);
      if (!stream.closed) await once(stream, 'close');
      expect(events.filter((event) => event !== 'end')).toEqual(['finish', 'close']);
    }),
  );

  it(
    'fails for a certificate of another name, and closes the stream below',
    hosted(async (reactor) => {
      const port = await nodeServer(() => {});
      const [stream] = await connectOver(reactor, port);
      const socket = connect({ socket: stream, ca, servername: 'example.org' });
      const [error] = await once(socket, 'error');
      expect(error).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
      if (!stream.closed) await once(stream, 'close');
    }),
  );

  it(
    'hears of a reset below, once',
    hosted(async (reactor) => {
      const server = createServer(identity);
      let reset = () => {};
      server.on('connection', (plain) => {
        reset = () => plain.resetAndDestroy();
      });
      const port = await listening(server);
      const [stream] = await connectOver(reactor, port);
      const socket = connect({ socket: stream, ca, servername: 'localhost' });
      const events = recorded(socket);
      stream.on('error', () => {});
      await once(socket, 'secureConnect');
      reset();
      await new Promise((resolve) => socket.once('close', resolve));
      expect(events).toEqual(['error ECONNRESET', 'close']);
    }),
  );
});

describe('a connection with reader and writer', () => {
  it(
    'goes on with TLS when both sides have agreed to',
    hosted(async (reactor) => {
      const secureContext = createSecureContext(identity);
      const server = createPlainServer((plain) => {
        plain.once('data', (data) => {
          plain.write(`220 ${data}`);
          const secure = new TLSSocket(plain, { isServer: true, secureContext });
          secure.on('error', () => {}).pipe(secure);
        });
      });
      const port = await listening(server);
      const connection = await openConnection({ address: '127.0.0.1', port }, { reactor });
      connection.writer.write('STARTTLS\n');
      expect(await connection.reader.readLine()).toBe('220 STARTTLS');
      const socket = connect({ socket: toDuplex(connection), ca, servername: 'localhost' });
      socket.end('now in secret');
      expect((await takeAll(socket)).toString()).toBe('now in secret');
    }),
  );
});

describe('a TLS server over streams of ours', () => {
  const echo = (socket: Duplex) => pipeline(socket, socket).catch(() => {});
  const ways: Readonly<Record<string, (reactor: Reactor) => number>> = {
    'new TLSSocket()': (reactor) => {
      const secureContext = createSecureContext(identity);
      return listenOver(reactor, (stream) => {
        echo(new TLSSocket(stream, { isServer: true, secureContext }));
      });
    },
    'tls.createServer()': (reactor) => {
      const server = createServer(identity, echo);
      return listenOver(reactor, (stream) => server.emit('connection', stream));
    },
  };

  for (const [way, listen] of Object.entries(ways)) {
    it(
      `by ${way} carries megabytes there and back for several clients at once`,
      hosted(async (reactor) => {
        const port = listen(reactor);
        const conversations = Array.from({ length: 4 }, async () => {
          const sent = randomFillSync(Buffer.allocUnsafe(2 * MEGABYTE));
          const options: ConnectionOptions & { allowHalfOpen: boolean } = {
            port,
            host: '127.0.0.1',
            ca,
            allowHalfOpen: true,
          };
          const client = connect(options);
          client.end(sent);
          expect((await takeAll(client)).equals(sent)).toBe(true);
        });
        await Promise.all(conversations);
      }),
    );
  }

  it(
    'whose streams end with their peers gives up a handshake that was left',
    hosted(async (reactor) => {
      const server = createServer(identity);
      const served: ConnectionStream[] = [];
      const port = listenOver(reactor, (stream) => {
        stream.allowHalfOpen = false;
        served.push(stream);
        server.emit('connection', stream);
      });
      const [client] = await connectOver(reactor, port);
      client.resume().end();
      const [[error]] = await Promise.all([once(server, 'tlsClientError'), once(client, 'close')]);
      expect(error).toMatchObject({ code: 'ECONNRESET' });
      expect(served[0]?.destroyed).toBe(true);
    }),
  );
});
