/** A run inside of Node's loop, which waits for the selector among its own. */

import type { Host } from '../selectors/host.js';
import type { Selector } from '../selectors/selector.js';
import type { Loop } from './loop.js';

/** So many iterations in a row that found nothing are more than chance. */
const EMPTY_LIMIT = 64;
/** Milliseconds between iterations from then on: twice as long each time. */
const SHORTEST_PAUSE = 1;
const LONGEST_PAUSE = 10;

/** How a hosted run ends. */
export type HostedEnd = (error?: unknown) => void;

export class Hosting {
  readonly #loop: Loop;
  readonly #selector: Selector<unknown>;
  readonly #host: Host;
  readonly #end: HostedEnd;
  // Between an iteration that found nothing and what wakes the loop.
  #resting = true;
  #turning = false;
  // When the host will wake us for a timer. It is not moved back where a timer is cancelled: waking once for nothing
  // costs less than a system call for each timer that is.
  #armed = Number.POSITIVE_INFINITY;
  #empty = 0;
  #pause = SHORTEST_PAUSE;
  #paused: NodeJS.Timeout | null = null;
  #referenced = true;

  /** Begins. @param end - called once, by the iteration that is the last, or fails. */
  constructor(loop: Loop, selector: Selector<unknown>, end: HostedEnd, referenced: boolean) {
    this.#loop = loop;
    this.#selector = selector;
    this.#end = end;
    this.#referenced = referenced;
    this.#host = selector.host(this.#turn);
    this.wake();
    this.updateReference();
  }

  /** Whether Node's loop is at work with something else, or at rest. */
  get resting(): boolean {
    return this.#resting;
  }

  /** Whether an iteration is in progress. */
  get turning(): boolean {
    return this.#turning;
  }

  /** Whether what lives keeps the process alive. */
  set referenced(referenced: boolean) {
    this.#referenced = referenced;
    this.updateReference();
  }

  /** Has an iteration run soon. */
  wake(): void {
    this.updateReference();
    if (!this.#resting) return;
    this.#resting = false;
    if (this.#paused !== null) this.#resume();
    this.#selector.wakeup();
  }

  /** A timer or a watcher came or went. */
  update(): void {
    this.updateReference();
    // An iteration looks at the timers itself, when it is done.
    if (this.#resting) this.#arm();
  }

  updateReference(): void {
    const { watchers, timers, callbacks, kept, stopping } = this.#loop;
    this.#host.reference(
      this.#referenced && (watchers.alive > 0 || timers.size > 0 || callbacks.size > 0 || kept || stopping),
    );
  }

  /** Leaves Node's loop. */
  close(): void {
    if (this.#paused !== null) clearTimeout(this.#paused);
    this.#paused = null;
    this.#host.stop();
  }

  readonly #turn = (): boolean => {
    this.#resting = false;
    this.#turning = true;
    let ran: boolean;
    try {
      ran = this.#loop.iterate(0, nothing);
    } catch (error) {
      this.#end(error);
      return false;
    } finally {
      this.#turning = false;
    }
    if (this.#loop.stopping) {
      this.#end();
      return false;
    }
    if (ran || this.#loop.busy) {
      this.#empty = 0;
      this.#pause = SHORTEST_PAUSE;
      this.updateReference();
      return true;
    }
    this.#resting = true;
    this.#arm();
    this.updateReference();
    if (++this.#empty >= EMPTY_LIMIT) this.#backOff();
    return false;
  };

  #arm(): void {
    const { next } = this.#loop.timers;
    if (next === Number.POSITIVE_INFINITY) return;
    const now = this.#loop.time();
    if (this.#armed <= now) this.#armed = Number.POSITIVE_INFINITY;
    if (next >= this.#armed) return;
    this.#armed = next;
    this.#host.deadline(Math.max(0, next - now));
  }

  /** Something wakes us again and again for nothing: a kernel that lies, a flood of wakes. It is not to have the thread. */
  #backOff(): void {
    this.#host.stop();
    this.#paused = setTimeout(() => this.#resume(), this.#pause);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }

  #resume(): void {
    if (this.#paused !== null) clearTimeout(this.#paused);
    this.#paused = null;
    this.#host.start(this.#turn);
    this.updateReference();
  }
}

/** Node moves promises by itself, between two iterations. */
function nothing(): void {}
