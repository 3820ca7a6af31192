/** Servers: connections accepted, counted, limited and ended. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { constants, type Reactor, type Socket } from 'iomux';
import { createConnection, createServer, type Protocol } from 'iomux/streams';
import { type Coroutine, sleep, value } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { portOf } from '../support/connections.js';
import { descriptorCount } from '../support/leaks.js';
import { send } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { listenerOn } from '../support/server-peers.js';
import { clientOf, heard, iterationsOf, LOOPBACK, serving, until } from '../support/server-scenes.js';
import { HOSTED, openReactor, playTask, type Reported, thrownAt } from '../support/task-scenes.js';
import { codeOf } from '../support/transport-peers.js';

const { IPPROTO_TCP = 0, TCP_NODELAY = 0 } = constants;

describeReactors((setting, open) => {
  const played = <T>(work: (reactor: Reactor) => Coroutine<T>, errors?: Reported[]): Promise<T> => {
    const reactor = open(errors && { onError: (...error) => errors.push(error) });
    return playTask(reactor, setting, () => work(reactor));
  };

  describe('a server', () => {
    it('gives each connection a protocol of its own, which it tells before anything is delivered', async () => {
      await played(function* (reactor) {
        const { server, protocols, address } = yield* serving({
          dataReceived: (data, transport) => transport.write(data),
        });
        expect(server.listening).toBe(true);
        expect(server.connections).toBe(0);
        expect(protocols).toEqual([]);
        const clients = ['one', 'two', 'three'].map((text) => {
          const client = clientOf(address);
          send(client, text);
          return client;
        });
        yield* until(() => protocols.length === 3 && protocols.every(({ length }) => length > 0));
        expect(server.connections).toBe(3);
        expect(clients.map(heard)).toEqual(['one', 'two', 'three']);
        for (const { events, transport } of protocols) {
          expect(events).toEqual(['made', 'data']);
          expect(transport.reactor).toBe(reactor);
          expect(transport.localAddress).toEqual(address);
        }
        for (const client of clients) client.close();
        yield* until(() => server.connections === 0);
        expect(protocols.map(({ errors }) => errors)).toEqual([[null], [null], [null]]);
        expect(server.listening).toBe(true);
      });
    });

    it('closed, refuses at once who comes, and goes on serving who is there', async () => {
      await played(function* () {
        const before = descriptorCount();
        const { server, protocols, address } = yield* serving();
        const client = clientOf(address);
        yield* until(() => server.connections === 1);
        const closed = server.waitClosed();
        server.close();
        expect(server.listening).toBe(false);
        expect(() => clientOf(address)).toThrow(/ECONNREFUSED/);
        server.close();
        send(client, 'still here');
        yield* until(() => protocols[0]?.length === 10);
        expect(closed.done()).toBe(false);
        protocols[0]?.transport.write('bye');
        client.shutdown('write');
        yield closed;
        expect(protocols[0]?.events).toEqual(['made', 'data', 'eof', 'lost']);
        expect(server.connections).toBe(0);
        expect(heard(client)).toBe('bye');
        client.close();
        yield server.waitClosed();
        // Those that were refused are closed with the test.
        expect(descriptorCount()).toBe(before + 1);
      });
    });

    it('closes its connections after what was written, or at once', async () => {
      await played(function* () {
        const { server, protocols, address } = yield* serving({
          connectionMade: (transport) => transport.write('owed'),
        });
        const clients = [clientOf(address), clientOf(address)];
        yield* until(() => server.connections === 2);
        server.closeClients();
        yield* until(() => server.connections === 0);
        expect(clients.map(heard)).toEqual(['owed', 'owed']);
        expect(clients.map(heard)).toEqual(['end', 'end']);
        expect(server.listening).toBe(true);

        clientOf(address);
        yield* until(() => server.connections === 1);
        const last = protocols[2];
        // More than the kernel takes, so that a close would have to wait.
        last?.transport.write(Buffer.alloc(16 * 1024 * 1024));
        server.closeClients();
        yield sleep(20);
        expect(server.connections).toBe(1);
        server.abortClients();
        yield* until(() => server.connections === 0);
        expect(last?.errors).toEqual([null]);
      });
    });

    it('closes also the connection whose protocol asks for that', async () => {
      await played(function* () {
        const { server, protocols, address } = yield* serving({
          connectionMade: () => server.closeClients(),
        });
        const client = clientOf(address);
        yield* until(() => protocols[0]?.events.at(-1) === 'lost');
        expect(heard(client)).toBe('end');
        expect(server.connections).toBe(0);
      });
    });

    it('lets who is too many wait until another one has ended', async () => {
      await played(function* () {
        const { server, protocols, address } = yield* serving({}, { maxConnections: 2 });
        const clients = [1, 2, 3, 4].map(() => clientOf(address));
        yield* until(() => server.connections === 2);
        yield sleep(20);
        expect(protocols).toHaveLength(2);
        clients[0]?.close();
        yield* until(() => protocols.length === 3);
        yield sleep(20);
        expect(server.connections).toBe(2);
        expect(protocols).toHaveLength(3);
        server.abortClients();
        yield* until(() => protocols.length === 4);
        expect(server.connections).toBe(1);
      });
    });

    it('accepts no more than 64 connections before others have their turn', async () => {
      const listener = listenerOn();
      Array.from({ length: 100 }, () => clientOf(listener.localAddress));
      await played(function* (reactor) {
        const iteration = iterationsOf(reactor);
        const accepted = new Map<number, number>();
        const { server } = yield* serving(
          {
            connectionMade() {
              accepted.set(iteration(), (accepted.get(iteration()) ?? 0) + 1);
            },
          },
          {},
          { socket: listener },
        );
        yield* until(() => server.connections === 100);
        expect(Math.max(...accepted.values())).toBeLessThanOrEqual(64);
        expect(accepted.size).toBeGreaterThanOrEqual(2);
      });
    });

    it('reports a protocol that cannot be made or told, closes that connection, and serves the next', async () => {
      const errors: Reported[] = [];
      await played(function* () {
        const failure = new Error('no protocol today');
        const telling = new Error('no connection today');
        const protocols: (() => Protocol)[] = [
          () => {
            throw failure;
          },
          () => 7 as unknown as Protocol,
          () => ({
            connectionMade() {
              throw telling;
            },
          }),
          () => ({ connectionMade: (transport) => void transport.write('welcome') }),
        ];
        const factory = () => (protocols.shift() as () => Protocol)();
        const server = yield* value(createServer(factory, LOOPBACK));
        const [address] = server.addresses;
        if (address === undefined) throw new Error('no address');
        const clients = [1, 2, 3, 4].map(() => clientOf(address));
        yield* until(() => protocols.length === 0 && server.connections === 1);
        expect(clients.map(heard)).toEqual(['end', 'end', 'end', 'welcome']);
        expect(errors.map(([error, { source }]) => [error, source])).toEqual([
          [failure, 'server'],
          [expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }), 'server'],
          [telling, 'transport'],
        ]);
        for (const [, { message, fd }] of errors) {
          expect(message).not.toBe('');
          expect(fd).toBeGreaterThan(2);
        }
        server.close();
        server.abortClients();
        yield server.waitClosed();
      }, errors);
    });

    it('is disposed of with its connections, which get what they are owed', async () => {
      await played(function* () {
        const before = descriptorCount();
        const { server, address } = yield* serving({
          connectionMade: (transport) => transport.write('owed'),
        });
        const client = clientOf(address);
        yield* until(() => server.connections === 1);
        yield server[Symbol.asyncDispose]();
        expect(server.listening).toBe(false);
        expect(server.connections).toBe(0);
        expect([heard(client), heard(client)]).toEqual(['owed', 'end']);
        client.close();
        yield server[Symbol.asyncDispose]();
        expect(descriptorCount()).toBe(before);
      });
    });
  });
});

describe('a server', () => {
  const played = <T>(work: (reactor: Reactor) => Coroutine<T>, errors?: Reported[]): Promise<T> => {
    const reactor = openReactor(errors);
    return playTask(reactor, HOSTED, () => work(reactor));
  };

  it('is waited for by several, each of whom may give up', async () => {
    await played(function* () {
      const { server, address } = yield* serving();
      clientOf(address);
      yield* until(() => server.connections === 1);
      const [first, second] = [server.waitClosed(), server.waitClosed()];
      first.cancel();
      server.close();
      yield;
      expect(second.done()).toBe(false);
      server.abortClients();
      yield second;
      expect(first.cancelled()).toBe(true);
      yield server.waitClosed();
    });
  });

  it('is closed by its own connection, and not waited for before that has ended', async () => {
    await played(function* () {
      const order: string[] = [];
      const { server, address } = yield* serving({
        connectionMade() {
          server.close();
          order.push(`closed with ${server.connections}`);
        },
        connectionLost: () => order.push('lost'),
      });
      server.waitClosed().addDoneCallback(() => order.push('ended'));
      const client = clientOf(address);
      const late = clientOf(address);
      yield* until(() => order.length > 0);
      yield sleep(10);
      expect(order).toEqual(['closed with 1']);
      client.close();
      yield* until(() => order.length === 3);
      expect(order).toEqual(['closed with 1', 'lost', 'ended']);
      expect(['end', 'reset']).toContain(heard(late));
    });
  });

  it('is closed unseen where it was cancelled before it was delivered', async () => {
    await played(function* () {
      const before = descriptorCount();
      const unresolved = createServer(() => ({}), { host: 'localhost', port: 0 });
      unresolved.cancel();
      const future = createServer(() => ({}), LOOPBACK);
      expect(future.done()).toBe(true);
      future.giveBack();
      yield sleep(50);
      expect(unresolved.cancelled()).toBe(true);
      expect(descriptorCount()).toBe(before);
    });
  });

  it('ends with its reactor, and says so to whoever waits', async () => {
    const reactor = openReactor();
    const before = descriptorCount();
    const { server, protocols, address } = await playTask(reactor, HOSTED, () => serving());
    const client = clientOf(address);
    await playTask(reactor, HOSTED, () => until(() => server.connections > 0));
    const closed = server.waitClosed().then(() => 'closed');
    reactor.close();
    expect(await closed).toBe('closed');
    expect(server.listening).toBe(false);
    expect(protocols[0]?.errors.map(codeOf)).toEqual(['ECANCELED']);
    client.close();
    expect(descriptorCount()).toBeLessThanOrEqual(before);
    expect(() => clientOf(address)).toThrow(/ECONNREFUSED/);
  });

  it('is closed where somebody else closes its listener, or ends it', async () => {
    const errors: Reported[] = [];
    await played(function* () {
      for (const end of [(socket: Socket) => socket.close(), (socket: Socket) => socket.shutdown('both')]) {
        const before = descriptorCount();
        const listener = listenerOn();
        const { server } = yield* serving({}, {}, { socket: listener });
        end(listener);
        yield server.waitClosed();
        expect(server.listening).toBe(false);
        expect(listener.closed).toBe(true);
        expect(descriptorCount()).toBe(before);
      }
    }, errors);
    expect(errors).toHaveLength(1);
    expect(errors[0]?.[0]).toMatchObject({ code: 'EINVAL' });
    expect(errors[0]?.[1]).toMatchObject({ source: 'server' });
  });

  it('has its connections send small segments at once, unless it is told not to', async () => {
    await played(function* () {
      for (const [options, expected] of [
        [{}, 1],
        [{ noDelay: false }, 0],
      ] as const) {
        for (const endpoint of [LOOPBACK, { socket: listenerOn() }]) {
          const { server, protocols, address } = yield* serving({}, options, endpoint);
          clientOf(address);
          yield* until(() => server.connections === 1);
          const option = protocols[0]?.transport.socket.getOption(IPPROTO_TCP, TCP_NODELAY);
          expect(option === 0 ? 0 : 1).toBe(expected);
        }
      }
    });
  });

  it('aborts whoever does not take what he is owed, a while after it was disposed of', async () => {
    await played(function* (reactor) {
      const { server, protocols, address } = yield* serving({
        connectionMade: (transport) => transport.write(Buffer.alloc(16 * 1024 * 1024)),
      });
      clientOf(address);
      yield* until(() => server.connections === 1);
      const begun = reactor.time();
      yield server[Symbol.asyncDispose]();
      expect(reactor.time() - begun).toBeGreaterThanOrEqual(5_000);
      expect(protocols[0]?.errors).toEqual([null]);
    });
  });

  it('makes protocols in the asynchronous context in which it was made itself', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const factory = () => {
      seen.push(context.getStore());
      return {};
    };
    await played(function* () {
      const server = yield* value(context.run('server', () => createServer(factory, LOOPBACK)));
      const [address] = server.addresses;
      if (address === undefined) throw new Error('no address');
      const endpoint = { host: 'localhost', port: portOf(address) };
      const transport = yield* value(context.run('client', () => createConnection(factory, endpoint)));
      yield* until(() => seen.length === 2);
      expect(new Set(seen)).toEqual(new Set(['server', 'client']));
      server.close();
      transport.close();
      yield server.waitClosed();
    });
  });

  it('refuses a name in a blocking run', async () => {
    const reactor = openReactor();
    await playTask(reactor, { ...HOSTED, mode: 'blocking' }, function* () {
      const refused = yield* thrownAt(() => createServer(() => ({}), { host: 'localhost', port: 0 }));
      expect(refused).toMatchObject({ name: 'StateError', code: 'ERR_UNSUPPORTED' });
    });
  });
});
