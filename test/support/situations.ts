/** The states that a descriptor can be in, each made for real and settled: what a readiness call says of it is final. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import {
  AF_INET,
  AF_UNIX,
  constants,
  createSelector,
  EVENT_READ,
  type FileLike,
  Poll,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  Socket,
  selectorBackends,
  WOULD_BLOCK,
} from 'iomux';
import { datagramSocket, TcpConnection } from './connections.js';
import { openPipe } from './pipes.js';
import { refusingAddress } from './sockets.js';
import { TemporaryFolder } from './temporary.js';

const { POLLIN = 0, POLLOUT = 0, POLLPRI = 0, POLLERR = 0, POLLHUP = 0, POLLRDHUP = 0 } = constants;
const { SOL_SOCKET = 0, SO_LINGER = 0, MSG_OOB = 0 } = constants;
/** Long enough for a loaded machine. */
const PATIENCE = 10_000;
const byte = Buffer.from('x');
const chunk = Buffer.alloc(65_536);

/** What a situation is made of; closed in the end, the last first. */
export class Scene implements Disposable {
  readonly #parts: Disposable[] = [];

  use<T extends Disposable>(part: T): T {
    this.#parts.push(part);
    return part;
  }

  useAll<T extends readonly Disposable[]>(parts: T): T {
    this.#parts.push(...parts);
    return parts;
  }

  descriptor(fd: number): number {
    this.#parts.push({ [Symbol.dispose]: () => closeSync(fd) });
    return fd;
  }

  [Symbol.dispose](): void {
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) part[Symbol.dispose]();
  }
}

/** Waits until poll(2) reports all of `wanted`: what goes over a network takes its time, even to oneself. */
function settle<T extends FileLike>(file: T, wanted: number): T {
  const poll = new Poll();
  const limit = performance.now() + PATIENCE;
  poll.register(file, wanted & ~(POLLERR | POLLHUP));
  while (((poll.poll(PATIENCE)[0]?.[1] ?? 0) & wanted) !== wanted) {
    if (performance.now() > limit) throw new Error(`not settled within ${PATIENCE} ms`);
  }
  return file;
}

/** Sends until the kernel takes no more, now and after all that is under way has arrived. */
function fill(socket: Socket): Socket {
  const poll = new Poll();
  poll.register(socket, POLLOUT);
  do {
    while (socket.send(chunk) !== WOULD_BLOCK);
  } while (poll.poll(20).length > 0);
  return socket;
}

/** The next close resets the connection instead of ending it. */
function resetOnClose(socket: Socket): void {
  socket.setOption(SOL_SOCKET, SO_LINGER, Buffer.from(Int32Array.of(1, 0).buffer));
}

function connection(scene: Scene): TcpConnection {
  return scene.use(new TcpConnection());
}

function pair(scene: Scene, type?: number): [Socket, Socket] {
  return scene.useAll(Socket.pair(AF_UNIX, type));
}

function refused(scene: Scene): Socket {
  const socket = scene.use(new Socket());
  socket.connect(refusingAddress());
  return settle(socket, POLLERR | POLLHUP);
}

