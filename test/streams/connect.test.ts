/** createConnection: to each kind of endpoint, refused, called off, out of time. */
import { getEventListeners } from 'node:events';
import { type Address, AF_INET6, AF_UNIX, constants, type Reactor, Socket, StateError } from 'iomux';
import { createConnection, type Protocol, type Transport } from 'iomux/streams';
import { type Coroutine, createTask, sleep, TimeoutError, value } from 'iomux/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { portOf } from '../support/connections.js';
import { descriptorCount } from '../support/leaks.js';
import { drain, send } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { accepted, isAsked, listenerAt, listenerOn, silentListener } from '../support/server-peers.js';
import { refusingAddress, tcpPair } from '../support/sockets.js';
import { HOSTED, openReactor, playTask, thrownAt } from '../support/task-scenes.js';
import { TemporaryFolder } from '../support/temporary.js';
import { codeOf } from '../support/transport-peers.js';
import { Recorder } from '../support/transport-recorder.js';

const { IPPROTO_TCP = 0, TCP_NODELAY = 0 } = constants;

/** A protocol's maker that was not to be called. */
const unwanted = (): Protocol => {
  throw new Error('no protocol is needed');
};

/** Waits until something holds, an iteration at a time. */
function* until(condition: () => boolean): Coroutine<void> {
  while (!condition()) yield;
}

describeReactors((setting, open) => {
  const played = <T>(work: (reactor: Reactor) => Coroutine<T>): Promise<T> => {
    const reactor = open();
    return playTask(reactor, setting, () => work(reactor));
  };

  describe('createConnection', () => {
    it('makes the protocol when it is connected, tells it, and then delivers the transport', async () => {
      const listener = listenerOn();
      const order: string[] = [];
      await played(function* (reactor) {
        let made: Transport | undefined;
        const protocol = new Recorder({
          connectionMade(transport) {
            made = transport;
            order.push('made');
          },
        });
        const future = createConnection(() => {
          order.push(`peer ${isAsked(listener)}`);
          return protocol;
        }, listener.localAddress);
        order.push('called');
        const transport = yield* value(future);
        order.push('delivered');
        expect(transport).toBe(made);
        expect(transport.reactor).toBe(reactor);
        expect(transport.remoteAddress).toEqual(listener.localAddress);
        const peer = accepted(listener);
        send(peer, 'hello');
        yield* until(() => protocol.length === 5);
        transport.write('world');
        transport.close();
        yield* until(() => protocol.errors.length === 1);
        expect(protocol.errors).toEqual([null]);
        expect(drain(peer)).toBe(5);
      });
      expect(order).toEqual(['called', 'peer true', 'made', 'delivered']);
    });

    it('connects to a Unix path, and to a socket that is connected already', async () => {
      using folder = new TemporaryFolder();
      const path = folder.join('socket');
      const listener = listenerAt({ path });
      const [near, far] = Socket.pair();
      onTestFinished(() => far.close());
      await played(function* () {
        const transport = yield* value(createConnection({}, { path }));
        expect(transport.remoteAddress).toEqual({ path });
        expect(transport.socket.family).toBe(AF_UNIX);
        send(accepted(listener), '.');

        const order: string[] = [];
        const protocol = new Recorder({ connectionMade: () => order.push('made') });
        const future = createConnection(protocol, { socket: near });
        order.push('called');
        const other = yield* value(future);
        expect(order).toEqual(['called', 'made']);
        expect(other.socket).toBe(near);
        other.write('.');
        expect(drain(far)).toBe(1);
        for (const one of [transport, other]) one.abort();
      });
    });

    it('rejects with the refusal and its address, and makes no protocol', async () => {
      using folder = new TemporaryFolder();
      const tcp = refusingAddress();
      const path = folder.join('nobody');
      await played(function* () {
        const before = descriptorCount();
        const refused = yield* thrownAt(() => createConnection(unwanted, tcp));
        expect(refused).toMatchObject({
          code: 'ECONNREFUSED',
          syscall: 'connect',
          address: tcp.address,
          port: tcp.port,
        });
        const missing = yield* thrownAt(() => createConnection(unwanted, { path }));
        expect(missing).toMatchObject({ code: 'ENOENT', syscall: 'connect', path });
        expect(descriptorCount()).toBe(before);
      });
    });

    it('closes the socket where it is cancelled, aborted, or out of time', async () => {
      const address = silentListener().localAddress;
      await played(function* (reactor) {
        const before = descriptorCount();
        const cancelled = createConnection(unwanted, address);
        const controller = new AbortController();
        const aborted = createConnection(unwanted, address, { signal: controller.signal });
        expect(descriptorCount()).toBe(before + 2);
        yield sleep(10);
        expect(cancelled.cancel()).toBe(true);
        expect(descriptorCount()).toBe(before + 1);
        const reason = new Error('no longer needed');
        controller.abort(reason);
        expect(descriptorCount()).toBe(before);
        expect(yield* thrownAt(() => aborted)).toBe(reason);
        const begun = reactor.time();
        const late = createConnection(unwanted, address, { timeout: 30 });
        expect(yield* thrownAt(() => late)).toBeInstanceOf(TimeoutError);
        expect(reactor.time() - begun).toBeGreaterThanOrEqual(30);
        expect(descriptorCount()).toBe(before);
        expect(reactor.selector.getMap().size).toBe(0);
      });
    });

    it('aborts a connection whose task was cancelled before it got it', async () => {
      const listener = listenerOn();
      const protocol = new Recorder();
      await played(function* () {
        const task = createTask(function* () {
          yield* value(createConnection(protocol, listener.localAddress));
          throw new Error('it was delivered');
        });
        // Made, but not delivered yet.
        yield* until(() => protocol.events.length > 0);
        task.cancel();
        yield* until(() => protocol.errors.length > 0);
        expect(task.cancelled()).toBe(true);
        expect(protocol.events).toEqual(['made', 'lost']);
        expect(protocol.transport.socket.closed).toBe(true);
      });
    });

    it('waits for room in the queue of a Unix listener', async () => {
      using folder = new TemporaryFolder();
      const listener = listenerAt({ path: folder.join('full') }, 0);
      fillUnixQueue(listener);
      await played(function* () {
        const endpoint = { path: folder.join('full') };
        const waiting = createConnection({}, endpoint);
        // What becomes of the object is no concern of the connection any more.
        endpoint.path = folder.join('nowhere');
        const cancelled = createConnection(unwanted, listener.localAddress);
        yield sleep(20);
        expect(waiting.done()).toBe(false);
        cancelled.cancel();
        while (!waiting.done()) {
          listener.accept()?.close();
          yield sleep(1);
        }
        waiting.result().abort();
      });
    });
  });
});

