/** A condition beside a model of it: any sequence of steps, after each of which both must agree. */
import type { Future } from 'iomux';
import { Condition, Lock, type Release } from 'iomux/sync';
import { expect } from 'vitest';
import { refusal } from './refusals.js';
import { type Fate, fateOf, type Steps } from './sync-futures.js';

const INVALID_STATE = 'StateError ERR_INVALID_STATE';

/** Somebody who acquired the lock, or waits for it. */
interface Acquirer {
  readonly future: Future<Release>;
  fate: Fate;
}

/** A wait of the one who had acquired the lock. */
interface WaitOf {
  readonly future: Future<true>;
  readonly acquirer: Acquirer;
  fate: Fate;
  cancelled: boolean;
}

export class ConditionSession {
  readonly #lock = new Lock();
  readonly #condition = new Condition(this.#lock);
  readonly #acquirers: Acquirer[] = [];
  readonly #waits: WaitOf[] = [];
  /** Those who wait to be notified, and those who wait for the lock. */
  readonly #notifiable: WaitOf[] = [];
  readonly #line: (Acquirer | WaitOf)[] = [];
  #holder: Acquirer | null = null;

  /** Each with a number that chooses among the waits, or says how many to notify. */
  readonly steps: Steps = {
    acquire: () => this.#acquire(),
    release: () => this.#release(),
    wait: () => this.#wait(),
    notify: (pick) => this.#notify(pick % 3, (count) => this.#condition.notify(count)),
    'notify all': () => this.#notify(this.#notifiable.length, () => this.#condition.notifyAll()),
    cancel: (pick) => this.#cancel(this.#waits[pick % this.#waits.length]),
    'give back': (pick) => this.#giveBack(this.#waits[pick % this.#waits.length]),
  };

  check(): void {
    const all = [...this.#acquirers, ...this.#waits];
    expect(all.map(({ future }) => fateOf(future))).toEqual(all.map(({ fate }) => fate));
    expect(this.#lock.locked).toBe(this.#holder !== null);
  }

  /** Whoever waits is notified, and gets the lock in its turn. */
  end(): void {
    for (;;) {
      while (this.#holder !== null) {
        this.#notify(this.#notifiable.length, () => this.#condition.notifyAll());
        this.#release();
      }
      this.check();
      if (this.#notifiable.length === 0) break;
      this.#acquire();
    }
    expect([...this.#acquirers, ...this.#waits].filter(({ fate }) => fate === 'waiting')).toEqual([]);
  }

  #acquire(): void {
    const acquirer: Acquirer = { future: this.#condition.acquire(), fate: 'waiting' };
    this.#acquirers.push(acquirer);
    this.#enter(acquirer);
  }

  #release(): void {
    if (this.#holder === null) {
      expect(refusal(() => this.#condition.release())).toBe(INVALID_STATE);
      return;
    }
    // By what it got when it acquired the lock, however often it has waited since.
    this.#holder.future.result().release();
    this.#pass();
  }

  #wait(): void {
    const acquirer = this.#holder;
    if (acquirer === null) {
      expect(refusal(() => this.#condition.wait())).toBe(INVALID_STATE);
      return;
    }
    const wait: WaitOf = { future: this.#condition.wait(), acquirer, fate: 'waiting', cancelled: false };
    this.#waits.push(wait);
    this.#notifiable.push(wait);
    this.#pass();
  }

  #notify(count: number, notify: (count: number) => void): void {
    if (this.#holder === null) {
      expect(refusal(() => notify(count))).toBe(INVALID_STATE);
      return;
    }
    notify(count);
    for (const wait of this.#notifiable.splice(0, count)) this.#enter(wait);
  }

  #cancel(wait: WaitOf | undefined): void {
    if (wait === undefined) return;
    const waits = wait.fate === 'waiting';
    expect(wait.future.cancel()).toBe(waits);
    if (!waits || wait.cancelled) return;
    wait.cancelled = true;
    const place = this.#notifiable.indexOf(wait);
    if (place < 0) {
      this.#passNotificationOn();
      return;
    }
    this.#notifiable.splice(place, 1);
    this.#enter(wait);
  }

  /** As a task that is cancelled before its result reaches it: it has the lock, and must release it. */
  #giveBack(wait: WaitOf | undefined): void {
    if (wait?.fate !== 'fulfilled') return;
    wait.future.giveBack();
    wait.fate = 'cancelled';
    this.#passNotificationOn();
  }

  #passNotificationOn(): void {
    const next = this.#notifiable.shift();
    if (next !== undefined) this.#enter(next);
  }

  #enter(waiter: Acquirer | WaitOf): void {
    if (this.#holder === null) this.#receive(waiter);
    else this.#line.push(waiter);
  }

  #pass(): void {
    this.#holder = null;
    const next = this.#line.shift();
    if (next !== undefined) this.#receive(next);
  }

  #receive(waiter: Acquirer | WaitOf): void {
    if ('acquirer' in waiter) {
      this.#holder = waiter.acquirer;
      waiter.fate = waiter.cancelled ? 'cancelled' : 'fulfilled';
    } else {
      this.#holder = waiter;
      waiter.fate = 'fulfilled';
    }
  }
}
