/** A lock or a semaphore beside a model of it: any sequence of steps, after each of which both must agree. */
import type { Future } from 'iomux';
import { Lock, type Release, type Semaphore } from 'iomux/sync';
import { expect } from 'vitest';
import { refusal } from './refusals.js';
import { type Fate, fateOf, type Steps } from './sync-futures.js';

interface Ticket {
  readonly future: Future<Release>;
  readonly controller: AbortController | null;
  fate: Fate;
  /** Whether it holds a permit. */
  holds: boolean;
  /** What was seen of its result. */
  release: Release | null;
}

export class PermitSession {
  readonly #primitive: Lock | Semaphore;
  readonly #tickets: Ticket[] = [];
  readonly #line: Ticket[] = [];
  #free: number;

  constructor(primitive: Lock | Semaphore, free: number) {
    this.#primitive = primitive;
    this.#free = free;
  }

  /** Each with a number that chooses among the tickets of which the step can be one. */
  readonly steps: Steps = {
    acquire: () => this.#acquire(null),
    'acquire with a signal': () => this.#acquire(new AbortController()),
    'acquire with an aborted signal': () => this.#acquireAborted(),
    release: (pick) => this.#release(this.#choose(pick, ({ holds }) => holds)),
    'release again': (pick) =>
      this.#choose(pick, ({ release, holds }) => release !== null && !holds)?.release?.release(),
    'release directly': () => this.#releaseDirectly(),
    cancel: (pick) => this.#cancel(this.#choose(pick, () => true)),
    abort: (pick) => this.#abort(this.#choose(pick, ({ controller }) => controller !== null)),
    'give back': (pick) => this.#giveBack(this.#choose(pick, ({ fate }) => fate === 'fulfilled')),
  };

  check(): void {
    expect(this.#tickets.map(({ future }) => fateOf(future))).toEqual(this.#tickets.map(({ fate }) => fate));
    expect(this.#primitive.locked).toBe(this.#free === 0);
    if (this.#primitive instanceof Lock) {
      expect(this.#tickets.filter(({ holds }) => holds)).toHaveLength(1 - this.#free);
    } else {
      expect(this.#primitive.value).toBe(this.#free);
    }
  }

  /** Everybody who holds it lets go, until nobody waits. */
  end(): void {
    for (let holder = this.#holder(); holder !== undefined; holder = this.#holder()) this.#release(holder);
    if (this.#line.length > 0) this.#releaseDirectly();
    this.check();
    if (this.#tickets.some(({ fate }) => fate === 'waiting')) this.end();
  }

  #choose(pick: number, suits: (ticket: Ticket) => boolean): Ticket | undefined {
    const suitable = this.#tickets.filter(suits);
    return suitable[pick % suitable.length];
  }

  #holder(): Ticket | undefined {
    return this.#tickets.find(({ holds }) => holds);
  }

  #acquire(controller: AbortController | null): void {
    const future = this.#primitive.acquire(controller === null ? {} : { signal: controller.signal });
    const ticket: Ticket = { future, controller, fate: 'waiting', holds: false, release: null };
    this.#tickets.push(ticket);
    this.#line.push(ticket);
    if (this.#free === 0) return;
    this.#free--;
    this.#pass();
  }

  #acquireAborted(): void {
    const future = this.#primitive.acquire({ signal: AbortSignal.abort('aborted before') });
    expect(future.exception()).toBe('aborted before');
    this.#tickets.push({ future, controller: null, fate: 'failed', holds: false, release: null });
  }

  #release(ticket: Ticket | undefined): void {
    if (ticket === undefined) return;
    ticket.release ??= ticket.future.result();
    ticket.release.release();
    ticket.holds = false;
    this.#pass();
  }

  #releaseDirectly(): void {
    if (this.#primitive instanceof Lock) {
      const holder = this.#holder();
      if (holder === undefined) {
        expect(refusal(() => this.#primitive.release())).toBe('StateError ERR_INVALID_STATE');
        return;
      }
      holder.holds = false;
    }
    this.#primitive.release();
    this.#pass();
  }

  #cancel(ticket: Ticket | undefined): void {
    if (ticket === undefined) return;
    const waits = ticket.fate === 'waiting';
    expect(ticket.future.cancel()).toBe(waits);
    if (waits) this.#leave(ticket, 'cancelled');
  }

  #abort(ticket: Ticket | undefined): void {
    ticket?.controller?.abort('aborted');
    if (ticket?.fate !== 'waiting') return;
    this.#leave(ticket, 'failed');
    expect(ticket.future.exception()).toBe('aborted');
  }

  /** As a task that is cancelled before its result reaches it. */
  #giveBack(ticket: Ticket | undefined): void {
    if (ticket === undefined) return;
    ticket.future.giveBack();
    if (ticket.release !== null) return;
    ticket.fate = 'cancelled';
    if (!ticket.holds) return;
    ticket.holds = false;
    this.#pass();
  }

  #leave(ticket: Ticket, fate: Fate): void {
    ticket.fate = fate;
    this.#line.splice(this.#line.indexOf(ticket), 1);
  }

  #pass(): void {
    const next = this.#line.shift();
    if (next === undefined) {
      this.#free++;
      return;
    }
    next.fate = 'fulfilled';
    next.holds = true;
  }
}