/** Each makes one situation and returns the descriptor that is in it. */
export const situations: Readonly<Record<string, (scene: Scene) => FileLike>> = {
  'TCP, never connected': (scene) => scene.use(new Socket()),
  'TCP, bound, never connected': (scene) => {
    const socket = scene.use(new Socket());
    socket.bind({ address: '127.0.0.1', port: 0 });
    return socket;
  },
  'TCP listener, nobody waits': (scene) => scene.use(Socket.listen({ address: '127.0.0.1', port: 0 })),
  'TCP listener, somebody waits': (scene) => {
    const listener = scene.use(Socket.listen({ address: '127.0.0.1', port: 0 }));
    scene.use(new Socket()).connect(listener.localAddress);
    return settle(listener, POLLIN);
  },
  'TCP, connect refused': refused,
  'TCP, connect refused, error taken': (scene) => {
    const socket = refused(scene);
    socket.takeError();
    return socket;
  },
  'TCP, connected': (scene) => connection(scene).client,
  'TCP, data waits': (scene) => {
    const { client, server } = connection(scene);
    server.send(byte);
    return settle(client, POLLIN);
  },
  'TCP, peer takes no more': (scene) => fill(connection(scene).client),
  'TCP, peer shut its writing': (scene) => {
    const { client, server } = connection(scene);
    server.shutdown('write');
    return settle(client, POLLRDHUP);
  },
  'TCP, peer shut its writing, data waits': (scene) => {
    const { client, server } = connection(scene);
    server.send(byte);
    server.shutdown('write');
    return settle(client, POLLIN | POLLRDHUP);
  },
  'TCP, reading shut here': (scene) => {
    const { client } = connection(scene);
    client.shutdown('read');
    return client;
  },
  'TCP, writing shut here': (scene) => {
    const { client, server } = connection(scene);
    client.shutdown('write');
    // The peer has acknowledged it once it has seen it.
    settle(server, POLLRDHUP);
    return client;
  },
  'TCP, both directions shut': (scene) => {
    const { client, server } = connection(scene);
    client.shutdown('write');
    settle(server, POLLRDHUP);
    server.shutdown('write');
    return settle(client, POLLHUP);
  },
  'TCP, reset by the peer': (scene) => {
    const { client, server } = connection(scene);
    resetOnClose(server);
    server.close();
    return settle(client, POLLERR | POLLHUP);
  },
  'TCP, reset by the peer, error taken': (scene) => {
    const { client, server } = connection(scene);
    resetOnClose(server);
    server.close();
    settle(client, POLLERR | POLLHUP).takeError();
    return client;
  },
  'TCP, urgent data': (scene) => {
    const { client, server } = connection(scene);
    server.send(byte, 0, 1, MSG_OOB);
    return settle(client, POLLPRI);
  },
  'UDP, idle': (scene) => scene.use(datagramSocket()),
  'UDP, a datagram waits': (scene) => {
    const socket = scene.use(datagramSocket());
    scene.use(new Socket(AF_INET, SOCK_DGRAM)).sendTo(byte, socket.localAddress);
    return settle(socket, POLLIN);
  },
  'UDP, nobody at the peer': (scene) => {
    const peer = datagramSocket();
    const socket = scene.use(new Socket(AF_INET, SOCK_DGRAM));
    socket.connect(peer.localAddress);
    peer.close();
    socket.send(byte);
    return settle(socket, POLLERR);
  },
  'Unix stream, never connected': (scene) => scene.use(new Socket(AF_UNIX)),
  'Unix listener, nobody waits': (scene) =>
    scene.use(Socket.listen({ path: scene.use(new TemporaryFolder()).join('socket') })),
  'Unix listener, somebody waits': (scene) => {
    const listener = scene.use(Socket.listen({ path: scene.use(new TemporaryFolder()).join('socket') }));
    scene.use(new Socket(AF_UNIX)).connect(listener.localAddress);
    return listener;
  },
  'Unix stream pair': (scene) => pair(scene)[0],
  'Unix stream pair, data waits': (scene) => {
    const [here, there] = pair(scene);
    there.send(byte);
    return here;
  },
  'Unix stream pair, peer takes no more': (scene) => fill(pair(scene)[0]),
  'Unix stream pair, peer shut its writing': (scene) => {
    const [here, there] = pair(scene);
    there.shutdown('write');
    return here;
  },
  'Unix stream pair, peer shut its reading': (scene) => {
    const [here, there] = pair(scene);
    there.shutdown('read');
    return here;
  },
  'Unix stream pair, both directions shut': (scene) => {
    const [here, there] = pair(scene);
    there.shutdown('both');
    return here;
  },
  'Unix stream pair, peer closed': (scene) => {
    const [here, there] = pair(scene);
    there.close();
    return here;
  },
  'Unix stream pair, peer closed, data waits': (scene) => {
    const [here, there] = pair(scene);
    there.send(byte);
    there.close();
    return here;
  },
  'Unix stream pair, peer closed without reading': (scene) => {
    const [here, there] = pair(scene);
    here.send(byte);
    there.close();
    return here;
  },
  'Unix datagram pair': (scene) => pair(scene, SOCK_DGRAM)[0],
  'Unix datagram pair, an empty datagram waits': (scene) => {
    const [here, there] = pair(scene, SOCK_DGRAM);
    there.send(Buffer.alloc(0));
    return here;
  },
  'Unix datagram pair, peer takes no more': (scene) => {
    const [here] = pair(scene, SOCK_DGRAM);
    while (here.send(byte) !== WOULD_BLOCK);
    return here;
  },
  'Unix datagram pair, peer closed': (scene) => {
    const [here, there] = pair(scene, SOCK_DGRAM);
    there.close();
    return here;
  },
  'Unix seqpacket pair, peer closed': (scene) => {
    const [here, there] = pair(scene, SOCK_SEQPACKET);
    there.close();
    return here;
  },
  'pipe, reader': (scene) => scene.use(openPipe()).reader,
  'pipe, reader, data waits': (scene) => {
    const { reader, writer } = scene.use(openPipe());
    writer.write('x');
    return reader;
  },
  'pipe, reader, writer gone': (scene) => {
    const { reader, writer } = scene.use(openPipe());
    writer.close();
    return reader;
  },
  'pipe, reader, writer gone, data waits': (scene) => {
    const { reader, writer } = scene.use(openPipe());
    writer.write('x');
    writer.close();
    return reader;
  },
  'pipe, writer': (scene) => scene.use(openPipe()).writer,
  'pipe, writer, full': (scene) => {
    const { writer } = scene.use(openPipe());
    writeSync(writer.fileno(), chunk);
    return writer;
  },
  'pipe, writer, reader gone': (scene) => {
    const { reader, writer } = scene.use(openPipe());
    reader.close();
    return writer;
  },
  'pipe, writer, full, reader gone': (scene) => {
    const { reader, writer } = scene.use(openPipe());
    writeSync(writer.fileno(), chunk);
    reader.close();
    return writer;
  },
  'regular file': (scene) => scene.descriptor(openSync(new URL(import.meta.url), 'r')),
  directory: (scene) => scene.descriptor(openSync(tmpdir(), 'r')),
  '/dev/null': (scene) => scene.descriptor(openSync('/dev/null', 'r+')),
};

const nested = selectorBackends().find((backend) => {
  using selector = createSelector(backend);
  return selector.capabilities.pollable;
});

/** Selectors that have a descriptor of their own can be watched, too. */
export const nestedSituations: typeof situations =
  nested === undefined
    ? {}
    : {
        'selector, nothing ready': (scene) => {
          const selector = scene.use(createSelector(nested));
          selector.register(pair(scene)[0], EVENT_READ);
          return selector;
        },
        'selector, something ready': (scene) => {
          const [here, there] = pair(scene);
          const selector = scene.use(createSelector(nested));
          selector.register(here, EVENT_READ);
          there.send(byte);
          return selector;
        },
      };

/** The raw bits of poll(2), and with the same names those of epoll(7). */
export const POLL_BITS = {
  IN: POLLIN,
  PRI: POLLPRI,
  OUT: POLLOUT,
  ERR: POLLERR,
  HUP: POLLHUP,
  RDHUP: POLLRDHUP,
};
