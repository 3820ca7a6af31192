/** TLS connections at protocol level, to Node's own tls and to openssl: handshakes, and transports over them. */
import { execFile } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectPlain, createServer as createPlainServer } from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect, createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { promisify } from 'node:util';
import { type ErrorContext, Reactor, Socket } from 'iomux';
import type { Transport } from 'iomux/streams';
import { describe, expect, it } from 'vitest';
import { ConnectionStream } from '../../lib/streams/connection-stream.js';
import { DuplexTransport } from '../../lib/streams/duplex-transport.js';
import { SocketTransport } from '../../lib/streams/socket-transport.js';
import { TlsClient, TlsServer } from '../../lib/streams/tls.js';
import { afterwards, hosted, listening } from '../support/duplex-peers.js';
import { descriptorCount, expectNoLeak } from '../support/leaks.js';
import { Boaster, Odd } from '../support/memory.js';
import { takeAll } from '../support/net-client.js';
import { Authority } from '../support/tls-certificates.js';
import { connectSecurely, listenSecurely, TlsRecorder } from '../support/tls-connections.js';

const MEGABYTE = 1 << 20;
const authority = new Authority();
const ca = authority.ca.cert;
const identity = authority.issue('localhost', 'DNS:localhost', 'IP:127.0.0.1');
const stranger = new Authority('somebody else');

/** A TLS server of Node's. @returns its port. */
async function nodeServer(
  onConnection: (socket: TLSSocket) => void,
  options: TlsOptions = {},
): Promise<number> {
  const server = createServer({ ...identity, allowHalfOpen: true, ...options }, (socket) => {
    afterwards(() => socket.on('error', () => {}).destroy());
    onConnection(socket);
  });
  server.on('tlsClientError', () => {});
  return await listening(server);
}

/** A TLS client of Node's, connected. */
async function nodeClient(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca,
    ...options,
    allowHalfOpen: true,
  } as ConnectionOptions);
  afterwards(() => socket.on('error', () => {}).destroy());
  await once(socket, 'secureConnect');
  return socket;
}

const trusting = () => new TlsClient({ ca }, '127.0.0.1');

