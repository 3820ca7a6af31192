/** TLS connections with a protocol at the end that is ours, and Node's own sockets, or nobody, at the other. */

import type { TLSSocket } from 'node:tls';
import { EVENT_READ, type Reactor, Socket } from 'iomux';
import type { Protocol, Transport } from 'iomux/streams';
import { DuplexTransport } from '../../lib/streams/duplex-transport.js';
import { SocketTransport } from '../../lib/streams/socket-transport.js';
import type { TlsClient, TlsServer } from '../../lib/streams/tls.js';
import { portOf } from './connections.js';
import { afterwards } from './duplex-peers.js';

/** What happens to a connection, in order. */
export class TlsRecorder implements Protocol {
  readonly events: string[] = [];
  readonly lost: Promise<void>;
  transport: Transport | undefined;
  #end: () => void = () => {};

  constructor(callbacks: Partial<Protocol> = {}) {
    Object.assign(this, callbacks);
    this.lost = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  connectionMade(transport: Transport): void {
    this.transport = transport;
    this.events.push('made');
  }

  dataReceived(data: Buffer): void {
    this.events.push(`data ${data}`);
  }

  eofReceived(): boolean | undefined {
    this.events.push('eof');
    return undefined;
  }

  pauseWriting(): void {
    this.events.push('pause');
  }

  resumeWriting(): void {
    this.events.push('resume');
  }

  connectionLost(error: Error | null): void {
    this.events.push(
      error === null ? 'lost' : `lost ${(error as NodeJS.ErrnoException).code ?? error.message}`,
    );
    this.#end();
  }
}

/** Connects, and does the handshake. @throws (rejects) why it failed. */
export async function connectSecurely(
  reactor: Reactor,
  port: number,
  tls: TlsClient,
  protocol: Protocol,
  onRaw: (raw: Transport) => void = () => {},
): Promise<DuplexTransport> {
  const socket = new Socket();
  await reactor.sockConnect(socket, { address: '127.0.0.1', port });
  return await new Promise((resolve, reject) => {
    const connectionMade = (raw: Transport) => {
      afterwards(() => raw.abort());
      const onSecure = (secure: TLSSocket) => resolve(DuplexTransport.start(secure, raw, protocol));
      tls.secure(raw, onSecure, reject);
      onRaw(raw);
    };
    SocketTransport.start(reactor, socket, { connectionMade });
  });
}

/** Serves TLS at a free port of the loopback. @returns the port. */
export function listenSecurely(
  reactor: Reactor,
  tls: TlsServer,
  protocol: () => Protocol,
  onFailure: (error: Error) => void = (error) => {
    throw error;
  },
): number {
  const listener = Socket.listen({ address: '127.0.0.1', port: 0 });
  afterwards(() => listener.close());
  const connectionMade = (raw: Transport) => {
    afterwards(() => raw.abort());
    tls.secure(raw, (secure) => DuplexTransport.start(secure, raw, protocol()), onFailure);
  };
  reactor.watch(listener, EVENT_READ, () => {
    for (let socket = listener.accept(); socket !== null; socket = listener.accept()) {
      SocketTransport.start(reactor, socket, { connectionMade });
    }
  });
  return portOf(listener.localAddress);
}
