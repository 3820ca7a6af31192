/** Counting the iterations of a reactor. */
import type { Reactor } from 'iomux';

/** Queues a callback for each iteration from now on; returns how many there were. The `last` stops the reactor. */
export function iterationsOf(reactor: Reactor, last?: number): () => number {
  let iterations = 0;
  const count = () => {
    if (++iterations === last) reactor.stop();
    else reactor.callSoon(count);
  };
  reactor.callSoon(count);
  return () => iterations;
}
