/** Connected sockets for tests that need something to become ready: closed when the test ends. */
import { Socket, WOULD_BLOCK } from 'iomux';
import { onTestFinished } from 'vitest';

/** Two Unix stream sockets; what goes in at one end is at once readable at the other. */
export function socketPair(): [near: Socket, far: Socket] {
  const pair = Socket.pair();
  onTestFinished(() => {
    for (const socket of pair) socket.close();
  });
  return pair;
}

/** Near ends that have something to read, `count` of them. */
export function readableSockets(count: number): Socket[] {
  return Array.from({ length: count }, () => {
    const [near, far] = socketPair();
    send(far);
    return near;
  });
}

export function send(socket: Socket, text = '.'): void {
  if (socket.send(Buffer.from(text)) !== text.length) throw new Error(`${text.length} bytes did not fit`);
}

/** Reads all there is; its length. */
export function drain(socket: Socket): number {
  const buffer = Buffer.alloc(65_536);
  let total = 0;
  for (;;) {
    const count = socket.recv(buffer);
    if (count === WOULD_BLOCK || count === 0) return total;
    total += count;
  }
}
