/** Those who wait for the same thing, first come first served. */
import type { Reactor } from '../reactor/reactor.js';

/** Somebody who waits. */
export interface Waiter {
  /** Whose callbacks reach it. */
  readonly reactor: Reactor;
  /** Whether it waits no more. */
  done(): boolean;
  /** Ends it: its reactor is closed, so nothing would reach it. */
  abandon(): void;
}

/** A place in the line. The line's own place is before the first and after the last of them. */
class Place<W> {
  previous: Place<W> = this;
  next: Place<W> = this;

  constructor(readonly waiter: W | null) {}
}

/** A line in which everybody can leave at any time at the same cost, so that none who was cancelled is left behind. */
export class Waiters<W extends Waiter> {
  readonly #ends = new Place<W>(null);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns what takes it out again; when it is out, nothing happens. */
  add(waiter: W): () => void {
    const place = new Place<W>(waiter);
    const last = this.#ends.previous;
    place.previous = last;
    place.next = this.#ends;
    last.next = this.#ends.previous = place;
    this.#size++;
    return () => this.#remove(place);
  }

  /**
   * Takes out the one that waits longest. One whose reactor was closed is passed over: what is handed to it would be lost
   * to all others.
   *
   * @returns `null`: nobody waits.
   */
  shift(): W | null {
    for (;;) {
      const { waiter } = this.#ends.next;
      if (waiter === null) return null;
      this.#remove(this.#ends.next);
      if (waiter.done()) continue;
      if (waiter.reactor.state !== 'closed') return waiter;
      waiter.abandon();
    }
  }

  /** Takes out those whose reactor was closed, so that `size` says how many there are to be woken. */
  dropAbandoned(): void {
    for (let place = this.#ends.next; place.waiter !== null; ) {
      const { waiter, next } = place;
      if (waiter.reactor.state === 'closed') {
        this.#remove(place);
        waiter.abandon();
      }
      place = next;
    }
  }

  #remove(place: Place<W>): void {
    if (place.next === place) return;
    place.previous.next = place.next;
    place.next.previous = place.previous;
    place.previous = place.next = place;
    this.#size--;
  }
}
