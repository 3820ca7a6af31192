/** Connections with reader and writer that are handed over to Node's streams. */
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer as createNetServer, type Socket as NetSocket } from 'node:net';
import { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Reactor, Socket } from 'iomux';
import { type Connection, openConnection, startServer, toDuplex } from 'iomux/streams';
import { describe, expect, it } from 'vitest';
import { afterwards, hosted, listening, portOfServer } from '../support/duplex-peers.js';
import { take } from '../support/net-client.js';
import { describeReactors } from '../support/reactors.js';
import { play } from '../support/running.js';
import { TemporaryFolder } from '../support/temporary.js';

/** A connection of ours, and the socket of Node's at its other end, which keeps its half open. */
async function connectionAndPeer(reactor: Reactor): Promise<[Connection, NetSocket]> {
  const server = createNetServer({ allowHalfOpen: true });
  const port = await listening(server);
  const accepted = once(server, 'connection') as Promise<[NetSocket]>;
  const connection = await openConnection({ address: '127.0.0.1', port }, { reactor });
  afterwards(() => connection.writer.close().catch(() => {}));
  const [peer] = await accepted;
  afterwards(() => peer.on('error', () => {}).destroy());
  return [connection, peer];
}

function destroyedAfterwards(stream: Duplex): Duplex {
  afterwards(() => stream.on('error', () => {}).destroy());
  return stream;
}