/** A Unix listener says at once that its queue is full. */
function fillUnixQueue(listener: Socket): void {
  for (;;) {
    const filler = new Socket(AF_UNIX);
    onTestFinished(() => filler.close());
    try {
      filler.connect(listener.localAddress);
    } catch (error) {
      expect(codeOf(error)).toBe('EAGAIN');
      return;
    }
  }
}

describe('createConnection', () => {
  const played = <T>(work: (reactor: Reactor) => Coroutine<T>): Promise<T> => {
    const reactor = openReactor();
    return playTask(reactor, HOSTED, () => work(reactor));
  };
  const option = (transport: Transport) => transport.socket.getOption(IPPROTO_TCP, TCP_NODELAY);

  it('resolves a name, and needs no resolver for a numeric host', async () => {
    const four = listenerOn();
    const six = listenerOn('::1');
    const port = portOf(four.localAddress);
    await played(function* () {
      const named = yield* value(createConnection({}, { host: 'localhost', port }));
      expect(named.remoteAddress).toMatchObject({ port });
      const numeric = yield* value(createConnection({}, { host: '127.0.0.1', port }));
      expect(numeric.remoteAddress).toEqual(four.localAddress);
      const other = yield* value(createConnection({}, { host: '::1', port: portOf(six.localAddress) }));
      expect(other.socket.family).toBe(AF_INET6);
      const unknown = yield* thrownAt(() => createConnection(unwanted, { host: 'unknown.invalid', port }));
      expect(unknown).toMatchObject({
        code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
        hostname: 'unknown.invalid',
      });
      for (const transport of [named, numeric, other]) transport.abort();
    });
  });

  it('sends small segments at once, unless it is told not to', async () => {
    const listener = listenerOn();
    await played(function* () {
      const given = () => {
        const [near, far] = tcpPair();
        onTestFinished(() => far.close());
        return { socket: near };
      };
      for (const endpoint of [() => listener.localAddress, given]) {
        const usual = yield* value(createConnection({}, endpoint()));
        expect(option(usual)).not.toBe(0);
        const patient = yield* value(createConnection({}, endpoint(), { noDelay: false }));
        expect(option(patient)).toBe(0);
        for (const transport of [usual, patient]) transport.abort();
      }
    });
  });

  it('opens nothing where it was aborted before, and leaves no listener at the signal', async () => {
    const listener = listenerOn();
    await played(function* () {
      const before = descriptorCount();
      const reason = new Error('not even begun');
      const signal = AbortSignal.abort(reason);
      const future = createConnection(unwanted, listener.localAddress, { signal });
      expect(descriptorCount()).toBe(before);
      expect(yield* thrownAt(() => future)).toBe(reason);
      expect(isAsked(listener)).toBe(false);

      const controller = new AbortController();
      const transport = yield* value(
        createConnection({}, listener.localAddress, { signal: controller.signal, timeout: 500 }),
      );
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
      controller.abort();
      yield sleep(550);
      expect(transport.closing).toBe(false);
      transport.abort();
    });
  });

  it('closes the connection where the protocol cannot be made, or is none', async () => {
    const listener = listenerOn();
    await played(function* () {
      const before = descriptorCount();
      const failure = new Error('no protocol today');
      const throwing = () => {
        throw failure;
      };
      expect(yield* thrownAt(() => createConnection(throwing, listener.localAddress))).toBe(failure);
      const none = (() => 7) as unknown as () => Protocol;
      const refused = yield* thrownAt(() => createConnection(none, listener.localAddress));
      expect(refused).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
      const [near, far] = Socket.pair();
      onTestFinished(() => far.close());
      expect(yield* thrownAt(() => createConnection(throwing, { socket: near }))).toBe(failure);
      expect(near.closed).toBe(true);
      expect(descriptorCount()).toBe(before + 1);
    });
  });

  it('ends the connection where it is called off by the protocol itself', async () => {
    const listener = listenerOn();
    await played(function* () {
      const before = descriptorCount();
      const inFactory = createConnection(() => {
        inFactory.cancel();
        return { connectionMade: () => expect.unreachable() };
      }, listener.localAddress);
      yield* until(() => inFactory.done());
      expect(descriptorCount()).toBe(before);
      const protocol = new Recorder({ connectionMade: () => told.cancel() });
      const told = createConnection(protocol, listener.localAddress);
      yield* until(() => protocol.errors.length > 0);
      expect(protocol.events).toEqual(['made', 'lost']);
      expect(told.cancelled()).toBe(true);
      expect(descriptorCount()).toBe(before);
    });
  });

  it('fails with ECANCELED where the reactor is closed, whatever it was doing', async () => {
    using folder = new TemporaryFolder();
    const silent = silentListener().localAddress;
    const full = listenerAt({ path: folder.join('full') }, 0);
    fillUnixQueue(full);
    const [near, far] = Socket.pair();
    onTestFinished(() => far.close());
    const before = descriptorCount();
    const reactor = openReactor();
    const futures = [
      createConnection(unwanted, silent, { reactor }),
      createConnection(unwanted, full.localAddress, { reactor }),
      createConnection(unwanted, { socket: near }, { reactor }),
      createConnection(unwanted, { host: 'localhost', port: 1 }, { reactor }),
    ];
    const ended = Promise.allSettled(futures);
    reactor.close();
    expect(
      (await ended).map((end) => (end.status === 'rejected' ? codeOf(end.reason) : 'connected')),
    ).toEqual(futures.map(() => 'ECANCELED'));
    expect(near.closed).toBe(true);
    expect(descriptorCount()).toBe(before - 1);
  });

  it('refuses a name in a blocking run, but no numeric host', async () => {
    const reactor = openReactor();
    const listener = listenerOn();
    const port = portOf(listener.localAddress);
    await playTask(reactor, { ...HOSTED, mode: 'blocking' }, function* () {
      expect(() => createConnection(unwanted, { host: 'localhost', port })).toThrow(StateError);
      expect(() => createConnection(unwanted, { host: 'localhost', port })).toThrow(/await reactor\.run\(\)/);
      const transport = yield* value(createConnection({}, { host: '127.0.0.1', port }));
      transport.abort();
    });
  });

  it('uses the reactor that runs, where none is named', async () => {
    const listener = listenerOn();
    await played(function* (reactor) {
      const transport = yield* value(createConnection({}, listener.localAddress as Address));
      expect(transport.reactor).toBe(reactor);
      transport.abort();
    });
  });
});
