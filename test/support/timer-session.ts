/** Timers beside a model of them: a list that is searched for the one to fire next. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Reactor, TimerHandle } from 'iomux';
import { refusal } from './refusals.js';

/** What is done next: to a new timer, or to one of those that were set. Before the run, or when one fires. */
export type Step =
  | { readonly kind: 'later'; readonly delay: number }
  | { readonly kind: 'at'; readonly ahead: number }
  | { readonly kind: 'cancel' | 'cancel next'; readonly target: number }
  | { readonly kind: 'reschedule'; readonly target: number; readonly delay: number };

const target = fc.nat(1_000);
const delay = fc.oneof(
  fc.constantFrom(0, -1, 0.01, 0.1, 1),
  fc.double({ min: -3, max: 3, noNaN: true, noDefaultInfinity: true }),
);

/** What is done before the run, and then in the callback of each timer that fires. */
export const steps: fc.Arbitrary<readonly Step[][]> = fc.array(
  fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('later' as const), delay }),
      fc.record({ kind: fc.constant('at' as const), ahead: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constantFrom('cancel' as const, 'cancel next' as const), target }),
      fc.record({ kind: fc.constant('reschedule' as const), target, delay }),
    ),
    { maxLength: 8 },
  ),
  { minLength: 1, maxLength: 12 },
);

interface Entry {
  readonly timer: TimerHandle;
  /** Its place among those of an equal due time; `null`: it is not set. */
  sequence: number | null;
  cancelled: boolean;
}

export class TimerSession {
  readonly #entries: Entry[] = [];
  readonly #steps: Step[][];
  readonly #failures: string[] = [];
  #sequence = 0;

  constructor(
    readonly reactor: Reactor,
    sequence: readonly Step[][],
  ) {
    this.#steps = sequence.map((group) => [...group]);
  }

  /** Does what comes before the run. */
  begin(): void {
    this.#proceed();
  }

  /** The run is over. @throws Error: something fired that should not, or did not that should. */
  check(): void {
    assert.deepEqual(this.#failures, []);
    assert.equal(this.#next(), undefined, 'a timer did not fire');
    for (const { timer, cancelled } of this.#entries) assert.equal(timer.cancelled, cancelled);
  }

  end(): void {
    for (const { timer } of this.#entries) timer.cancel();
  }

  /** Does the next group of steps; where nothing is set after it, the one after that. At the end, the run stops. */
  #proceed(): void {
    do {
      for (const step of this.#steps.shift() ?? []) this.#do(step);
    } while (this.#next() === undefined && this.#steps.length > 0);
    if (this.#next() === undefined) this.reactor.stop();
  }

  #do(step: Step): void {
    if (step.kind === 'later') {
      const delay = this.#possible(step.delay);
      this.#add((fire) => this.reactor.callLater(delay, fire));
      return;
    }
    if (step.kind === 'at') {
      // Whole milliseconds, so that several fall together.
      const when = Math.ceil(this.reactor.time()) + step.ahead;
      this.#add((fire) => this.reactor.callAt(when, fire));
      return;
    }
    const entry =
      step.kind === 'cancel next' ? this.#next() : this.#entries[step.target % this.#entries.length];
    if (entry === undefined) return;
    if (step.kind === 'reschedule') this.#reschedule(entry, this.#possible(step.delay));
    else this.#cancel(entry);
  }

  /** What is set while it runs waits for the next iteration, behind later ones where it is due in the past. */
  #possible(delay: number): number {
    return this.reactor.state === 'idle' ? delay : Math.max(0, delay);
  }

  #add(set: (fire: () => void) => TimerHandle): void {
    const entry: Entry = {
      timer: set(() => this.#fired(entry)),
      sequence: this.#sequence++,
      cancelled: false,
    };
    this.#entries.push(entry);
  }

  #cancel(entry: Entry): void {
    // What a cancellation says of a timer that has fired is not looked at here.
    if (entry.sequence === null) return;
    entry.timer.cancel();
    entry.cancelled = true;
    entry.sequence = null;
  }

  #reschedule(entry: Entry, delay: number): void {
    const refused = refusal(() => entry.timer.reschedule(delay));
    const expected = entry.cancelled ? 'StateError ERR_INVALID_STATE' : 'nothing';
    if (refused !== expected) this.#failures.push(`a reschedule threw ${refused}, not ${expected}`);
    if (!entry.cancelled) entry.sequence = this.#sequence++;
  }

  #fired(entry: Entry): void {
    const now = this.reactor.time();
    if (now < entry.timer.when) this.#failures.push(`${entry.timer.when - now} ms early`);
    const next = this.#next();
    if (next !== entry) {
      const expected = next === undefined ? 'none' : `${this.#entries.indexOf(next)} at ${next.timer.when}`;
      this.#failures.push(
        `timer ${this.#entries.indexOf(entry)} at ${entry.timer.when} fired, not ${expected}`,
      );
    }
    entry.sequence = null;
    this.#proceed();
  }

  /** The one that must fire next. */
  #next(): Entry | undefined {
    let next: Entry | undefined;
    for (const entry of this.#entries) {
      if (entry.sequence === null) continue;
      if (next === undefined || this.#isBefore(entry, next)) next = entry;
    }
    return next;
  }

  #isBefore(one: Entry, other: Entry): boolean {
    const [a, b] = [one.timer.when, other.timer.when];
    return a < b || (a === b && (one.sequence ?? 0) < (other.sequence ?? 0));
  }
}
