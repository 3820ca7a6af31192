/** Whom connections are made to: listeners that answer, and such that do not. */
import { type Address, Socket } from 'iomux';
import { onTestFinished } from 'vitest';
import { isReadable } from './readiness.js';

/** A listener that is closed when the test ends. */
export function listenerAt(address: Address, backlog?: number): Socket {
  const listener = Socket.listen(address, backlog === undefined ? {} : { backlog });
  onTestFinished(() => listener.close());
  return listener;
}

export function listenerOn(host = '127.0.0.1', port = 0): Socket {
  return listenerAt({ address: host, port });
}

/** A listener that accepts nobody and whose queue is full: whoever connects gets no answer, neither yes nor no. */
export function silentListener(host = '127.0.0.1', port = 0): Socket {
  const listener = listenerAt({ address: host, port }, 0);
  fillQueue(listener);
  return listener;
}

/** Connects until no connection is taken any more. */
export function fillQueue(listener: Socket): void {
  for (;;) {
    const filler = new Socket(listener.family);
    onTestFinished(() => filler.close());
    filler.connect(listener.localAddress);
    if (!connectsSoon(filler)) return;
  }
}

/** The loopback answers at once, if at all. */
function connectsSoon(socket: Socket): boolean {
  const limit = performance.now() + 50;
  while (performance.now() < limit) if (socket.finishConnect()) return true;
  return false;
}

/** Whether a connection waits to be accepted. */
export function isAsked(listener: Socket): boolean {
  return isReadable(listener);
}

/** The next connection, which must be there; closed when the test ends. */
export function accepted(listener: Socket): Socket {
  const socket = listener.accept();
  if (socket === null) throw new Error('nobody has connected');
  onTestFinished(() => socket.close());
  return socket;
}
