/** Connections with a reader and a writer at one end and a plain socket at the other. */
import type { Future, Reactor, Socket } from 'iomux';
import { type Connection, StreamReader } from 'iomux/streams';
import { onTestFinished } from 'vitest';
import { SocketTransport } from '../../lib/streams/socket-transport.js';
import { StreamProtocol, type StreamProtocolOptions } from '../../lib/streams/stream-protocol.js';
import { openReactor } from './task-scenes.js';
import { connected, PAIRS, type Pair } from './transport-peers.js';

export interface StreamEnds extends Connection {
  /** The peer, closed when the test ends. */
  readonly far: Socket;
}

/** Connects, and gives one end a reader and a writer. */
export function streaming(
  reactor: Reactor,
  options: StreamProtocolOptions = {},
  pair: Pair = PAIRS['a Unix pair'] as Pair,
): StreamEnds {
  const { protocol, far } = connected(reactor, new StreamProtocol(options), pair);
  return { ...protocol.connection, far };
}

/** A reader and a writer at each end. */
export function twoStreams(
  reactor: Reactor,
  options: StreamProtocolOptions = {},
  pair: Pair = PAIRS['a Unix pair'] as Pair,
): [Connection, Connection] {
  const [near, far] = pair().map((socket) => {
    const protocol = new StreamProtocol(options);
    SocketTransport.start(reactor, socket, protocol);
    return protocol.connection;
  });
  if (near === undefined || far === undefined) throw new Error('a pair is two');
  return [near, far];
}

/** Makes readers that are fed by hand; their transport has a peer that says nothing. */
export function readerMaker(): (limit?: number) => StreamReader {
  const reactor = openReactor();
  const { writer } = streaming(reactor);
  onTestFinished(() => writer.abort());
  return (limit) => new StreamReader(writer.transport, limit);
}

/** What a future is at this moment: text for bytes, the error's code for an exception. */
export function stateOf(future: Future<unknown>): unknown {
  if (!future.done()) return 'pending';
  if (future.cancelled()) return 'cancelled';
  const error = future.exception() as { code?: string } | null;
  if (error !== null) return error.code ?? error;
  const result = future.result();
  return Buffer.isBuffer(result) ? result.toString('latin1') : result;
}

/** Done after so many milliseconds. A scene begins before its reactor runs, when sleep() would be another's. */
export function later(reactor: Reactor, milliseconds: number): Future<void> {
  const future = reactor.createFuture<void>();
  reactor.callLater(milliseconds, () => future.setResult());
  return future;
}
