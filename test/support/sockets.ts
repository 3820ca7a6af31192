/** Connected TCP sockets over the loopback. */
import { type Address, Socket } from 'iomux';

export type InetAddress = Extract<Address, { port: number }>;

/** Waits without readiness calls, which are what is under test: the loopback answers at once. */
function until<T>(attempt: () => T | null | false): T {
  const limit = performance.now() + 10_000;
  for (;;) {
    const result = attempt();
    if (result !== null && result !== false) return result;
    if (performance.now() > limit) throw new Error('the loopback did not answer within 10 s');
  }
}

/** Client and accepted connection. */
export function tcpPair(): [client: Socket, server: Socket] {
  using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
  const client = new Socket();
  client.connect(listener.localAddress);
  const server = until(() => listener.accept());
  until(() => client.finishConnect());
  return [client, server];
}

/** A port of the loopback at which nobody listens. */
export function refusingAddress(): InetAddress {
  using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
  return listener.localAddress as InetAddress;
}