describe('a TLS transport', () => {
  it(
    'of a client tells its protocol of connection, data, end and loss, in this order',
    hosted(async (reactor) => {
      const port = await nodeServer((socket) => socket.on('data', (data) => socket.end(`got ${data}`)));
      const protocol = new TlsRecorder();
      const transport = await connectSecurely(reactor, port, trusting(), protocol);
      expect(transport.write('hello')).toBe(true);
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'data got hello', 'eof', 'lost']);
      expect([transport.bytesRead, transport.bytesWritten, transport.closing]).toEqual([9, 5, true]);
      expect(transport.socket.closed).toBe(true);
    }),
  );

  it(
    'sends what buffers have, whatever their classes say that they have',
    hosted(async (reactor) => {
      const received: Buffer[] = [];
      const port = await nodeServer((socket) => socket.on('data', (data) => received.push(data)));
      const transport = await connectSecurely(reactor, port, trusting(), {});
      const odd = Odd.copyOf(randomFillSync(Buffer.allocUnsafe(MEGABYTE)));
      transport.write(Boaster.of(1, 2, 3));
      transport.write(odd);
      transport.writev([Boaster.of(4, 5), odd]);
      await transport.flush();
      const sent = Buffer.concat([Buffer.of(1, 2, 3), Buffer.from(odd), Buffer.of(4, 5), Buffer.from(odd)]);
      expect(transport.bytesWritten).toBe(sent.length);
      while (Buffer.concat(received).length < sent.length) await sleep(5);
      expect(Buffer.concat(received).equals(sent)).toBe(true);
    }),
  );

  it(
    'of a server does the same',
    hosted(async (reactor) => {
      const protocol = new TlsRecorder({
        dataReceived(data) {
          protocol.events.push(`data ${data}`);
          protocol.transport?.write(`got ${data}`);
        },
      });
      const port = listenSecurely(reactor, new TlsServer(identity), () => protocol);
      const client = await nodeClient(port);
      client.end('hello');
      expect((await takeAll(client)).toString()).toBe('got hello');
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'data hello', 'eof', 'lost']);
    }),
  );

  it(
    'has the addresses and the socket of the connection below, and the socket of Node',
    hosted(async (reactor) => {
      const port = await nodeServer(() => {});
      const transport = await connectSecurely(reactor, port, trusting(), {});
      expect(transport.remoteAddress).toMatchObject({ address: '127.0.0.1', port });
      expect(transport.localAddress).toEqual(transport.socket.localAddress);
      expect(transport.reactor).toBe(reactor);
      expect((transport.stream as TLSSocket).authorized).toBe(true);
    }),
  );

  it(
    'carries megabytes in both directions, in order, and tells its writer when to wait',
    hosted(async (reactor) => {
      const sent = randomFillSync(Buffer.allocUnsafe(8 * MEGABYTE));
      const port = await nodeServer((socket) => socket.pipe(socket));
      const received: Buffer[] = [];
      const protocol = new TlsRecorder({ dataReceived: (data) => received.push(Buffer.from(data)) });
      const transport = await connectSecurely(reactor, port, trusting(), protocol);
      expect(transport.write(sent.subarray(0, 1000))).toBe(true);
      const chunks = [sent.subarray(1000, MEGABYTE), sent.subarray(MEGABYTE)];
      expect(transport.writev(chunks)).toBe(false);
      expect(transport.writeBufferSize).toBe(sent.length);
      await transport.flush();
      expect([transport.writeBufferSize, transport.bytesWritten]).toEqual([0, sent.length]);
      transport.writeEof();
      await protocol.lost;
      expect(Buffer.concat(received).equals(sent)).toBe(true);
      expect(protocol.events).toEqual(['made', 'pause', 'resume', 'eof', 'lost']);
    }),
  );

  it(
    'copies what is written: its memory may be used again',
    hosted(async (reactor) => {
      const port = await nodeServer((socket) => socket.pipe(socket));
      const received: string[] = [];
      const protocol = new TlsRecorder({ dataReceived: (data) => received.push(String(data)) });
      const transport = await connectSecurely(reactor, port, trusting(), protocol);
      // What comes after the first waits for that to be sent.
      for (const text of ['first ', 'second', ' third']) {
        const memory = Buffer.from(text);
        transport.write(memory);
        memory.fill('x');
      }
      transport.writeEof();
      await protocol.lost;
      expect(received.join('')).toBe('first second third');
    }),
  );

  it(
    'reads nothing while it is paused, from the moment of the connection on',
    hosted(async (reactor) => {
      const port = await nodeServer((socket) => socket.write('early'));
      const protocol = new TlsRecorder({
        connectionMade(transport) {
          protocol.events.push('made');
          transport.pauseReading();
        },
      });
      const transport = await connectSecurely(reactor, port, trusting(), protocol);
      await sleep(50);
      expect(protocol.events).toEqual(['made']);
      transport.resumeReading();
      while (protocol.events.length < 2) await sleep(1);
      expect(protocol.events).toEqual(['made', 'data early']);
    }),
  );

  it(
    'receives into a buffer that its protocol lends, and keeps the rest while it is paused',
    hosted(async (reactor) => {
      const port = await nodeServer((socket) => socket.end('0123456789'));
      const buffer = Buffer.alloc(4);
      const pieces: string[] = [];
      const protocol = new TlsRecorder({
        getBuffer: () => buffer,
        bufferUpdated(length) {
          pieces.push(buffer.toString('latin1', 0, length));
          transport.pauseReading();
          setTimeout(() => transport.resumeReading(), 5);
        },
      });
      const transport = await connectSecurely(reactor, port, trusting(), protocol);
      await protocol.lost;
      expect(pieces).toEqual(['0123', '4567', '89']);
      expect(protocol.events).toEqual(['made', 'eof', 'lost']);
    }),
  );

  it(
    'can be written to when its peer has ended, where its protocol says so',
    hosted(async (reactor) => {
      const answer: Promise<Buffer>[] = [];
      const port = await nodeServer((socket) => {
        socket.end();
        answer.push(takeAll(socket));
      });
      const protocol = new TlsRecorder({ eofReceived: () => true });
      const transport = await connectSecurely(reactor, port, trusting(), protocol);
      while (transport.stream.readable) await sleep(1);
      transport.write('after the end');
      transport.close();
      expect(String(await answer[0])).toBe('after the end');
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'lost']);
    }),
  );

  it(
    'close() sends all that was written, and says to the peer that it was all',
    hosted(async (reactor) => {
      const text = 'x'.repeat(4 * MEGABYTE);
      const port = listenSecurely(reactor, new TlsServer(identity), () => ({
        connectionMade(transport) {
          transport.write(text);
          transport.close();
          expect(() => transport.write('too late')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
        },
      }));
      // It takes an end without TLS's own for an accident, and says so.
      const client = promisify(execFile)('openssl', ['s_client', '-quiet', '-connect', `127.0.0.1:${port}`], {
        maxBuffer: 8 * MEGABYTE,
      });
      const { stdout, stderr } = await client;
      expect(stdout).toBe(text);
      expect(stderr).not.toContain('unexpected eof');
    }),
  );

  it(
    'abort(error) drops what is not sent, and tells the error',
    hosted(async (reactor) => {
      const port = await nodeServer((socket) => socket.on('error', () => {}));
      const protocol = new TlsRecorder();
      const transport = await connectSecurely(reactor, port, trusting(), protocol);
      transport.write(Buffer.alloc(32 * MEGABYTE));
      const flushed = transport.flush();
      transport.abort(new Error('enough'));
      await expect(flushed).rejects.toThrow('enough');
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'pause', 'lost enough']);
      expect(transport.bytesWritten).toBeLessThan(32 * MEGABYTE);
    }),
  );

  it(
    'that waits for its peer to take its last words can be aborted',
    hosted(async (reactor) => {
      const port = await nodeServer((socket) => socket.pause().on('error', () => {}));
      const protocol = new TlsRecorder();
      const transport = await connectSecurely(reactor, port, trusting(), protocol);
      transport.write(Buffer.alloc(32 * MEGABYTE));
      transport.close();
      await sleep(50);
      expect(protocol.events).toEqual(['made', 'pause']);
      transport.abort();
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'pause', 'lost']);
      expect(transport.socket.closed).toBe(true);
    }),
  );

  it(
    'that waits for the end of its stream can be aborted, too',
    hosted(async (reactor) => {
      const endless = new Duplex({
        read() {},
        write: (_chunk, _encoding, callback) => callback(),
        final() {},
      });
      const [near, far] = Socket.pair();
      afterwards(() => far.close());
      const protocol = new TlsRecorder();
      const transport = DuplexTransport.start(endless, SocketTransport.start(reactor, near, {}), protocol);
      transport.write('x');
      transport.close();
      await sleep(20);
      expect(protocol.events).toEqual(['made']);
      transport.abort();
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'lost']);
      while (!near.closed) await sleep(1);
    }),
  );

  it(
    'below a stream that has finished ends in order when that is destroyed',
    hosted(async (reactor) => {
      const slow = new Duplex({
        read() {},
        write: (_chunk, _encoding, callback) => callback(),
        final: (callback) => void setTimeout(callback, 20),
      });
      const [near, far] = Socket.pair();
      afterwards(() => far.close());
      const transport = DuplexTransport.start(slow, SocketTransport.start(reactor, near, {}), {});
      const stream = new ConnectionStream(transport);
      stream.end('x', () => stream.destroy());
      await once(stream, 'close');
      expect(slow.writableFinished).toBe(true);
      while (!near.closed) await sleep(1);
    }),
  );

  it(
    'tells of a reset, once',
    hosted(async (reactor) => {
      const peers: TLSSocket[] = [];
      const server = createPlainServer().on('connection', (plain) => {
        tls.emit('connection', plain);
        plain.once('end', () => {});
        resets.push(() => plain.resetAndDestroy());
      });
      const resets: (() => void)[] = [];
      const tls = createServer(identity, (socket) => peers.push(socket.on('error', () => {})));
      const port = await listening(server);
      const protocol = new TlsRecorder();
      await connectSecurely(reactor, port, trusting(), protocol);
      for (const reset of resets) reset();
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'lost ECONNRESET']);
    }),
  );

  it('reports what a callback throws, and aborts that connection', async () => {
    const errors: [unknown, ErrorContext][] = [];
    const reactor = new Reactor({ onError: (...error) => errors.push(error) });
    await hosted(async () => {
      const port = await nodeServer((socket) => socket.on('error', () => {}).write('x'));
      const protocol = new TlsRecorder({
        dataReceived() {
          throw new Error('cannot read this');
        },
      });
      await connectSecurely(reactor, port, trusting(), protocol);
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'lost cannot read this']);
      expect(errors).toEqual([
        [
          expect.objectContaining({ message: 'cannot read this' }),
          expect.objectContaining({ source: 'transport' }),
        ],
      ]);
    }, reactor)();
  });
});

