/** A run inside of Node's loop, which waits for the selector among its own. */

import { CLOCKS_DIFFER, type Host } from '../selectors/host.js';
import type { Selector } from '../selectors/selector.js';
import type { Loop } from './loop.js';
import { enter, leave } from './running.js';

/** How a hosted run ends. */
export type HostedEnd = (error?: unknown) => void;

/**
 * Milliseconds that the host sleeps at least. Arming it and being woken takes several microseconds; in a crowd of timers, all
 * that come due meanwhile are run by one wake. A lone timer is late by it only where it is due in less.
 */
const SHORTEST_SLEEP = 0.1;

export class Hosting {
  readonly #loop: Loop;
  readonly #host: Host;
  readonly #end: HostedEnd;
  // Between an iteration that found nothing and what wakes the loop.
  #resting = true;
  #turning = false;
  // When the host will wake us for a timer. It is not moved back where a timer is cancelled: waking once for nothing
  // costs less than a system call for each timer that is.
  #armed = Number.POSITIVE_INFINITY;
  #referenced = true;

  /** Begins. @param end - called once, by the iteration that is the last, or fails. */
  constructor(loop: Loop, selector: Selector<unknown>, end: HostedEnd, referenced: boolean) {
    this.#loop = loop;
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
    this.#host.wake();
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
    this.#host.stop();
  }

  readonly #turn = (): boolean => {
    this.#resting = false;
    this.#turning = true;
    const outer = enter(this.#loop.reactor);
    let ran: boolean;
    try {
      ran = this.#loop.iterate(0, nothing);
    } catch (error) {
      this.#end(error);
      return false;
    } finally {
      leave(outer);
      this.#turning = false;
    }
    if (this.#loop.stopping) {
      this.#end();
      return false;
    }
    if (ran || this.#loop.busy) {
      this.updateReference();
      return true;
    }
    this.#resting = true;
    this.#arm();
    this.updateReference();
    return false;
  };

  #arm(): void {
    const { next } = this.#loop.timers;
    if (next === Number.POSITIVE_INFINITY) return;
    const now = this.#loop.time();
    // It has passed, if only by the host's clock.
    if (this.#armed <= now + CLOCKS_DIFFER) this.#armed = Number.POSITIVE_INFINITY;
    if (next >= this.#armed) return;
    this.#armed = next;
    const delay = next - now;
    this.#host.deadline(delay <= 0 ? 0 : Math.max(SHORTEST_SLEEP, delay));
  }
}

/** Node moves promises by itself, between two iterations. */
function nothing(): void {}
