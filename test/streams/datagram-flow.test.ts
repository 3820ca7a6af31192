/** Datagrams for which there is no room: who waits for whom, how much is kept, and for how long. */
import { type Address, AF_UNIX, type Reactor, SOCK_DGRAM, Socket } from 'iomux';
import { createDatagramEndpoint, type DatagramTransport } from 'iomux/streams';
import { type Coroutine, sleep, value } from 'iomux/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeReactors } from '../support/reactors.js';
import { type DatagramHooks, DatagramRecorder } from '../support/server-datagrams.js';
import { until } from '../support/server-scenes.js';
import { HOSTED, openReactor, playTask, type Reported } from '../support/task-scenes.js';
import { TemporaryFolder } from '../support/temporary.js';

/** A Unix receiver takes 10 datagrams only, on some systems 512. */
const TOO_MANY = 600;
const HIGH = 64 * 1024;
const LOW = 16 * 1024;
/** What a datagram counts beside its bytes. */
const HEADER = 8;

/** A plain socket, closed when the test ends. */
function receiverAt(path: string): Socket {
  const socket = new Socket(AF_UNIX, SOCK_DGRAM);
  onTestFinished(() => socket.close());
  socket.bind({ path });
  return socket;
}

function received(socket: Socket): string[] {
  const buffer = Buffer.alloc(65_536);
  const texts: string[] = [];
  for (;;) {
    const got = socket.recvFrom(buffer);
    if (got === null) return texts;
    texts.push(buffer.toString('utf8', 0, got.length));
  }
}

interface Ends {
  readonly transport: DatagramTransport;
  readonly protocol: DatagramRecorder;
  readonly receiver: Socket;
  /** The receiver's. */
  readonly address: Address;
  readonly folder: TemporaryFolder;
}

/** An endpoint without a remote address, and a receiver that does not read. */
function* opened(hooks: DatagramHooks = {}): Coroutine<Ends> {
  const folder = new TemporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  const receiver = receiverAt(folder.join('receiver'));
  const protocol = new DatagramRecorder(hooks);
  const local = { path: folder.join('own') };
  const transport = yield* value(createDatagramEndpoint(protocol, { local }));
  onTestFinished(() => transport.abort());
  return { transport, protocol, receiver, address: receiver.localAddress, folder };
}

/** Sends until the endpoint has had enough. @returns how many. */
function fill(transport: DatagramTransport, address: Address): number {
  const data = Buffer.alloc(100);
  for (let sent = 1; sent < 10_000; sent++) if (!transport.send(data, address)) return sent;
  throw new Error('it never has enough');
}

describeReactors((setting, open) => {
  it('a Unix receiver that never reads holds up no other', async () => {
    const reactor = open();
    await playTask(reactor, setting, function* () {
      const { transport, protocol, address, folder } = yield* opened();
      const others = ['first', 'second'].map((name) => receiverAt(folder.join(name)));
      for (let index = 0; index < TOO_MANY; index++) transport.send(Buffer.from('.'), address);
      const texts: string[][] = [[], []];
      for (let index = 0; index < TOO_MANY; index++) {
        for (const other of others) transport.send(Buffer.from(`${index}`), other.localAddress);
      }
      const all = Array.from({ length: TOO_MANY }, (_, index) => `${index}`);
      yield* until(() => {
        others.forEach((other, index) => {
          texts[index]?.push(...received(other));
        });
        return texts.every(({ length }) => length >= TOO_MANY);
      });
      expect(texts).toEqual([all, all]);
      expect(transport.writeBufferSize).toBeGreaterThan(0);
      expect(protocol.events).toEqual(['made']);
      transport.abort();
      yield* until(() => transport.socket.closed);
    });
  });
});

