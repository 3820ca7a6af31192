/** Where servers listen: names with several addresses, ports that are shared, Unix paths that are in the way. */
import { existsSync, lstatSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { type Address, constants, type Reactor, Socket } from 'iomux';
import { createServer } from 'iomux/streams';
import { type Coroutine, value } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { listenAll } from '../../lib/streams/listen.js';
import { portOf } from '../support/connections.js';
import { descriptorCount } from '../support/leaks.js';
import { isAsked, listenerAt, listenerOn } from '../support/server-peers.js';
import { clientOf, LOOPBACK, serving, until } from '../support/server-scenes.js';
import { HOSTED, openReactor, playTask, thrownAt } from '../support/task-scenes.js';
import { TemporaryFolder } from '../support/temporary.js';

const { SOL_SOCKET = 0, SO_REUSEADDR = 0 } = constants;
const OPTIONS = { backlog: undefined, reusePort: false, noDelay: true };

function played<T>(work: (reactor: Reactor) => Coroutine<T>): Promise<T> {
  const reactor = openReactor();
  return playTask(reactor, HOSTED, () => work(reactor));
}

const refusedServer = (endpoint: Address) => thrownAt(() => createServer(() => ({}), endpoint));

describe('the listeners of a server', () => {
  const hosts = ['127.0.0.1', '::1'];

  it('share the free port that the first one got', () => {
    const listeners = listenAll(
      hosts.map((address) => ({ address, port: 0 })),
      OPTIONS,
    );
    const addresses = listeners.map(({ socket }) => socket.localAddress);
    for (const { socket } of listeners) socket.close();
    expect(addresses.map((address) => 'address' in address && address.address)).toEqual(hosts);
    expect(new Set(addresses.map(portOf)).size).toBe(1);
    expect(portOf(addresses[0] ?? null)).toBeGreaterThan(0);
  });

  it('leave out what this machine does not have, where it has another', () => {
    const missing = { address: '192.0.2.1', port: 0 };
    const listeners = listenAll([missing, { address: '127.0.0.1', port: 0 }], OPTIONS);
    for (const { socket } of listeners) socket.close();
    expect(listeners).toHaveLength(1);
    expect(() => listenAll([missing], OPTIONS)).toThrow(/EADDRNOTAVAIL 192\.0\.2\.1/);
  });

  it('are all closed where one is refused', () => {
    const taken = listenerOn('::1');
    const port = portOf(taken.localAddress);
    const before = descriptorCount();
    const addresses = hosts.map((address) => ({ address, port }));
    expect(() => listenAll(addresses, OPTIONS)).toThrow(`EADDRINUSE ::1:${port}`);
    expect(descriptorCount()).toBe(before);
  });
});

describe('createServer', () => {
  it('listens on each address of a name, and needs no resolver for a numeric host', async () => {
    await played(function* () {
      const { server } = yield* serving({}, {}, { host: 'localhost', port: 0 });
      expect(server.addresses.length).toBeGreaterThan(0);
      expect(new Set(server.addresses.map(portOf)).size).toBe(1);
      for (const address of server.addresses) clientOf(address);
      yield* until(() => server.connections === server.addresses.length);
      const numeric = yield* serving({}, {}, { host: '::1', port: 0 });
      expect(numeric.address).toMatchObject({ address: '::1', family: 'IPv6' });
      const unknown = yield* thrownAt(() => createServer(() => ({}), { host: 'unknown.invalid', port: 0 }));
      expect(unknown).toMatchObject({ code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/) });
    });
  });

  it('takes no IPv4 connections at an IPv6 address', async () => {
    await played(function* () {
      const { address } = yield* serving({}, {}, { address: '::', port: 0 });
      clientOf({ address: '::1', port: portOf(address) });
      expect(() => clientOf({ address: '127.0.0.1', port: portOf(address) })).toThrow(/ECONNREFUSED/);
    });
  });

  it('can listen again where connections linger, but not where somebody listens', async () => {
    await played(function* () {
      const { server, protocols, address } = yield* serving();
      const client = clientOf(address);
      yield* until(() => server.connections === 1);
      const before = descriptorCount();
      expect(yield* refusedServer(address)).toMatchObject({
        code: 'EADDRINUSE',
        address: '127.0.0.1',
        port: portOf(address),
      });
      expect(descriptorCount()).toBe(before);
      protocols[0]?.transport.close();
      yield* until(() => server.connections === 0);
      client.close();
      server.close();
      // Our side closed first, so the connection is remembered for a while (TIME_WAIT).
      const again = yield* serving({}, {}, address);
      expect(again.address).toEqual(address);
    });
  });

  it('shares a port with others where all of them are asked to', async () => {
    await played(function* () {
      const { address } = yield* serving({}, { reusePort: true });
      const second = yield* serving({}, { reusePort: true }, address);
      expect(second.address).toEqual(address);
      expect(yield* refusedServer(address)).toMatchObject({ code: 'EADDRINUSE' });
    });
  });

  it('lets as many wait as it is told', async () => {
    await played(function* (reactor) {
      const { address } = yield* serving({}, { backlog: 0 });
      // Nobody accepts while this holds the thread.
      clientOf(address);
      const second = new Socket();
      second.connect(address);
      const limit = reactor.time() + 50;
      while (reactor.time() < limit) expect(second.finishConnect()).toBe(false);
      second.close();
    });
  });

  it('keeps the listening socket it is given, which becomes its own', async () => {
    using folder = new TemporaryFolder();
    const path = folder.join('given');
    const listener = listenerAt({ path });
    await played(function* () {
      const { server, address } = yield* serving({}, {}, { socket: listener });
      expect(address).toEqual({ path });
      clientOf(address);
      yield* until(() => server.connections === 1);
      server.close();
      expect(listener.closed).toBe(true);
      // Who bound the path removes it.
      expect(existsSync(path)).toBe(true);
    });
  });

  it('sets SO_REUSEADDR on what it listens on', () => {
    const [listener] = listenAll([LOOPBACK as Address], OPTIONS);
    expect(listener?.socket.getOption(SOL_SOCKET, SO_REUSEADDR)).not.toBe(0);
    listener?.socket.close();
  });
});

