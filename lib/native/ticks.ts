/** What Node does between two of its own callbacks. */
import { native } from './load.js';

type Tick = () => void;

/** Node's own function for it: runs what process.nextTick() queued, then promise reactions. */
function tickOfNode(): Tick | null {
  const { _tickCallback: tick } = process as NodeJS.Process & { _tickCallback?: Tick };
  return typeof tick === 'function' ? tick.bind(process) : null;
}

const tick = tickOfNode();

/**
 * Runs every tick and promise reaction that is due. What one throws is an uncaught exception. Inside a promise reaction,
 * and at the top level of an ES module, which Node runs in one, only ticks run: the queue of reactions is at work then,
 * and does not begin anew.
 *
 * @returns whether this runtime can do it at all.
 */
export function runTicks(): boolean {
  if (tick === null) return false;
  for (;;) {
    try {
      tick();
      return true;
    } catch (error) {
      native.uncaught(error);
    }
  }
}
