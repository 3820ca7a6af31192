/** One iteration of a reactor: callbacks, then I/O, then timers; and all that waits for one. */
import type { Selector } from '../selectors/selector.js';
import type { Arrivals } from './arrivals.js';
import { CallbackQueue } from './callbacks.js';
import type { Report } from './errors.js';
import { PromiseWork } from './promises.js';
import type { Reactor } from './reactor.js';
import { Timers } from './timers.js';
import { Watchers, type WatchersOwner } from './watchers.js';

/**
 * Promises that a batch of events may settle: who waits for them goes on, and answers, before more is received. The first need
 * not wait for the last, nor the answers for what has left the processor's cache by then; and Linux interrupts the
 * processor that a peer runs on when 32 packets of its were received in a row (half of net.core.skb_defer_max), 2 % of an echo.
 */
const CROWD = 24;

// The global is a getter, which each look at the clock would call.
const { performance } = globalThis;

export class Loop {
  readonly callbacks = new CallbackQueue();
  readonly timers = new Timers();
  readonly watchers: Watchers;
  readonly promises: PromiseWork;
  readonly arrivals: Arrivals[] = [];
  readonly report: Report;
  /** Whether something else than watchers and timers keeps the process alive. */
  kept = false;
  /** The run is to end with the iteration in progress, or the next. */
  stopping = false;

  /** @param reactor - whose loop it is. */
  constructor(
    readonly reactor: Reactor,
    selector: Selector<unknown>,
    owner: WatchersOwner,
  ) {
    this.report = owner.report;
    this.watchers = new Watchers(selector, owner);
    this.promises = new PromiseWork(() => selector.breakOff());
  }

  /** Monotonic, milliseconds. */
  time(): number {
    return performance.now();
  }

  /** Whether there is something to do without waiting. */
  get busy(): boolean {
    if (this.callbacks.size > 0 || this.watchers.pending) return true;
    for (const arrival of this.arrivals) if (arrival.pending) return true;
    return false;
  }

  /** Milliseconds until the earliest timer; Infinity where there is none. */
  get untilTimer(): number {
    const { next } = this.timers;
    return next === Number.POSITIVE_INFINITY ? next : Math.max(0, next - this.time());
  }

  /**
   * @param limit - milliseconds to wait at most, where there is nothing to do.
   * @param between - called before the wait where a callback ran: what it left to promises comes before that.
   * @param once - whether this is the only iteration: where something ran already, it does not wait; and it delivers all that
   * it found.
   * @returns whether anything ran.
   */
  iterate(limit: number, between: () => void, once = false): boolean {
    const { callbacks, timers, watchers, report } = this;
    let ran = callbacks.run(report);
    for (const arrival of this.arrivals) if (arrival.pending) ran += arrival.deliver(report);
    if (ran > 0) between();
    watchers.apply();
    this.promises.expect(once ? 0 : CROWD);
    const told = watchers.wait(
      limit === 0 || this.stopping || (once && ran > 0) || this.busy ? 0 : Math.min(limit, this.untilTimer),
    );
    if (timers.size > 0) ran += timers.run(this.time(), report);
    return told || ran > 0;
  }

  close(): void {
    this.callbacks.clear();
    this.timers.clear();
    this.watchers.close();
  }
}
