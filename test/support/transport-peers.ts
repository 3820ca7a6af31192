/** Connections with a transport at one end and a plain socket at the other. */
import { constants, type Reactor, Socket, SystemError, WOULD_BLOCK } from 'iomux';
import type { Protocol, Transport } from 'iomux/streams';
import { onTestFinished } from 'vitest';
import { SocketTransport } from '../../lib/streams/socket-transport.js';
import { tcpPair } from './sockets.js';

const { SOL_SOCKET = 0, SO_LINGER = 0, SO_SNDBUF = 0 } = constants;

export type Pair = () => [near: Socket, far: Socket];

/** What streams are made of, by name. */
export const PAIRS: Readonly<Record<string, Pair>> = { 'a Unix pair': () => Socket.pair(), TCP: tcpPair };

export interface Ends<P> {
  readonly transport: Transport;
  readonly protocol: P;
  /** The peer, closed when the test ends. The transport's own socket ends with the reactor. */
  readonly far: Socket;
}

/** Connects, and gives one end to a transport. */
export function connected<P extends Protocol>(
  reactor: Reactor,
  protocol: P,
  pair: Pair = PAIRS['a Unix pair'] as Pair,
): Ends<P> {
  const [near, far] = pair();
  onTestFinished(() => far.close());
  return { transport: SocketTransport.start(reactor, near, protocol), protocol, far };
}

/** The same over TCP, which alone knows a reset. */
export function connectedByTcp<P extends Protocol>(reactor: Reactor, protocol: P): Ends<P> {
  return connected(reactor, protocol, tcpPair);
}

/** Closes a TCP socket by a reset: its peer hears of no end. */
export function reset(socket: Socket): void {
  socket.setOption(SOL_SOCKET, SO_LINGER, Buffer.from(Int32Array.of(1, 0).buffer));
  socket.close();
}

/** Has the kernel keep little of what is sent, so that transports must. */
export function narrow([near, far]: [Socket, Socket]): [Socket, Socket] {
  near.setOption(SOL_SOCKET, SO_SNDBUF, 8192);
  far.setOption(SOL_SOCKET, SO_SNDBUF, 8192);
  return [near, far];
}

/** Writes until the kernel takes no more, so that what follows is buffered; the bytes written. */
export function fill(transport: Transport, byte = '.'): number {
  const chunk = Buffer.alloc(65_536, byte);
  let written = 0;
  while (transport.writeBufferSize === 0) {
    transport.write(chunk);
    written += chunk.length;
  }
  return written;
}

/** All that the peer receives until the stream ends, or it has so many bytes. */
export async function receiveAll(
  reactor: Reactor,
  socket: Socket,
  length = Number.POSITIVE_INFINITY,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const buffer = Buffer.alloc(65_536);
  for (let total = 0; total < length; ) {
    const count = await reactor.sockRecv(socket, buffer);
    if (count === 0) break;
    total += count;
    chunks.push(Buffer.from(buffer.subarray(0, count)));
  }
  return Buffer.concat(chunks);
}

/** What is there to be received at this moment. */
export function receiveNow(socket: Socket): Buffer {
  const chunks: Buffer[] = [];
  const buffer = Buffer.alloc(65_536);
  for (;;) {
    const count = socket.recv(buffer);
    if (count === WOULD_BLOCK || count === 0) return Buffer.concat(chunks);
    chunks.push(Buffer.from(buffer.subarray(0, count)));
  }
}

/** What a promise is rejected with. */
export async function errorOf(promise: PromiseLike<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('it was not rejected');
}

/** The code of a system error; what else it is, otherwise. */
export function codeOf(error: unknown): string {
  if (error instanceof SystemError) return error.code;
  return error === null ? 'null' : `no SystemError but ${String(error)}`;
}
