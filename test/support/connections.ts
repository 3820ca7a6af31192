/** Sockets that are connected to each other over a real network protocol. */
import { type Address, AF_INET, AF_INET6, SOCK_DGRAM, Socket } from 'iomux';
import { untilReadable, untilWritable } from './readiness.js';

/** The two ends of a TCP connection, and the listener it came through. */
export class TcpConnection implements Disposable {
  readonly listener: Socket;
  readonly client: Socket;
  readonly server: Socket;

  constructor(host = '127.0.0.1') {
    this.listener = Socket.listen({ address: host, port: 0 });
    this.client = new Socket(this.listener.family);
    connect(this.client, this.listener.localAddress);
    this.server = accept(this.listener);
  }

  [Symbol.dispose](): void {
    for (const socket of [this.client, this.server, this.listener]) socket.close();
  }
}

/** Connects, waiting until that is done. */
export function connect(socket: Socket, address: Address): void {
  if (socket.connect(address)) return;
  untilWritable(socket);
  if (!socket.finishConnect()) throw new Error('writable, but not connected');
}

/** The next connection, waiting for it. */
export function accept(listener: Socket): Socket {
  untilReadable(listener);
  const accepted = listener.accept();
  if (accepted === null) throw new Error('readable, but nobody is waiting');
  return accepted;
}

/** A datagram socket bound to a free port of this machine. */
export function datagramSocket(host = '127.0.0.1'): Socket {
  const socket = new Socket(host.includes(':') ? AF_INET6 : AF_INET, SOCK_DGRAM);
  socket.bind({ address: host, port: 0 });
  return socket;
}

/** The port of an address of the IP family. */
export function portOf(address: Address | null): number {
  if (address === null || 'path' in address) throw new Error('an address without a port');
  return address.port;
}
