/** Streams over iomux sockets, for peers made of Node's own modules. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket as NetSocket, type Server } from 'node:net';
import { type Address, EVENT_READ, Reactor, Socket } from 'iomux';
import { ConnectionStream } from '../../lib/streams/connection-stream.js';
import { SocketTransport } from '../../lib/streams/socket-transport.js';
import type { Transport } from '../../lib/streams/transport.js';
import { portOf } from './connections.js';

let atEnd: (() => unknown)[] = [];

/** Has something done when the scene is over, before its reactor is closed; what was added last, first. */
export function afterwards(action: () => unknown): void {
  atEnd.push(action);
}

/**
 * A test with a reactor in Node's loop. An error that one of its callbacks throws fails the test.
 *
 * @param given - another reactor, which deals with errors itself.
 */
export function hosted(scene: (reactor: Reactor) => Promise<void>, given?: Reactor): () => Promise<void> {
  return async () => {
    const errors: unknown[] = [];
    const reactor = given ?? new Reactor({ onError: (error) => errors.push(error) });
    const running = reactor.run();
    try {
      await scene(reactor);
    } finally {
      for (const action of atEnd.reverse()) await action();
      atEnd = [];
      reactor.stop();
      await running;
      reactor.close();
    }
    if (errors.length > 0) throw errors[0];
  };
}

/** Serves each connection to a free port of the loopback. @returns the port. */
export function listenOver(reactor: Reactor, serve: (stream: ConnectionStream) => void): number {
  const listener = Socket.listen({ address: '127.0.0.1', port: 0 });
  const open = new Set<ConnectionStream>();
  afterwards(async () => {
    listener.close();
    await Promise.all([...open].map(destroyed));
  });
  reactor.watch(listener, EVENT_READ, () => {
    for (let socket = listener.accept(); socket !== null; socket = listener.accept()) {
      SocketTransport.start(reactor, socket, {
        connectionMade: (transport) => {
          const stream = new ConnectionStream(transport);
          open.add(stream);
          stream.once('close', () => open.delete(stream));
          serve(stream);
        },
      });
    }
  });
  return portOf(listener.localAddress);
}

/** A stream over a connection to `port` of the loopback, and its transport. */
export async function connectOver(reactor: Reactor, port: number): Promise<[ConnectionStream, Transport]> {
  const socket = new Socket();
  await reactor.sockConnect(socket, { address: '127.0.0.1', port });
  const transport = SocketTransport.start(reactor, socket, {});
  const stream = new ConnectionStream(transport);
  afterwards(() => destroyed(stream));
  return [stream, transport];
}

/** A server of Node's that listens at a free port of the loopback. @returns the port. */
export async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterwards(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A stream of ours, the socket of Node's at its other end, which keeps its half open, and the transport below. */
export async function streamAndPeer(reactor: Reactor): Promise<[ConnectionStream, NetSocket, Transport]> {
  const server = createServer({ allowHalfOpen: true });
  const port = await listening(server);
  const accepted = once(server, 'connection') as Promise<[NetSocket]>;
  const [stream, transport] = await connectOver(reactor, port);
  const [peer] = await accepted;
  afterwards(() => peer.on('error', () => {}).destroy());
  return [stream, peer, transport];
}

/** Two streams of ours that are connected to each other. */
export async function pairOfStreams(reactor: Reactor): Promise<[ConnectionStream, ConnectionStream]> {
  let accept: (stream: ConnectionStream) => void = () => {};
  const accepted = new Promise<ConnectionStream>((resolve) => {
    accept = resolve;
  });
  const [stream] = await connectOver(reactor, listenOver(reactor, accept));
  return [stream, await accepted];
}

/** The port at which a server of ours listens. */
export function portOfServer(server: { readonly addresses: readonly Address[] }): number {
  return portOf(server.addresses[0] ?? null);
}

/** Destroys a stream, unless it is, and waits until it is closed. */
async function destroyed(stream: ConnectionStream): Promise<void> {
  if (stream.closed) return;
  const end = new Promise((resolve) => stream.once('close', resolve));
  stream.on('error', () => {}).destroy();
  await end;
}
