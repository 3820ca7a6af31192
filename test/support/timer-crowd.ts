/** A crowd of timers beside a model of them, by a clock of its own: thousands are set, cancelled, moved and run. */
import assert from 'node:assert/strict';
import { Timer } from '../../lib/reactor/timer.js';
import { Timers } from '../../lib/reactor/timers.js';
import type { Random } from './random.js';

interface Entry {
  readonly timer: Timer;
  /** Its place among those of an equal due time, new with each setting; `null`: it is not set. */
  sequence: number | null;
}

/** Due times of a burst: spread, all the same, far away, or in the past. */
const SPREADS = [1_000, 50, 0, 100_000, -20] as const;

function never(error: unknown): void {
  throw error;
}

export class TimerCrowd {
  readonly timers = new Timers();
  now = 0;
  ran = 0;
  readonly #random: Random;
  readonly #entries: Entry[] = [];
  #sequence = 0;
  /** What the run in progress has yet to run, if nobody cancels or moves it: the last first. */
  #due: { readonly entry: Entry; readonly sequence: number }[] = [];
  readonly #owner = {
    moveTimer: (timer: Timer, delay: number) => {
      this.timers.remove(timer);
      timer.when = this.now + delay;
      this.timers.add(timer);
    },
    removeTimer: (timer: Timer) => this.timers.remove(timer),
  };

  constructor(random: Random) {
    this.#random = random;
  }

  /** Sets so many timers. */
  burst(count: number): void {
    const spread = this.#random.pick(SPREADS);
    for (let index = 0; index < count; index++) this.set(this.#delay(spread));
  }

  set(delay: number): void {
    const timer = new Timer(this.#owner, this.now + delay, () => this.#fired(entry));
    const entry: Entry = { timer, sequence: this.#sequence++ };
    this.timers.add(timer);
    this.#entries.push(entry);
  }

  /** Cancels one in so many of all that were set. */
  cancel(oneIn: number): void {
    for (const entry of this.#entries) if (this.#random.oneIn(oneIn)) this.#cancel(entry);
  }

  /** Moves one in so many of all that were set, also of those that have run. */
  move(oneIn: number): void {
    const spread = this.#random.pick(SPREADS);
    for (const entry of this.#entries) if (this.#random.oneIn(oneIn)) this.#move(entry, this.#delay(spread));
  }

  /** Lets time pass, and runs what is due then. */
  pass(milliseconds: number): void {
    this.now += milliseconds;
    const due = this.#live().filter(({ timer }) => timer.when <= this.now);
    due.sort((a, b) => b.timer.when - a.timer.when || (b.sequence as number) - (a.sequence as number));
    this.#due = due.map((entry) => ({ entry, sequence: entry.sequence as number }));
    const before = this.ran;
    const ran = this.timers.run(this.now, never);
    assert.equal(this.#nextDue(), undefined, 'a timer did not run');
    assert.equal(ran, this.ran - before);
  }

  /** @throws Error: the timers say something else than the model. */
  check(): void {
    const live = this.#live();
    assert.equal(this.timers.size, live.length);
    let next = Number.POSITIVE_INFINITY;
    for (const { timer } of live) next = Math.min(next, timer.when);
    assert.equal(this.timers.next, next);
  }

  #live(): Entry[] {
    return this.#entries.filter(({ sequence }) => sequence !== null);
  }

  #delay(spread: number): number {
    // Few different times, so that many are the same.
    return this.#random.below(Math.abs(spread) * 4 + 1) / 4 + Math.min(0, spread);
  }

  #cancel(entry: Entry): void {
    entry.timer.cancel();
    entry.sequence = null;
  }

  #move(entry: Entry, delay: number): void {
    if (entry.timer.cancelled) return;
    entry.timer.reschedule(delay);
    entry.sequence = this.#sequence++;
  }

  #nextDue(): Entry | undefined {
    for (;;) {
      const next = this.#due.pop();
      if (next === undefined || next.entry.sequence === next.sequence) return next?.entry;
    }
  }

  #fired(entry: Entry): void {
    assert.ok(entry.timer.when <= this.now, 'early');
    assert.equal(entry, this.#nextDue(), 'out of order');
    entry.sequence = null;
    this.ran++;
    const random = this.#random;
    if (random.oneIn(4)) this.#cancel(random.pick(this.#entries));
    if (random.oneIn(4)) this.#move(random.pick(this.#entries), this.#delay(random.pick(SPREADS)));
    if (random.oneIn(8)) this.#move(entry, 0);
    if (random.oneIn(16)) this.set(this.#delay(-20));
  }
}
