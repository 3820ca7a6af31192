/** TLS by an option: connections and servers with protocols and with streams, to each other and to Node's own tls. */
import { execFile } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect as connectPlain, createServer as createPlainServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect, createServer as createTlsServer } from 'node:tls';
import { promisify } from 'node:util';
import { Reactor } from 'iomux';
import {
  type Connection,
  createConnection,
  createServer,
  openConnection,
  startServer,
  toDuplex,
} from 'iomux/streams';
import { runBlocking, value } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { hosted, listening, portOfServer } from '../support/duplex-peers.js';
import { descriptorCount, expectNoLeak } from '../support/leaks.js';
import { takeAll } from '../support/net-client.js';
import { TemporaryFolder } from '../support/temporary.js';
import { Authority } from '../support/tls-certificates.js';
import { TlsRecorder } from '../support/tls-connections.js';

const MEGABYTE = 1 << 20;
const authority = new Authority();
const tls = { ca: authority.ca.cert };
const identity = authority.issue('localhost', 'DNS:localhost', 'IP:127.0.0.1');
const anywhere = { address: '127.0.0.1', port: 0 };

async function echo({ reader, writer }: Connection): Promise<void> {
  for await (const chunk of reader) {
    writer.write(chunk);
    await writer.drain();
  }
}

/** A connection of a server whose peer has sent bytes, which its reader holds back, and can reset it. */
async function heldBack(reactor: Reactor, sent: Buffer) {
  const served: Connection[] = [];
  const serve = (connection: Connection) => void served.push(connection);
  const server = await startServer(serve, anywhere, { reactor, tls: identity, limit: 1000 });
  // What waits for an acknowledgement would be lost by the reset on the client's side.
  const plain = connectPlain({ port: portOfServer(server), host: '127.0.0.1', noDelay: true });
  const client = connect({ socket: plain, host: '127.0.0.1', ...tls }).on('error', () => {});
  await once(client, 'secureConnect');
  client.pause();
  // In pieces: they stand in each of the layers between the reader and the kernel.
  for (let start = 0; start < sent.length; start += 20_000) {
    await new Promise((resolve) => client.write(sent.subarray(start, start + 20_000), resolve));
    await sleep(20);
  }
  while (served.length === 0) await sleep(1);
  const [connection] = served as [Connection];
  const reset = async () => {
    plain.resetAndDestroy();
    await once(plain, 'close');
  };
  const ended = async () => {
    server.close();
    await server.waitClosed();
  };
  return { ...connection, reset, ended };
}

/** Sends to an echo server until nothing moves any more, and reads nothing. @returns what resets the connection. */
async function flood(port: number): Promise<() => void> {
  const plain = connectPlain(port, '127.0.0.1');
  const client = connect({ socket: plain, host: '127.0.0.1', ...tls }).on('error', () => {});
  await once(client, 'secureConnect');
  client.pause();
  client.write(Buffer.alloc(24 * MEGABYTE));
  for (let before = -1; before < plain.bytesWritten; await sleep(100)) before = plain.bytesWritten;
  return () => plain.resetAndDestroy();
}

const RESET = { code: expect.stringMatching(/^(ECONNRESET|EPIPE)$/) };