describe('toDuplex()', () => {
  it(
    'makes a stream that reads on where the reader stopped, and writes on where the writer did',
    hosted(async (reactor) => {
      const [connection, peer] = await connectionAndPeer(reactor);
      peer.write('line\nbody');
      expect(await connection.reader.readLine()).toBe('line');
      while (connection.reader.peek().length < 4) await sleep(1);
      connection.writer.write('from the writer, ');
      const stream = destroyedAfterwards(toDuplex(connection));
      expect(stream).toBeInstanceOf(Duplex);
      stream.write('from the stream');
      peer.write(' and more');
      expect((await take(stream, 13)).toString()).toBe('body and more');
      expect((await take(peer, 32)).toString()).toBe('from the writer, from the stream');
    }),
  );

  it(
    'finishes what the writer could not send yet',
    hosted(async (reactor) => {
      const [connection, peer] = await connectionAndPeer(reactor);
      const size = 16 << 20;
      expect(connection.writer.write(Buffer.alloc(size))).toBe(false);
      const stream = destroyedAfterwards(toDuplex(connection));
      stream.end('end');
      const received = await take(peer, size + 3);
      expect(received.subarray(-3).toString()).toBe('end');
      if (!stream.writableFinished) await once(stream, 'finish');
    }),
  );

  it(
    'ends at once where the reader had come to the end',
    hosted(async (reactor) => {
      const [connection, peer] = await connectionAndPeer(reactor);
      peer.end('last');
      while (!connection.reader.atEnd) await connection.reader.read();
      const stream = destroyedAfterwards(toDuplex(connection));
      await once(stream, 'end');
      stream.end('answer');
      expect((await take(peer, 6)).toString()).toBe('answer');
    }),
  );

  it(
    'delivers what was buffered when the peer had ended',
    hosted(async (reactor) => {
      const [connection, peer] = await connectionAndPeer(reactor);
      peer.end('all of it');
      while (connection.reader.peek().length < 9) await sleep(1);
      await sleep(20);
      const stream = destroyedAfterwards(toDuplex(connection));
      let text = '';
      for await (const chunk of stream) text += chunk;
      expect(text).toBe('all of it');
    }),
  );

  it(
    'takes the connection from its reader: whoever waits, or reads later, is told so',
    hosted(async (reactor) => {
      const [connection, peer] = await connectionAndPeer(reactor);
      const waiting = connection.reader.readLine();
      const stream = destroyedAfterwards(toDuplex(connection));
      await expect(waiting).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
      peer.write('for the stream');
      expect((await take(stream, 14)).toString()).toBe('for the stream');
      await expect(connection.reader.read()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
      expect(connection.reader.peek().length).toBe(0);
    }),
  );

  it(
    'takes it from its writer, too: whoever waits to go on writing is told so, and later waits for nothing',
    hosted(async (reactor) => {
      const [connection, peer] = await connectionAndPeer(reactor);
      connection.writer.write(Buffer.alloc(16 << 20));
      const waiting = connection.writer.drain();
      const flushed = connection.writer.flush();
      destroyedAfterwards(toDuplex(connection));
      await expect(waiting).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
      await connection.writer.drain();
      expect((await take(peer, 16 << 20)).length).toBe(16 << 20);
      await flushed;
    }),
  );

  it(
    'has its writer closed when the connection is, though the stream is not read',
    hosted(async (reactor) => {
      const [connection, peer] = await connectionAndPeer(reactor);
      peer.write('unread');
      while (connection.reader.peek().length < 6) await sleep(1);
      const stream = destroyedAfterwards(toDuplex(connection));
      await connection.writer.close();
      expect(stream.closed).toBe(false);
      expect((await take(stream, 6)).toString()).toBe('unread');
    }),
  );

  it(
    'has its writer fail when the connection does',
    hosted(async (reactor) => {
      const [connection, peer] = await connectionAndPeer(reactor);
      connection.writer.write(Buffer.alloc(16 << 20));
      const stream = destroyedAfterwards(toDuplex(connection));
      stream.on('error', () => {});
      peer.resetAndDestroy();
      await expect(connection.writer.close()).rejects.toMatchObject({ code: 'ECONNRESET' });
    }),
  );

  it(
    'makes a stream that has ended writing where the writer has, and can be read',
    hosted(async (reactor) => {
      const [connection, peer] = await connectionAndPeer(reactor);
      connection.writer.write('last words');
      connection.writer.writeEof();
      const stream = destroyedAfterwards(toDuplex(connection));
      expect(stream.writable).toBe(false);
      await once(stream, 'finish');
      expect((await take(peer, 10)).toString()).toBe('last words');
      peer.end('answer');
      expect((await take(stream, 6)).toString()).toBe('answer');
    }),
  );

  it(
    'refuses what is no connection, what is closed, and what was handed over before',
    hosted(async (reactor) => {
      const wrong = (value: unknown) => value as Connection;
      for (const value of [null, undefined, {}, { reader: {}, writer: {} }, new Duplex()]) {
        expect(() => toDuplex(wrong(value))).toThrow(TypeError);
      }
      const [connection] = await connectionAndPeer(reactor);
      destroyedAfterwards(toDuplex(connection));
      expect(() => toDuplex(connection)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
      const [closed] = await connectionAndPeer(reactor);
      const closing = closed.writer.close();
      expect(() => toDuplex(closed)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
      await closing;
      expect(() => toDuplex(closed)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    }),
  );

  it(
    "gives Node's http server the connections of a server of ours, which counts and closes them",
    hosted(async (reactor) => {
      const http = createHttpServer((_, response) => response.end('hello'));
      const serve = (connection: Connection) => {
        http.emit('connection', toDuplex(connection));
      };
      const server = await startServer(serve, { address: '127.0.0.1', port: 0 }, { reactor });
      const client = connect(portOfServer(server), '127.0.0.1');
      client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      await once(client, 'data');
      expect(server.connections).toBe(1);
      server.close();
      server.closeClients();
      client.resume();
      await Promise.all([once(client, 'close'), server.waitClosed()]);
      expect(server.connections).toBe(0);
    }),
  );

  it(
    'goes over Unix sockets, which have no port and no TCP options',
    hosted(async (reactor) => {
      using folder = new TemporaryFolder();
      const path = folder.join('socket');
      const http = createHttpServer(({ socket }, response) => {
        socket.setNoDelay();
        response.end(`${socket.remoteAddress} ${socket.localPort}`);
      });
      const serve = (connection: Connection) => {
        http.emit('connection', toDuplex(connection));
      };
      await using server = await startServer(serve, { path }, { reactor });
      const client = connect(path);
      client.end('GET / HTTP/1.0\r\n\r\n');
      let text = '';
      for await (const chunk of client) text += chunk;
      expect(text).toMatch(/\r\n\r\nundefined undefined$/);
      expect(server.listening).toBe(true);
    }),
  );

  it('fails with what a listener threw, which is reported', async () => {
    const errors: unknown[] = [];
    const reactor = new Reactor({ onError: (error, { source }) => errors.push(source, error) });
    const broken = new Error('cannot take this');
    await hosted(async () => {
      const [connection, peer] = await connectionAndPeer(reactor);
      const stream = destroyedAfterwards(toDuplex(connection));
      stream.on('data', () => {
        throw broken;
      });
      peer.write('x');
      const [error] = await once(stream, 'error');
      expect(error).toBe(broken);
      expect(errors).toEqual(['transport', broken]);
    }, reactor)();
  });

  it('fails with ECANCELED when its reactor is closed', async () => {
    const reactor = new Reactor();
    const [near, far] = Socket.pair();
    const running = reactor.run();
    const stream = toDuplex(await openConnection({ socket: near }, { reactor }));
    const failed = once(stream, 'error');
    const closed = new Promise((resolve) => stream.once('close', resolve));
    reactor.stop();
    await running;
    reactor.close();
    expect(await failed).toEqual([expect.objectContaining({ code: 'ECANCELED' })]);
    await closed;
    expect(near.closed).toBe(true);
    far.close();
  });
});

describeReactors((setting, open) => {
  it('toDuplex() makes streams that carry a megabyte there and back', async () => {
    const reactor = open();
    const sent = randomFillSync(Buffer.allocUnsafe(1 << 20));
    const received = await play(reactor, setting, async () => {
      const sockets = Socket.pair();
      const opening = sockets.map((socket) => openConnection({ socket }, { reactor }));
      const [near, far] = (await Promise.all(opening)).map(toDuplex) as [Duplex, Duplex];
      const echoed = pipeline(far, far);
      near.end(sent);
      const chunks: Buffer[] = [];
      for await (const chunk of near) chunks.push(chunk);
      await echoed;
      return Buffer.concat(chunks);
    });
    expect(received.equals(sent)).toBe(true);
  });
});
