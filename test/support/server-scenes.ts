/** Servers in coroutines: what they accepted, and their clients. */
import type { Address, Reactor } from 'iomux';
import { Socket, WOULD_BLOCK } from 'iomux';
import { createServer, type Endpoint, type Server, type ServerOptions } from 'iomux/streams';
import { type Coroutine, value } from 'iomux/tasks';
import { onTestFinished } from 'vitest';
import { connect } from './connections.js';
import { type Hooks, Recorder } from './transport-recorder.js';

export const LOOPBACK: Endpoint = { address: '127.0.0.1', port: 0 };

/** A server, and the protocols of its connections in the order in which they came. */
export interface Serving {
  readonly server: Server;
  readonly protocols: Recorder[];
  readonly address: Address;
}

/** Begins to serve; closed when the test ends. */
export function* serving(
  hooks: Hooks = {},
  options: ServerOptions = {},
  endpoint: Endpoint = LOOPBACK,
): Coroutine<Serving> {
  const protocols: Recorder[] = [];
  const factory = () => {
    const protocol = new Recorder(hooks);
    protocols.push(protocol);
    return protocol;
  };
  const server = yield* value(createServer(factory, endpoint, options));
  onTestFinished(() => {
    server.close();
    server.abortClients();
  });
  return { server, protocols, address: addressOf(server) };
}

/** Where a server listens that listens at one address. */
export function addressOf(server: Server): Address {
  const [address] = server.addresses;
  if (address === undefined) throw new Error('the server has no address');
  return address;
}

/** A client that is connected, whether it was accepted or not; closed when the test ends. */
export function clientOf(address: Address, family?: number): Socket {
  const socket = new Socket(family ?? familyOf(address));
  onTestFinished(() => socket.close());
  connect(socket, address);
  return socket;
}

function familyOf(address: Address): number {
  using socket = Socket.listen('path' in address ? { path: '' } : { ...address, port: 0 });
  return socket.family;
}

/** Waits until something holds, an iteration at a time. */
export function* until(condition: () => boolean): Coroutine<void> {
  while (!condition()) yield;
}

/** What a client hears: 'nothing' yet, 'end', 'reset', or the text that came. */
export function heard(client: Socket): string {
  const buffer = Buffer.alloc(65_536);
  try {
    const count = client.recv(buffer);
    if (count === WOULD_BLOCK) return 'nothing';
    return count === 0 ? 'end' : buffer.toString('utf8', 0, count);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ECONNRESET') return 'reset';
    throw error;
  }
}

/** How often a reactor has turned since. */
export function iterationsOf(reactor: Reactor): () => number {
  let count = 0;
  const turn = () => {
    count++;
    reactor.callSoon(turn);
  };
  reactor.callSoon(turn);
  return () => count;
}