describe('a connection with TLS', () => {
  for (const [learns, writesFirst, writesOn] of [
    ['by reading', false, false],
    ['by reading, between writes', false, true],
    ['by writing', true, false],
  ] as const) {
    it(
      `delivers what came before a reset of which it learns ${learns}, before it`,
      hosted(async (reactor) => {
        const sent = randomFillSync(Buffer.allocUnsafe(60_000));
        const { reader, writer, reset, ended } = await heldBack(reactor, sent);
        await reset();
        const heard: Buffer[] = [];
        const write = () => writer.transport.closing || writer.write('anybody there?');
        if (writesFirst) write();
        await sleep(10);
        const readOn = async () => {
          for (let some = await reader.read(1000); some !== null; some = await reader.read(1000)) {
            heard.push(some);
            if (writesOn) write();
          }
        };
        await expect(readOn()).rejects.toMatchObject(RESET);
        expect(Buffer.concat(heard).equals(sent)).toBe(true);
        await ended();
      }),
    );
  }

  it(
    'tells a handler that waits to write, and holds back what it reads meanwhile, of a reset',
    hosted(async (reactor) => {
      let failed: (error: unknown) => void = () => {};
      const failure = new Promise((resolve) => {
        failed = resolve;
      });
      const serve = (connection: Connection) => echo(connection).catch(failed);
      const server = await startServer(serve, anywhere, { reactor, tls: identity, limit: 1000 });
      const reset = await flood(portOfServer(server));
      reset();
      expect(await failure).toMatchObject(RESET);
      server.close();
      await server.waitClosed();
    }),
  );

  it(
    'tells a protocol that reads no more while it is to pause writing of a reset',
    hosted(async (reactor) => {
      const protocol = new TlsRecorder({
        dataReceived: (data) => protocol.transport?.write(data),
        pauseWriting: () => protocol.transport?.pauseReading(),
        resumeWriting: () => protocol.transport?.resumeReading(),
      });
      const server = await createServer(() => protocol, anywhere, { reactor, tls: identity });
      const reset = await flood(portOfServer(server));
      reset();
      await protocol.lost;
      expect(protocol.events).toEqual(['made', expect.stringMatching(/^lost (ECONNRESET|EPIPE)$/)]);
      server.close();
      await server.waitClosed();
    }),
  );

  it(
    'whose reader holds back is closed after a reset, too',
    hosted(async (reactor) => {
      const { writer, reset, ended } = await heldBack(reactor, Buffer.alloc(60_000));
      await reset();
      writer.write('anybody there?');
      await sleep(10);
      await expect(writer.close()).rejects.toMatchObject(RESET);
      await ended();
    }),
  );

  it(
    'whose reader holds back is closed by a reset while it is closing',
    hosted(async (reactor) => {
      const { writer, reset, ended } = await heldBack(reactor, Buffer.alloc(60_000));
      writer.write(Buffer.alloc(16 * MEGABYTE));
      const closed = writer.close();
      await sleep(10);
      await reset();
      await expect(closed).rejects.toMatchObject(RESET);
      await ended();
    }),
  );

  it(
    'has a reader and a writer as any, to a server that has them, too',
    hosted(async (reactor) => {
      const server = await startServer(echo, anywhere, { reactor, tls: identity });
      const endpoint = { host: 'localhost', port: portOfServer(server) };
      const { reader, writer } = await openConnection(endpoint, { reactor, tls });
      writer.write('hello\n');
      expect(await reader.readLine()).toBe('hello');
      const sent = randomFillSync(Buffer.allocUnsafe(4 * MEGABYTE));
      writer.write(sent);
      expect((await reader.readExactly(sent.length)).equals(sent)).toBe(true);
      await writer.close();
      server.close();
      await server.waitClosed();
    }),
  );

  it(
    'has a protocol as any, to a server that has them, too',
    hosted(async (reactor) => {
      const served = new TlsRecorder({
        dataReceived: (data) => served.transport?.write(`got ${data}`),
      });
      const server = await createServer(() => served, anywhere, { reactor, tls: identity });
      const protocol = new TlsRecorder();
      const transport = await createConnection(
        protocol,
        { address: '127.0.0.1', port: portOfServer(server) },
        { reactor, tls },
      );
      expect(protocol.events).toEqual(['made']);
      transport.write('hello');
      while (protocol.events.length < 2) await sleep(1);
      transport.close();
      await Promise.all([protocol.lost, served.lost]);
      expect(protocol.events).toEqual(['made', 'data got hello', 'lost']);
      expect(served.events).toEqual(['made', 'eof', 'lost']);
      server.close();
      await server.waitClosed();
    }),
  );

  it(
    'goes over a Unix socket, for the name that the options say',
    hosted(async (reactor) => {
      using folder = new TemporaryFolder();
      const path = folder.join('socket');
      await using _ = await startServer(echo, { path }, { reactor, tls: identity });
      const options = { ...tls, servername: 'localhost' };
      const { reader, writer } = await openConnection({ path }, { reactor, tls: options });
      writer.write('hello\n');
      expect(await reader.readLine()).toBe('hello');
      await writer.close();
    }),
  );

  it(
    'becomes a stream of Node, and ends in order',
    hosted(async (reactor) => {
      const http = createHttpServer((_, response) => response.end('hello'));
      const serve = (connection: Connection) => {
        http.emit('connection', toDuplex(connection));
      };
      const server = await startServer(serve, anywhere, { reactor, tls: identity });
      const client = connect({ port: portOfServer(server), host: '127.0.0.1', ...tls });
      client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      expect((await takeAll(client)).toString()).toMatch(/\r\n\r\nhello$/);
      server.close();
      await server.waitClosed();
    }),
  );

  it(
    'says to its peer that it ends also where a stream is destroyed that has finished',
    hosted(async (reactor) => {
      const serve = (connection: Connection) => {
        const stream = toDuplex(connection);
        stream.end('all of it', () => stream.destroy());
      };
      const server = await startServer(serve, anywhere, { reactor, tls: identity });
      // It takes an end without TLS's own for an accident, and says so.
      const args = ['s_client', '-quiet', '-connect', `127.0.0.1:${portOfServer(server)}`];
      const { stdout, stderr } = await promisify(execFile)('openssl', args);
      expect(stdout).toBe('all of it');
      expect(stderr).not.toContain('unexpected eof');
      server.close();
      await server.waitClosed();
    }),
  );

  it(
    'fails with the error of its handshake, and leaves nothing open',
    hosted(async (reactor) => {
      const port = await listening(
        createTlsServer(identity, (socket) => socket.on('error', () => {}).resume()),
      );
      const plain = await listening(createPlainServer((socket) => socket.resume().end('220 ready\r\n')));
      const before = descriptorCount();
      const cases: [number, ConnectionOptions | true, unknown][] = [
        [port, true, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
        [port, { ...tls, servername: 'example.org' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
        [
          port,
          { ...tls, maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' },
          expect.stringMatching(/^ERR_SSL_.*HANDSHAKE_FAILURE$/),
        ],
        [plain, tls, expect.stringMatching(/^ERR_SSL_/)],
      ];
      for (const [where, options, code] of cases) {
        const protocol = new TlsRecorder();
        const endpoint = { address: '127.0.0.1', port: where };
        const connecting = createConnection(protocol, endpoint, { reactor, tls: options });
        await expect(connecting).rejects.toMatchObject({ code });
        expect(protocol.events).toEqual([]);
        await expect(openConnection(endpoint, { reactor, tls: options })).rejects.toMatchObject({ code });
      }
      await expectNoLeak(before);
    }),
  );

  it(
    'whose handshake never ends is called off by a timeout, a signal and a cancel, and leaves nothing open',
    hosted(async (reactor) => {
      const port = await listening(createPlainServer((socket) => socket.on('error', () => {}).resume()));
      const endpoint = { address: '127.0.0.1', port };
      const before = descriptorCount();
      const late = openConnection(endpoint, { reactor, tls, timeout: 50 });
      await expect(late).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
      const calling = new AbortController();
      const aborted = openConnection(endpoint, { reactor, tls, signal: calling.signal });
      setTimeout(() => calling.abort(new Error('called off')), 20);
      await expect(aborted).rejects.toThrow('called off');
      const cancelled = openConnection(endpoint, { reactor, tls });
      setTimeout(() => cancelled.cancel(), 20);
      await expect(cancelled).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
      await expectNoLeak(before);
    }),
  );

  it(
    'is refused with bad options before anything is connected',
    hosted(async (reactor) => {
      const port = await listening(createPlainServer(() => expect.unreachable()));
      const endpoint = { address: '127.0.0.1', port };
      const wrong = (value: unknown) => value as ConnectionOptions;
      for (const options of [wrong('yes'), wrong(1), { ca: wrong(1) as string }]) {
        expect(() => openConnection(endpoint, { reactor, tls: options })).toThrow(TypeError);
      }
      expect(() => openConnection(endpoint, { reactor, tls: { key: 'no key', cert: 'none' } })).toThrow();
      const create = () => startServer(echo, anywhere, { reactor, tls: { ...identity, cert: 'none' } });
      expect(create).toThrow();
      await sleep(20);
    }),
  );

  it('is refused in a blocking run', async () => {
    const code = await new Promise<unknown>((resolve) => {
      setImmediate(() => {
        try {
          runBlocking(function* () {
            yield* value(openConnection({ address: '127.0.0.1', port: 1 }, { tls: true }));
          });
        } catch (error) {
          resolve((error as NodeJS.ErrnoException).code);
        }
      });
    });
    expect(code).toBe('ERR_UNSUPPORTED');
    using reactor = new Reactor();
    expect(reactor.state).toBe('idle');
  });
});

describe('a server with TLS', () => {
  it(
    'goes on when a handshake has failed',
    hosted(async (reactor) => {
      await using server = await startServer(echo, anywhere, { reactor, tls: identity });
      const port = portOfServer(server);
      const plain = connectPlain(port, '127.0.0.1').on('error', () => {});
      plain.write('GET / HTTP/1.1\r\n\r\n');
      plain.resume();
      await once(plain, 'close');
      const suspicious = connect({ port, host: '127.0.0.1' });
      await once(suspicious, 'error');
      const client = connect({ port, host: '127.0.0.1', ...tls });
      client.write('still here');
      const [data] = await once(client, 'data');
      expect(String(data)).toBe('still here');
      expect(server.connections).toBe(1);
      client.destroy();
    }),
  );

  it(
    'counts the connections whose handshake is not done, and ends them with the others',
    hosted(async (reactor) => {
      const server = await startServer(echo, anywhere, { reactor, tls: identity });
      const port = portOfServer(server);
      const silent = connectPlain(port, '127.0.0.1');
      const client = connect({ port, host: '127.0.0.1', ...tls });
      const closed = [silent, client].map((socket) => {
        return new Promise((resolve) =>
          socket
            .on('error', () => {})
            .resume()
            .once('close', resolve),
        );
      });
      await once(client, 'secureConnect');
      while (server.connections < 2) await sleep(1);
      server.close();
      server.abortClients();
      await Promise.all([server.waitClosed(), ...closed]);
      expect(server.connections).toBe(0);
    }),
  );

  it(
    'closes its clients in order: what was written to them arrives first',
    hosted(async (reactor) => {
      const text = Buffer.alloc(4 * MEGABYTE, 'x');
      const write = ({ writer }: Connection) => {
        writer.write(text);
      };
      const server = await startServer(write, anywhere, { reactor, tls: identity });
      const client = connect({ port: portOfServer(server), host: '127.0.0.1', ...tls });
      await once(client, 'secureConnect');
      while (server.connections < 1) await sleep(1);
      await sleep(20);
      server.close();
      server.closeClients();
      expect((await takeAll(client)).equals(text)).toBe(true);
      await server.waitClosed();
    }),
  );
});