describe('a TLS handshake', () => {
  /** The code of the error with which a client's handshake fails. */
  async function refused(reactor: Reactor, port: number, tls: TlsClient): Promise<unknown> {
    const protocol = new TlsRecorder();
    const error: unknown = await connectSecurely(reactor, port, tls, protocol).catch((thrown) => thrown);
    expect(protocol.events).toEqual([]);
    return (error as NodeJS.ErrnoException).code;
  }

  it(
    'names the host that was asked for, and checks the certificate for it',
    hosted(async (reactor) => {
      const port = await nodeServer((socket) => socket.end(`asked for ${socket.servername}`));
      const cases: [TlsClient, unknown][] = [
        [new TlsClient({ ca }, 'localhost'), 'localhost'],
        [new TlsClient({ ca }, '127.0.0.1'), false],
        [new TlsClient({ ca, servername: 'localhost' }, 'elsewhere'), 'localhost'],
      ];
      for (const [tls, name] of cases) {
        const protocol = new TlsRecorder();
        await connectSecurely(reactor, port, tls, protocol);
        await protocol.lost;
        expect(protocol.events).toContain(`data asked for ${name}`);
      }
      for (const host of ['example.org', '127.0.0.2']) {
        expect(await refused(reactor, port, new TlsClient({ ca }, host))).toBe(
          'ERR_TLS_CERT_ALTNAME_INVALID',
        );
      }
    }),
  );

  it(
    'refuses a server that nobody trusted vouches for, unless it is told not to',
    hosted(async (reactor) => {
      const port = await nodeServer(() => {});
      expect(await refused(reactor, port, new TlsClient(true, '127.0.0.1'))).toBe(
        'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      );
      const careless = new TlsClient({ rejectUnauthorized: false }, '127.0.0.1');
      const transport = await connectSecurely(reactor, port, careless, {});
      expect((transport.stream as TLSSocket).authorized).toBe(false);
    }),
  );

  it(
    'agrees on a protocol (ALPN), or fails',
    hosted(async (reactor) => {
      const port = listenSecurely(
        reactor,
        new TlsServer({ ...identity, ALPNProtocols: ['two', 'one'] }),
        () => ({}),
        () => {},
      );
      const both = new TlsClient({ ca, ALPNProtocols: ['one', 'two'] }, '127.0.0.1');
      const transport = await connectSecurely(reactor, port, both, {});
      expect((transport.stream as TLSSocket).alpnProtocol).toBe('two');
      const other = new TlsClient({ ca, ALPNProtocols: ['three'] }, '127.0.0.1');
      expect(await refused(reactor, port, other)).toMatch(/^ERR_SSL_.*NO_APPLICATION_PROTOCOL$/);
    }),
  );

  it(
    'lets in the clients whose certificate is trusted, and says why it refuses the others',
    hosted(async (reactor) => {
      const failures: unknown[] = [];
      const subjects: unknown[] = [];
      const port = listenSecurely(
        reactor,
        new TlsServer({ ...identity, ca, requestCert: true }),
        () => ({
          connectionMade(transport) {
            const socket = (transport as DuplexTransport).stream as TLSSocket;
            subjects.push(socket.getPeerCertificate().subject.CN);
            transport.close();
          },
        }),
        (error) => failures.push((error as NodeJS.ErrnoException).code),
      );
      for (const certificate of [authority.issue('friend'), stranger.issue('enemy'), {}]) {
        const protocol = new TlsRecorder();
        await connectSecurely(reactor, port, new TlsClient({ ca, ...certificate }, '127.0.0.1'), protocol);
        await protocol.lost;
      }
      expect(subjects).toEqual(['friend']);
      expect(failures).toEqual([
        'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
        'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE',
      ]);
    }),
  );

  it(
    'with a server that speaks no TLS fails, and so does one with a client that speaks none; the next one succeeds',
    hosted(async (reactor) => {
      const plain = await listening(createPlainServer((socket) => socket.end('220 ready\r\n')));
      expect(await refused(reactor, plain, trusting())).toMatch(/^ERR_SSL_/);
      const failures: unknown[] = [];
      const port = listenSecurely(
        reactor,
        new TlsServer(identity),
        () => ({ connectionMade: (transport) => transport.close() }),
        (error) => failures.push((error as NodeJS.ErrnoException).code),
      );
      const client = connectPlain(port, '127.0.0.1').on('error', () => {});
      client.end('GET / HTTP/1.1\r\n\r\n');
      client.resume();
      await once(client, 'close');
      expect(failures).toEqual(['ERR_SSL_HTTP_REQUEST']);
      expect((await takeAll(await nodeClient(port))).length).toBe(0);
    }),
  );

  it(
    'fails where its peer goes in the middle of it',
    hosted(async (reactor) => {
      const ending = await listening(createPlainServer((socket) => socket.end()));
      expect(await refused(reactor, ending, trusting())).toBe('ECONNRESET');
      const resetting = await listening(
        createPlainServer((socket) => socket.once('data', () => socket.resetAndDestroy())),
      );
      expect(await refused(reactor, resetting, trusting())).toBe('ECONNRESET');
      const failures: unknown[] = [];
      const failed = new Promise<void>((resolve) => {
        const onFailure = (error: Error) => {
          failures.push((error as NodeJS.ErrnoException).code);
          resolve();
        };
        const port = listenSecurely(reactor, new TlsServer(identity), () => ({}), onFailure);
        connectPlain(port, '127.0.0.1').end();
      });
      await failed;
      expect(failures).toEqual(['ECONNRESET']);
    }),
  );

  it(
    'that never ends is given up by a server after its time, and by a client when its connection is aborted',
    hosted(async (reactor) => {
      const silent = await listening(createPlainServer((socket) => socket.resume()));
      const protocol = new TlsRecorder();
      const connecting = connectSecurely(reactor, silent, trusting(), protocol, (raw) => {
        setTimeout(() => raw.abort(), 20);
      });
      await expect(connecting).rejects.toMatchObject({ code: 'ECONNRESET' });
      expect(protocol.events).toEqual([]);
      const error = await new Promise((resolve) => {
        const tls = new TlsServer({ ...identity, handshakeTimeout: 50 });
        const port = listenSecurely(reactor, tls, () => ({}), resolve);
        const client = connectPlain(port, '127.0.0.1').on('error', () => {});
        afterwards(() => client.destroy());
      });
      expect(error).toMatchObject({ code: 'ERR_TLS_HANDSHAKE_TIMEOUT' });
    }),
  );

  it(
    'leaves no descriptor open, whether it succeeds or fails',
    hosted(async (reactor) => {
      const onConnection = (socket: TLSSocket) =>
        socket
          .on('error', () => {})
          .resume()
          .end();
      const port = await nodeServer(onConnection, { allowHalfOpen: false });
      const mute = await listening(
        createPlainServer((socket) =>
          socket
            .on('error', () => {})
            .resume()
            .end('no\n'),
        ),
      );
      const before = descriptorCount();
      for (let index = 0; index < 10; index++) {
        await refused(reactor, port, new TlsClient({ ca }, 'example.org'));
        await refused(reactor, mute, trusting());
        const protocol = new TlsRecorder();
        const transport = await connectSecurely(reactor, port, trusting(), protocol);
        transport.close();
        await protocol.lost;
      }
      await expectNoLeak(before);
    }),
  );

  it('is refused in a blocking run, in which Node cannot work', async () => {
    const codes: unknown[] = [];
    const attempt = (action: () => void) => {
      try {
        action();
      } catch (error) {
        codes.push((error as NodeJS.ErrnoException).code);
      }
    };
    using reactor = new Reactor();
    const [socket, peer] = Socket.pair();
    reactor.callSoon(() => {
      const never = () => expect.unreachable();
      const connectionMade = (raw: Transport) => {
        attempt(() => trusting().secure(raw, never, never));
        attempt(() => new TlsServer(identity).secure(raw, never, never));
        raw.abort();
        reactor.callLater(10, () => reactor.stop());
      };
      SocketTransport.start(reactor, socket, { connectionMade });
    });
    await new Promise<void>((resolve, reject) => {
      setImmediate(() => {
        try {
          reactor.runForever();
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
    peer.close();
    expect(codes).toEqual(['ERR_UNSUPPORTED', 'ERR_UNSUPPORTED']);
  });

  it('refuses bad options before anything is connected', () => {
    // biome-ignore lint/suspicious/noExplicitAny: what the types forbid is the point.
    const wrong = (value: unknown) => value as any;
    expect(() => new TlsClient({ cert: 'no certificate', key: identity.key })).toThrow(/PEM|no start line/);
    expect(() => new TlsClient({ ca: wrong(1) })).toThrow(TypeError);
    expect(() => new TlsClient(wrong('yes'))).toThrow('options.tls must be an object');
    expect(() => new TlsServer(wrong(null))).toThrow('options.tls must be an object');
    expect(() => new TlsServer({ ...identity, key: stranger.ca.key })).toThrow(/mismatch/);
  });
});
