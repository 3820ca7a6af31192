/** Servers, datagram endpoints and connections in the making, whose selector or descriptor is closed under them. */
import { closeSync, existsSync } from 'node:fs';
import { AF_UNIX, type Future, type Reactor, SOCK_DGRAM, Socket } from 'iomux';
import { createConnection, createDatagramEndpoint, createServer, type Transport } from 'iomux/streams';
import { value } from 'iomux/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AddressRace } from '../../lib/streams/address-race.js';
import { DatagramRecorder } from '../support/server-datagrams.js';
import { silentListener } from '../support/server-peers.js';
import { addressOf, clientOf, serving, until } from '../support/server-scenes.js';
import { tcpPair } from '../support/sockets.js';
import { HOSTED, openReactor, outcome, playTask, type Reported } from '../support/task-scenes.js';
import { TemporaryFolder } from '../support/temporary.js';
import { codeOf } from '../support/transport-peers.js';

const LOCAL = { address: '127.0.0.1', port: 0 };

/** Closes a reactor's selector in a run, and waits for the end of that. */
async function closeSelector(reactor: Reactor, before: () => void = () => {}): Promise<unknown> {
  const run = reactor.run().then(
    () => 'ended in order',
    (error) => error,
  );
  reactor.callSoon(() => {
    before();
    reactor.selector.close();
  });
  return run;
}

describe('a selector that is closed under its reactor', () => {
  it('ends the run, its servers and its datagram endpoints', async () => {
    // It is told what it could not watch any more.
    const reactor = openReactor([]);
    using folder = new TemporaryFolder();
    const path = folder.join('server');
    const protocol = new DatagramRecorder();
    const scene = await playTask(reactor, HOSTED, function* () {
      const transport = yield* value(createDatagramEndpoint(protocol, { local: LOCAL, reactor }));
      const { server, address } = yield* serving({}, { reactor });
      const unix = yield* value(createServer(() => ({}), { path }, { reactor }));
      return { transport, address, servers: [server, unix] };
    });
    expect(await closeSelector(reactor)).toMatchObject({ code: 'ERR_CLOSED' });
    expect(protocol.lost.map(codeOf)).toEqual(['ECANCELED']);
    expect(scene.transport.socket.closed).toBe(true);
    expect(scene.servers.map(({ listening }) => listening)).toEqual([false, false]);
    expect(() => clientOf(scene.address)).toThrow(/ECONNREFUSED/);
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    ['abort', 'null'],
    ['close', 'null'],
    ['close with datagrams that wait', 'ECANCELED'],
  ])('has a datagram endpoint tell of its %s at once', async (call, expected) => {
    using folder = new TemporaryFolder();
    const reactor = openReactor([]);
    const protocol = new DatagramRecorder();
    const peer = new Socket(AF_UNIX, SOCK_DGRAM);
    onTestFinished(() => peer.close());
    peer.bind({ path: folder.join('peer') });
    const transport = await playTask(reactor, HOSTED, () =>
      value(createDatagramEndpoint(protocol, { local: { path: folder.join('own') }, reactor })),
    );
    reactor.selector.close();
    for (let index = 0; expected !== 'null' && index < 600; index++) {
      transport.send(Buffer.from('.'), peer.localAddress);
    }
    if (call === 'abort') transport.abort();
    else transport.close();
    expect(protocol.lost.map(codeOf)).toEqual([expected]);
    expect(transport.socket.closed).toBe(true);
    expect(existsSync(folder.join('own'))).toBe(false);
  });

  it('tells a datagram endpoint that ended in that moment', async () => {
    const reactor = openReactor([]);
    const protocol = new DatagramRecorder();
    const transport = await playTask(reactor, HOSTED, () =>
      value(createDatagramEndpoint(protocol, { local: LOCAL, reactor })),
    );
    await closeSelector(reactor, () => transport.close());
    expect(protocol.lost).toEqual([null]);
    expect(transport.socket.closed).toBe(true);
  });

  it('fails a connection that was to be adopted, and closes its socket', async () => {
    const reactor = openReactor([]);
    const [near] = tcpPair();
    const pending: Future<Transport>[] = [];
    await closeSelector(reactor, () => {
      pending.push(createConnection({}, { socket: near }, { reactor }));
    });
    expect(pending.map((future) => codeOf(future.exception()))).toEqual(['ECANCELED']);
    expect(near.closed).toBe(true);
  });

  it('fails a race for an address once, though others were to be tried', async () => {
    const reactor = openReactor([]);
    const { localAddress } = silentListener();
    const outcomes: unknown[] = [];
    const addresses = [localAddress, localAddress, localAddress];
    await closeSelector(reactor, () => {
      new AddressRace(reactor, addresses, false, (ended) => outcomes.push(ended)).begin();
    });
    expect(outcomes.map(codeOf)).toEqual(['ECANCELED']);
  });

  it('has a server that is disposed of wait for nobody', async () => {
    const reactor = openReactor([]);
    const { server, protocols } = await playTask(reactor, HOSTED, function* () {
      const scene = yield* serving(
        { connectionMade: (transport) => transport.write(Buffer.alloc(16 * 1024 * 1024)) },
        { reactor },
      );
      clientOf(addressOf(scene.server));
      yield* until(() => scene.server.connections === 1);
      return scene;
    });
    reactor.selector.close();
    expect(outcome(server[Symbol.asyncDispose]())).toBe('result undefined');
    expect(protocols[0]?.errors).toEqual([null]);
    expect(server.connections).toBe(0);
  });
});

describe('a descriptor that somebody else has closed', () => {
  it('is reported by the datagram endpoint it belonged to, which ends all the same', async () => {
    using folder = new TemporaryFolder();
    const path = folder.join('own');
    const errors: Reported[] = [];
    const reactor = openReactor(errors);
    await playTask(reactor, HOSTED, function* () {
      const protocol = new DatagramRecorder();
      const transport = yield* value(createDatagramEndpoint(protocol, { local: { path } }));
      const fd = transport.socket.fileno();
      closeSync(fd);
      transport.close();
      yield* until(() => protocol.lost.length > 0);
      expect(protocol.events).toEqual(['made', 'lost']);
      expect(errors).toMatchObject([[{ code: 'EBADF' }, { source: 'transport', fd }]]);
      expect(transport.socket.closed).toBe(true);
      expect(existsSync(path)).toBe(false);
    });
  });

  it('is reported by the server that listened there, which ends all the same', async () => {
    const errors: Reported[] = [];
    const reactor = openReactor(errors);
    await playTask(reactor, HOSTED, function* () {
      using folder = new TemporaryFolder();
      const path = folder.join('server');
      const listener = Socket.listen({ path });
      const { server } = yield* serving({}, {}, { socket: listener });
      const fd = listener.fileno();
      closeSync(fd);
      server.close();
      expect(server.listening).toBe(false);
      expect(outcome(server.waitClosed())).toBe('result undefined');
      expect(errors).toMatchObject([[{ code: 'EBADF' }, { source: 'server', fd }]]);
    });
  });
});
