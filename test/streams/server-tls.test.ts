/** createConnection and createServer with TLS: when a protocol is told, and what becomes of a handshake that fails. */
import { connect as connectTls } from 'node:tls';
import type { Reactor } from 'iomux';
import { createConnection, createServer, type ServerOptions } from 'iomux/streams';
import { type Coroutine, sleep, TimeoutError, value } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { portOf } from '../support/connections.js';
import { descriptorCount } from '../support/leaks.js';
import { refusal } from '../support/refusals.js';
import { listenerOn } from '../support/server-peers.js';
import { clientOf, heard, LOOPBACK, serving, until } from '../support/server-scenes.js';
import { HOSTED, openReactor, playTask, type Reported, thrownAt } from '../support/task-scenes.js';
import { Authority } from '../support/tls-certificates.js';
import { Recorder } from '../support/transport-recorder.js';

const authority = new Authority();
const { cert: ca } = authority.ca;
const tls = authority.issue('iomux', 'DNS:localhost', 'IP:127.0.0.1');

function played<T>(work: (reactor: Reactor) => Coroutine<T>, errors?: Reported[]): Promise<T> {
  const reactor = openReactor(errors);
  return playTask(reactor, HOSTED, () => work(reactor));
}

/** As `serving`, encrypted. */
function securely(hooks: ConstructorParameters<typeof Recorder>[0] = {}, options: ServerOptions = {}) {
  return serving(hooks, { tls, ...options });
}