describe('a Unix path', () => {
  it('is taken over from nobody, and removed at the end', async () => {
    using folder = new TemporaryFolder();
    const path = folder.join('socket');
    listenerAt({ path }).close();
    expect(lstatSync(path).isSocket()).toBe(true);
    await played(function* () {
      const before = descriptorCount();
      const { server, address } = yield* serving({}, {}, { path });
      expect(address).toEqual({ path });
      const client = clientOf(address);
      yield* until(() => server.connections === 1);
      client.close();
      server.close();
      expect(existsSync(path)).toBe(false);
      yield server.waitClosed();
      expect(descriptorCount()).toBe(before);
      // As bytes, too.
      const bytes = yield* serving({}, {}, { path: Buffer.from(path) });
      bytes.server.close();
      expect(existsSync(path)).toBe(false);
    });
  });

  it('is left to whoever listens there, or has a file there', async () => {
    using folder = new TemporaryFolder();
    const [taken, full, file] = ['taken', 'full', 'file'].map((name) => folder.join(name)) as [
      string,
      string,
      string,
    ];
    const listener = listenerAt({ path: taken });
    const crowded = listenerAt({ path: full }, 0);
    clientOf({ path: full });
    writeFileSync(file, 'mine');
    await played(function* () {
      const before = descriptorCount();
      for (const path of [taken, full, file]) {
        expect(yield* refusedServer({ path })).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', path });
        expect(existsSync(path)).toBe(true);
      }
      expect(yield* refusedServer({ path: folder.join('no/such/folder') })).toMatchObject({ code: 'ENOENT' });
      expect(descriptorCount()).toBe(before);
    });
    // Only somebody who connects can tell.
    expect(isAsked(listener)).toBe(true);
    expect(isAsked(crowded)).toBe(true);
  });

  it('is not removed where another has taken its place', async () => {
    using folder = new TemporaryFolder();
    const path = folder.join('socket');
    await played(function* () {
      const first = yield* serving({}, {}, { path });
      renameSync(path, folder.join('aside'));
      const second = yield* serving({}, {}, { path });
      first.server.close();
      expect(existsSync(path)).toBe(true);
      clientOf({ path });
      yield* until(() => second.server.connections === 1);
      unlinkSync(path);
      second.server.close();
    });
  });

  it('that is abstract has no file', { skip: process.platform !== 'linux' }, async () => {
    const path = `\0iomux-${process.pid}-${Math.random()}`;
    await played(function* () {
      const { server, address } = yield* serving({}, {}, { path });
      expect(address).toEqual({ path });
      expect(yield* refusedServer({ path })).toMatchObject({ code: 'EADDRINUSE' });
      clientOf(address);
      yield* until(() => server.connections === 1);
      server.close();
      const again = yield* value(createServer(() => ({}), { path }));
      again.close();
    });
  });

  it('is removed as well where the reactor is closed', async () => {
    using folder = new TemporaryFolder();
    const path = folder.join('socket');
    const reactor = openReactor();
    await playTask(reactor, HOSTED, () => serving({}, {}, { path }));
    expect(existsSync(path)).toBe(true);
    reactor.close();
    expect(existsSync(path)).toBe(false);
  });
});
