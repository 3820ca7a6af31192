/** A connected socket that gets a number which was another's. */
import type { Socket } from 'iomux';
import { socketPair } from './pairs.js';

/** The kernel hands out the lowest free number, so a free one comes up after as many opens as lie below it. */
const MOST_PAIRS = 2048;

/** A connected socket with the number `fd`, which is free, and its peer: closed when the test ends. */
export function successor(fd: number): [near: Socket, peer: Socket] {
  const others: Socket[] = [];
  try {
    while (others.length < 2 * MOST_PAIRS) {
      const [one, other] = socketPair();
      if (one.fileno() === fd) return [one, other];
      if (other.fileno() === fd) return [other, one];
      others.push(one, other);
    }
    throw new Error(`descriptor ${fd} did not come up again`);
  } finally {
    for (const other of others) other.close();
  }
}