describe('with TLS', () => {
  it('both protocols are told of the connection when the handshake is done', async () => {
    await played(function* () {
      const { server, protocols, address } = yield* securely({
        dataReceived: (data, transport) => transport.write(data),
      });
      for (const endpoint of [address, { host: 'localhost', port: portOf(address) }]) {
        const protocol = new Recorder({ connectionMade: (transport) => transport.write('hello') });
        const transport = yield* value(createConnection(protocol, endpoint, { tls: { ca } }));
        expect(protocol.transport).toBe(transport);
        yield* until(() => protocol.length === 5);
        expect(protocol.received.toString()).toBe('hello');
        expect(server.connections).toBe(1);
        transport.close();
        yield* until(() => protocol.errors.length === 1 && server.connections === 0);
        expect(protocol.errors).toEqual([null]);
      }
      expect(protocols.map(({ events }) => events)).toEqual(
        Array.from({ length: 2 }, () => ['made', 'data', 'eof', 'lost']),
      );
    });
  });

  it('the certificate must be for the host, and its authority be trusted', async () => {
    await played(function* () {
      const { server, protocols } = yield* serving({}, { tls }, { address: '::1', port: 0 });
      const endpoint = { host: '::1', port: portOf(server.addresses[0] ?? null) };
      const before = descriptorCount();
      const unwanted = () => expect.unreachable();
      const other = yield* thrownAt(() => createConnection(unwanted, endpoint, { tls: { ca } }));
      expect(other).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
      const distrusted = yield* thrownAt(() => createConnection(unwanted, endpoint, { tls: true }));
      expect(distrusted).toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
      yield* until(() => server.connections === 0 && descriptorCount() === before);
      // These had done their part of the handshake.
      for (const { errors } of protocols) expect(errors).toHaveLength(1);
    });
  });

  it('a server drops who does not speak it, and goes on', async () => {
    await played(function* () {
      const { server, protocols, address } = yield* securely();
      const plain = clientOf(address);
      const silent = clientOf(address);
      plain.send(Buffer.from('GET / HTTP/1.0\r\n\r\n'));
      yield* until(() => ['end', 'reset'].includes(heard(plain)));
      expect(protocols).toEqual([]);
      expect(heard(silent)).toBe('nothing');
      const transport = yield* value(createConnection({}, address, { tls: { ca } }));
      yield* until(() => protocols.length === 1);
      yield* until(() => server.connections === 2);
      server.abortClients();
      yield* until(() => server.connections === 0);
      expect(['end', 'reset']).toContain(heard(silent));
      yield* until(() => transport.closing);
    });
  });

  it('connections in their handshake count, and can be closed', async () => {
    await played(function* () {
      const { server, protocols, address } = yield* securely({}, { maxConnections: 1 });
      const silent = clientOf(address);
      yield* until(() => server.connections === 1);
      const late = connectTls({ port: portOf(address), host: '127.0.0.1', ca });
      let secured = false;
      late.on('secureConnect', () => {
        secured = true;
      });
      yield sleep(50);
      expect(secured).toBe(false);
      server.closeClients();
      yield* until(() => secured && protocols.length === 1);
      expect(['end', 'reset']).toContain(heard(silent));
      const ended = server[Symbol.asyncDispose]();
      late.on('end', () => late.end());
      late.resume();
      yield ended;
      expect(protocols[0]?.errors).toEqual([null]);
    });
  });

  it('a handshake that nobody answers can be called off, and leaves nothing', async () => {
    const listener = listenerOn();
    await played(function* (reactor) {
      const before = descriptorCount();
      const unwanted = () => expect.unreachable();
      const options = { tls: { ca } };
      const controller = new AbortController();
      const futures = [
        createConnection(unwanted, listener.localAddress, options),
        createConnection(unwanted, listener.localAddress, { ...options, signal: controller.signal }),
      ] as const;
      yield sleep(50);
      expect(reactor.selector.getMap().size).toBe(2);
      futures[0].cancel();
      controller.abort(new Error('enough'));
      expect((yield* thrownAt(() => futures[1])).message).toBe('enough');
      const late = () => createConnection(unwanted, listener.localAddress, { ...options, timeout: 100 });
      expect(yield* thrownAt(late)).toBeInstanceOf(TimeoutError);
      yield* until(() => descriptorCount() === before);
      expect(reactor.selector.getMap().size).toBe(0);
    });
  });

  it('a plain port, or one that hangs up, rejects the connection', async () => {
    await played(function* () {
      const plain = yield* serving({ connectionMade: (transport) => transport.write('220 welcome\r\n') });
      const options = { tls: { ca } };
      const error = yield* thrownAt(() => createConnection({}, plain.address, options));
      expect(error).toMatchObject({ code: 'ERR_SSL_WRONG_VERSION_NUMBER' });
      const hanging = yield* serving({ connectionMade: (transport) => transport.close() });
      yield* thrownAt(() => createConnection({}, hanging.address, options));
    });
  });

  it('nothing is opened where it cannot be: bad options, a blocking run', async () => {
    const bad = 7 as unknown as true;
    const reactor = openReactor();
    const before = descriptorCount();
    expect(refusal(() => createConnection({}, LOOPBACK, { tls: bad, reactor }))).toMatch(
      /RangeError|TypeError/,
    );
    const endpoint = { address: '127.0.0.1', port: 1 };
    expect(refusal(() => createConnection({}, endpoint, { tls: bad, reactor }))).toBe(
      'TypeError ERR_INVALID_ARG_TYPE',
    );
    expect(
      refusal(() => createServer(() => ({}), LOOPBACK, { tls: bad as unknown as object, reactor })),
    ).toBe('TypeError ERR_INVALID_ARG_TYPE');
    expect(() =>
      createServer(() => ({}), LOOPBACK, { tls: { key: 'no key', cert: 'none' }, reactor }),
    ).toThrow();
    expect(descriptorCount()).toBe(before);
    await playTask(reactor, { ...HOSTED, mode: 'blocking' }, function* () {
      const unsupported = 'StateError ERR_UNSUPPORTED';
      expect(refusal(() => createConnection({}, endpoint, { tls: true }))).toBe(unsupported);
      expect(refusal(() => createServer(() => ({}), LOOPBACK, { tls }))).toBe(unsupported);
      yield;
    });
  });
});
