/** Opens the echo server's listeners, one for each worker; at a Unix path in place of one that a dead server left. */
import { lstatSync, type Stats, unlinkSync } from 'node:fs';
import { type Address, AF_UNIX, Socket, SystemError } from 'iomux';

export interface Listener {
  readonly socket: Socket;
  /** Removes the Unix path, if what is there is still this listener's. */
  unlink(): void;
}

/**
 * Opens listeners that share one TCP port: the kernel spreads the connections over them.
 *
 * @throws SystemError with the address, as `listen`; none of them stays open.
 */
export function listenTogether(address: Address, count: number): Listener[] {
  if (count === 1) return [listen(address)];
  const listeners: Listener[] = [];
  try {
    // Whatever port the first one got, where any would do.
    while (listeners.length < count) {
      listeners.push(listen(listeners[0]?.socket.localAddress ?? address, { reusePort: true }));
    }
  } catch (error) {
    for (const { socket } of listeners) socket.close();
    throw error;
  }
  return listeners;
}

/** @throws SystemError with the address: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, … */
export function listen(address: Address, options: { readonly reusePort?: boolean } = {}): Listener {
  if (!('path' in address) || typeof address.path !== 'string') {
    const socket = Socket.listen(address, options);
    // Accepted connections inherit it: small answers go out at once, and no connection costs a call for it.
    socket.setNoDelay();
    return { socket, unlink: () => {} };
  }
  const { path } = address;
  const socket = listenAt(path);
  const bound = lookAt(path);
  return {
    socket,
    unlink() {
      const found = lookAt(path);
      if (found !== undefined && found.ino === bound?.ino && found.dev === bound.dev) unlinkSync(path);
    },
  };
}

function listenAt(path: string): Socket {
  try {
    return Socket.listen({ path });
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== 'EADDRINUSE' || !isStale(path)) throw error;
    unlinkSync(path);
    return Socket.listen({ path });
  }
}

/** Whether a path is a socket that nobody listens on: only asking tells. */
function isStale(path: string): boolean {
  if (lookAt(path)?.isSocket() !== true) return false;
  using socket = new Socket(AF_UNIX);
  try {
    socket.connect({ path });
    return false;
  } catch (error) {
    return error instanceof SystemError && error.code === 'ECONNREFUSED';
  }
}

function lookAt(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
