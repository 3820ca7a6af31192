/** Whether a reactor will ever call anybody again. */
import type { Reactor } from '../reactor/reactor.js';

/** It was closed, or its selector was, behind its back: what is to be told must be told now. */
export function hasEnded(reactor: Reactor): boolean {
  return reactor.state === 'closed' || reactor.selector.closed;
}