describe('a datagram endpoint', () => {
  const played = <T>(work: (reactor: Reactor) => Coroutine<T>, errors?: Reported[]): Promise<T> => {
    const reactor = openReactor(errors);
    return playTask(reactor, HOSTED, () => work(reactor));
  };

  it('sends in order to one receiver, however its address is written', async () => {
    await played(function* () {
      const { transport, receiver, address, folder } = yield* opened();
      const same = { path: Buffer.from(folder.join('receiver')) };
      for (let index = 0; index < TOO_MANY; index++) {
        transport.send(Buffer.from(`${index}`), index % 2 === 0 ? address : same);
      }
      const texts: string[] = [];
      yield* until(() => {
        texts.push(...received(receiver));
        return texts.length === TOO_MANY;
      });
      expect(texts.map(Number)).toEqual(Array.from({ length: TOO_MANY }, (_, index) => index));
    });
  });

  it('says when too much waits, and when there is room again', async () => {
    await played(function* (reactor) {
      const { transport, protocol, receiver, address } = yield* opened({
        pauseWriting: (own) => expect(own.writeBufferSize).toBeGreaterThan(HIGH),
        resumeWriting: (own) => expect(own.writeBufferSize).toBeLessThanOrEqual(LOW),
      });
      expect(transport.reactor).toBe(reactor);
      expect(transport.send(Buffer.alloc(100), address)).toBe(true);
      expect(transport.writeBufferSize).toBe(0);
      const sent = fill(transport, address) + 1;
      expect(transport.writeBufferSize).toBeGreaterThan(HIGH);
      expect(transport.writeBufferSize).toBeLessThanOrEqual(HIGH + 100 + HEADER);
      expect(transport.send(Buffer.alloc(100), address)).toBe(false);
      expect(protocol.events).toEqual(['made', 'pause']);
      const texts: string[] = [];
      yield* until(() => {
        texts.push(...received(receiver));
        return texts.length === sent + 1;
      });
      yield* until(() => transport.writeBufferSize === 0);
      expect(protocol.events).toEqual(['made', 'pause', 'resume']);
      expect(transport.send(Buffer.alloc(100), address)).toBe(true);
    });
  });

  it('counts empty datagrams, too', async () => {
    await played(function* () {
      const { transport, address } = yield* opened();
      for (let index = 0; index < TOO_MANY; index++) transport.send(new Uint8Array(), address);
      const before = transport.writeBufferSize;
      transport.send(new Uint8Array(), address);
      expect(transport.writeBufferSize).toBe(before + HEADER);
    });
  });

  it('goes on where pauseWriting throws, and ends where it aborts', async () => {
    const errors: Reported[] = [];
    const failure = new Error('not mine');
    await played(function* () {
      const throwing = yield* opened({
        pauseWriting: () => {
          throw failure;
        },
      });
      fill(throwing.transport, throwing.address);
      expect(errors).toMatchObject([[failure, { source: 'transport' }]]);
      expect(throwing.transport.closing).toBe(false);
      const aborting = yield* opened({ pauseWriting: (own) => own.abort() });
      fill(aborting.transport, aborting.address);
      expect(aborting.transport.closing).toBe(true);
      expect(aborting.transport.writeBufferSize).toBe(0);
      yield* until(() => aborting.protocol.lost.length > 0);
      expect(aborting.protocol.events).toEqual(['made', 'pause', 'lost']);
    }, errors);
  });

  it('that is closed drops what nobody has taken after 5 s, and says so', async () => {
    await played(function* (reactor) {
      const { transport, protocol, receiver, address, folder } = yield* opened();
      const other = receiverAt(folder.join('other'));
      for (let index = 0; index < TOO_MANY; index++) transport.send(Buffer.from('.'), address);
      transport.send(Buffer.from('last'), other.localAddress);
      const begun = reactor.time();
      transport.close();
      expect(transport.closing).toBe(true);
      yield sleep(50);
      expect(received(other)).toEqual(['last']);
      expect(protocol.events).toEqual(['made']);
      yield* until(() => protocol.lost.length > 0);
      expect(reactor.time() - begun).toBeGreaterThanOrEqual(5_000);
      expect(protocol.events).toEqual(['made', 'error', 'lost']);
      expect(protocol.errors).toEqual(['ETIMEDOUT']);
      expect(protocol.lost).toEqual([null]);
      expect(transport.socket.closed).toBe(true);
      expect(received(receiver).length).toBeLessThan(TOO_MANY);
      expect(reactor.selector.getMap().size).toBe(0);
    });
  });

  it('keeps the process alive, unless it is told not to', async () => {
    await played(function* (reactor) {
      const { transport } = yield* opened();
      const { alive } = reactor.watchers;
      expect(transport.unref()).toBe(transport);
      expect(reactor.watchers.alive).toBe(alive - 1);
      expect(transport.ref()).toBe(transport);
      expect(reactor.watchers.alive).toBe(alive);
    });
  });
});
