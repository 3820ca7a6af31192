/** Accepting: nobody waiting, connections that died while they waited, and being out of descriptors. */
import { AF_INET, AF_UNIX, constants, SOCK_STREAM, Socket } from 'iomux';
import { describe, expect, it } from 'vitest';
import { accept, connect } from '../support/connections.js';
import { canReadFlags, isCloseOnExec, isNonblocking, openDescriptors } from '../support/descriptors.js';
import { thrownBy } from '../support/expecting.js';
import { runLimitedFixture } from '../support/limits.js';
import { isReadable, untilReadable } from '../support/readiness.js';
import { TemporaryFolder } from '../support/temporary.js';

const { SOL_SOCKET = 0, SO_LINGER = 0 } = constants;
/** On close: no waiting, a reset. */
const ABORTIVE = Buffer.from(new Int32Array([1, 0]).buffer);

describe('accept', () => {
  it('gives null where nobody is waiting', () => {
    using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
    expect(listener.accept()).toBeNull();
    expect(isReadable(listener)).toBe(false);
  });

  it('lets more than a few wait where no backlog is given', () => {
    using folder = new TemporaryFolder();
    using one = new Socket(AF_UNIX);
    one.bind({ path: folder.join('one') });
    one.listen();
    using other = Socket.listen({ path: folder.join('other') });
    for (const { localAddress } of [one, other]) {
      // A Unix socket refuses at once what has no place.
      const clients = Array.from({ length: 20 }, () => new Socket(AF_UNIX));
      for (const client of clients) expect(client.connect(localAddress)).toBe(true);
      for (const client of clients) client.close();
    }
  });

  it('gives the connections in order, then null', () => {
    using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
    const clients = Array.from({ length: 5 }, () => new Socket());
    for (const client of clients) connect(client, listener.localAddress);
    for (const client of clients) {
      using server = accept(listener);
      expect(server.remoteAddress).toEqual(client.localAddress);
      expect(server.localAddress).toEqual(listener.localAddress);
      expect([server.family, server.type]).toEqual([AF_INET, SOCK_STREAM]);
      if (canReadFlags) {
        expect([isNonblocking(server.fileno()), isCloseOnExec(server.fileno())]).toEqual([true, true]);
      }
    }
    expect(listener.accept()).toBeNull();
    for (const client of clients) client.close();
  });

  it('is never stopped by a connection that was reset while it waited', () => {
    // Some systems drop such a connection or fail it (ECONNABORTED), others hand it over and fail the first recv.
    using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
    for (let count = 0; count < 3; count++) {
      const client = new Socket();
      connect(client, listener.localAddress);
      client.setOption(SOL_SOCKET, SO_LINGER, ABORTIVE);
      client.close();
    }
    using survivor = new Socket();
    connect(survivor, listener.localAddress);
    const alive: Socket[] = [];
    untilReadable(listener);
    for (let server = listener.accept(); server !== null; server = listener.accept()) {
      const { remoteAddress } = server;
      if (remoteAddress === null) {
        const dead = server;
        expect(thrownBy(() => dead.recv(Buffer.alloc(1)))).toMatchObject({ code: 'ECONNRESET' });
        server.close();
      } else {
        expect(remoteAddress).toEqual(survivor.localAddress);
        alive.push(server);
      }
    }
    expect(alive).toHaveLength(1);
    alive[0]?.close();
  });

  it('hands over what a client sent and closed before it was accepted', () => {
    using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
    const client = new Socket();
    connect(client, listener.localAddress);
    client.send(Buffer.from('bye'));
    client.close();
    using server = accept(listener);
    untilReadable(server);
    const buffer = Buffer.alloc(8);
    expect(server.recv(buffer)).toBe(3);
    untilReadable(server);
    expect(server.recv(buffer)).toBe(0);
  });

  it('is refused on a socket that does not listen, and makes no descriptor', () => {
    using socket = new Socket();
    const before = openDescriptors();
    expect(thrownBy(() => socket.accept())).toMatchObject({
      name: 'SystemError',
      code: 'EINVAL',
      syscall: 'accept',
      fd: socket.fileno(),
    });
    expect(openDescriptors()).toEqual(before);
  });

  it('throws where no descriptor is left, and finds the connection again when one is', async () => {
    const { code, stdout, stderr } = await runLimitedFixture('out-of-descriptors.mjs', 64);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      opening: { code: 'EMFILE', message: 'socket EMFILE' },
      pair: { code: 'EMFILE', message: 'socketpair EMFILE' },
      first: { code: 'EMFILE', syscall: 'accept' },
      again: { code: 'EMFILE', syscall: 'accept' },
      readable: true,
      received: 'still here',
      afterwards: null,
    });
  });

  it('gives null where no descriptor is left, but nobody is waiting either', async () => {
    const { stdout } = await runLimitedFixture('out-of-descriptors.mjs', 64);
    expect(JSON.parse(stdout)).toMatchObject({ readable: true, nobody: null });
  });
});
