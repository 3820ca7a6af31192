/** The echo service turn by turn, in this process: what it watches its connections for, and what it leaves behind. */
import {
  AF_UNIX,
  createSelector,
  EVENT_READ,
  EVENT_WRITE,
  Reactor,
  type Selector,
  SOCK_SEQPACKET,
  Socket,
  selectorBackends,
  WOULD_BLOCK,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { EchoService, type Served } from '../../examples/echo/service.js';
import { EchoServer, type EchoServerOptions } from '../../examples/echo-server.js';
import { connect } from '../support/connections.js';
import { openDescriptors } from '../support/descriptors.js';
import { expectGivenBack } from '../support/emulation.js';
import { TemporaryFolder } from '../support/temporary.js';

/** The service over either loop, a turn of which can be taken. */
interface Server extends Disposable {
  readonly selector: Selector;
  readonly served: Served;
  turn(): void;
  close(): void;
}

type LoopName = 'selector loop' | 'reactor';

const LOOPS: readonly LoopName[] = ['selector loop', 'reactor'];

function serverOver(loop: LoopName, listener: Socket, options: EchoServerOptions): Server {
  if (loop === 'selector loop') return new EchoServer(listener, options);
  const reactor = new Reactor({ selector: createSelector(options.backend) });
  const service = new EchoService(listener, reactor, options);
  const close = () => {
    service.close();
    reactor.close();
  };
  return {
    selector: reactor.selector,
    get served() {
      return service.served;
    },
    turn: () => reactor.runOnce(),
    close,
    [Symbol.dispose]: close,
  };
}

/** A server and one client of it, accepted already. */
function conversation(loop: LoopName, options: EchoServerOptions) {
  const listener = Socket.listen({ address: '127.0.0.1', port: 0 });
  const server = serverOver(loop, listener, options);
  const client = new Socket();
  connect(client, listener.localAddress);
  turn(server);
  return { server, client, listener };
}

/** One turn that does not wait. */
function turn(server: Server): void {
  server.selector.wakeup();
  server.turn();
}

/** What the only connection of a server is watched for. */
function interestIn(selector: Selector, listener: Socket): number | undefined {
  return [...selector.getMap().values()].find(({ fileobj }) => fileobj !== listener)?.events;
}

const CHUNK = Buffer.alloc(256 * 1024, 'x');

/** Sends until the server reads no more: then, and only then, what we send stays here. @returns the bytes sent. */
function sendUntilUnread({ server, client, listener }: ReturnType<typeof conversation>): number {
  let sent = 0;
  while (interestIn(server.selector, listener) !== EVENT_WRITE) {
    const count = client.send(CHUNK);
    if (count !== WOULD_BLOCK) sent += count;
    turn(server);
    server.selector.verify();
  }
  return sent;
}

const settings = selectorBackends().flatMap((backend) => {
  using selector = createSelector(backend);
  return selector.capabilities.modes.flatMap((mode) => LOOPS.map((loop) => ({ backend, mode, loop })));
});

for (const { backend, mode, loop } of settings) {
  describe(`an echo server's turns on ${backend}, ${mode}, by a ${loop}`, () => {
    it('switches a connection to WRITE while its peer does not read, and back to READ', () => {
      const talk = conversation(loop, { backend, mode });
      const { server, client, listener } = talk;
      using _server = server;
      using _client = client;
      expect(interestIn(server.selector, listener)).toBe(EVENT_READ);
      const sent = sendUntilUnread(talk);
      const { bytes } = server.served;
      for (let again = 0; again < 10; again++) turn(server);
      expect(server.served.bytes).toBe(bytes);

      const into = Buffer.alloc(CHUNK.length);
      let received = 0;
      while (received < sent) {
        const count = client.recv(into);
        if (count !== WOULD_BLOCK) received += count;
        turn(server);
      }
      expect(received).toBe(sent);
      expect(server.served.bytes).toBe(sent);
      // A reactor tells its selector before it waits again.
      turn(server);
      expect(interestIn(server.selector, listener)).toBe(EVENT_READ);
    });

    it('gives a connection that ended its half what it is owed before it closes it', () => {
      const talk = conversation(loop, { backend, mode });
      const { server, client, listener } = talk;
      using _server = server;
      using _client = client;
      const sent = sendUntilUnread(talk);
      client.shutdown('write');
      const into = Buffer.alloc(CHUNK.length);
      let received = 0;
      for (let count = WOULD_BLOCK; count !== 0; ) {
        turn(server);
        count = client.recv(into);
        if (count !== WOULD_BLOCK) received += count;
      }
      expect(received).toBe(sent);
      expect(interestIn(server.selector, listener)).toBeUndefined();
      expect(server.served.failed).toBe(0);
    });

    it.runIf(process.platform === 'linux')(
      'reads a part in each turn of a connection that sent much, and forgets none of it',
      () => {
        using folder = new TemporaryFolder();
        const path = folder.join('records');
        // Records, each of which takes a read.
        const listener = Socket.listen({ path }, { type: SOCK_SEQPACKET });
        using server = serverOver(loop, listener, { backend, mode });
        using client = new Socket(AF_UNIX, SOCK_SEQPACKET);
        expect(client.connect({ path })).toBe(true);
        turn(server);
        const sent = Array.from({ length: 100 }, (_, index) => `${index}`);
        for (const text of sent) expect(client.send(Buffer.from(text))).toBe(text.length);
        turn(server);
        expect(server.served.messages).toBeGreaterThan(0);
        expect(server.served.messages).toBeLessThan(100);
        for (let turns = 0; turns < 200 && server.served.messages < 100; turns++) turn(server);
        const buffer = Buffer.alloc(8);
        expect(sent.map(() => buffer.toString('utf8', 0, Math.max(0, client.recv(buffer))))).toEqual(sent);
      },
    );

    it('leaves no descriptor open', () => {
      const before = openDescriptors();
      const { server, client } = conversation(loop, { backend, mode });
      client.send(Buffer.from('hello'));
      turn(server);
      server.close();
      client.close();
      expectGivenBack(before);
    });
  });
}

it.each(LOOPS)('accepts no more than its most by a %s, and goes on when one closes', (loop) => {
  const { server, client, listener } = conversation(loop, { maxConnections: 1 });
  using _server = server;
  using second = new Socket();
  connect(second, listener.localAddress);
  turn(server);
  turn(server);
  expect(server.served).toMatchObject({ connections: 1, peak: 1 });
  expect([...server.selector.getMap().values()].some(({ fileobj }) => fileobj === listener)).toBe(false);
  client.close();
  while (server.served.connections < 2) server.turn();
  expect(server.served.peak).toBe(1);
});
