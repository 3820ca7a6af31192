/** From a wait to the handlers: what the kernel reported, held against the registry at the moment it is delivered. */
import { check, EBADF, ENOENT, EPERM, StateError, SystemError } from '../native/errors.js';
import { native } from '../native/load.js';
import type { BackendSet } from './backend-set.js';
import { isOneshot, type TriggerMode } from './capabilities.js';
import * as kinds from './events.js';
import { Registration, type Registry, type SelectorKey } from './registry.js';

const { waitSetResume, waitSetWait } = native;
// Part of the code, as no import is.
const { EVENT_INVALID, EVENT_READ, EVENT_WRITE, FAILURES } = kinds;

/** Called for each ready key. */
type Handler<T> = (key: SelectorKey<T>, events: number) => void;

/** What a selector did since it was made. */
export interface SelectorStats {
  readonly waits: number;
  /** Waits that found nothing: the timeout, a wake. */
  readonly emptyWaits: number;
  /** Events delivered. */
  readonly events: number;
  /** Dropped: their registration was gone or replaced. */
  readonly staleEvents: number;
  /** Kernel sets rebuilt, because a closed descriptor lived on in a duplicate. */
  readonly rebuilds: number;
}

/** How many events the results array has room for at first; it grows with the registrations. */
const INITIAL_CAPACITY = 64;
/** What the kernel says of a descriptor that was closed, and whose number may be another's. */
const GONE: ReadonlySet<number> = new Set([-EBADF, -ENOENT, -EPERM]);
/** Beside the count that a wait returns: it has ended, whatever it reported, by a wake or at its time. */
const ENDED = 0x4000_0000;

/** The waits of one selector, and the batch that the last of them harvested. */
export class Delivery<T> {
  readonly #set: BackendSet;
  readonly #registry: Registry<T>;
  // Triples [fd, generation, events], and the memory of them, which a wait fills.
  #results = new Int32Array(3 * INITIAL_CAPACITY);
  #memory = this.#results.buffer;
  // The batch being delivered: triples from cursor to count are still to come.
  #cursor = 0;
  #count = 0;
  #delivering = false;
  #brokenOff = false;
  // Whether the last wait has ended, whatever it reported.
  #ended = false;
  // Generations unregistered during the batch: their events are stale, but no zombies.
  readonly #removed = new Set<number>();
  // Keys whose descriptor was found closed by other means than a wait; the next one reports them.
  #lost: SelectorKey<T>[] = [];
  #rebuildDue = false;
  #waits = 0;
  #emptyWaits = 0;
  #events = 0;
  #staleEvents = 0;
  #rebuilds = 0;

  constructor(set: BackendSet, registry: Registry<T>) {
    this.#set = set;
    this.#registry = registry;
  }

  get stats(): SelectorStats {
    return {
      waits: this.#waits,
      emptyWaits: this.#emptyWaits,
      events: this.#events,
      staleEvents: this.#staleEvents,
      rebuilds: this.#rebuilds,
    };
  }

  /** Numbers the batch that was harvested last. */
  get batch(): number {
    return this.#waits;
  }

  /** Whether events were harvested that wait for delivery. */
  get pending(): boolean {
    return this.#cursor < this.#count;
  }

  /** Whether something is to be delivered that no wait will bring. */
  get due(): boolean {
    return !this.#delivering && (this.pending || this.#lost.length > 0);
  }

  /** Whether the last wait has ended, whatever it reported: by a wake, or because a set could not be rebuilt. */
  get woken(): boolean {
    return this.#ended;
  }

  /** Waits, and calls `handler` for what is ready; what was left by a handler that threw, or broke off, comes first. */
  dispatch(limit: number, handler: Handler<T>): number {
    if (this.#delivering) {
      throw new StateError(
        'ERR_RUNNING',
        'select() and dispatch() cannot be called by a handler of dispatch()',
      );
    }
    let delivered = this.pending ? this.#deliver(handler) : 0;
    if (delivered > 0) return delivered;
    this.#harvest(limit, false);
    delivered = this.#deliver(handler);
    // A wait whose every event was stale has not ended: its time goes on.
    while (delivered === 0 && this.#count > 0 && !this.#ended && limit !== 0) {
      this.#harvest(limit, true);
      delivered = this.#deliver(handler);
    }
    return delivered;
  }

  /** The handler in progress is the last of this delivery. */
  breakOff(): void {
    this.#brokenOff = this.#delivering;
  }

  /** Unregisters: an event of the registration that was harvested already is dropped. */
  drop(registration: Registration<T>): void {
    this.#forget(registration);
    this.#set.remove(registration.fd);
  }

  /** Puts a registration in the place of one whose descriptor was closed, and has the next wait report that. */
  supersede(stale: Registration<T>, registration: Registration<T>): void {
    const { fd } = stale;
    // Before anything changes: a set in user space takes a closed descriptor back as little as it takes a new one.
    check(native.descriptorCheck(fd), 'fcntl', { fd });
    const held = this.#set.remove(fd);
    try {
      this.#set.add(registration);
    } catch (error) {
      // A oneshot one that had fired may be armed again by this: its file is closed, so nothing comes of it.
      if (held) this.#set.add(stale);
      throw error;
    }
    this.#report(stale);
    // Whoever waits in Node's loop is at rest, and would not look.
    this.#set.waker.wake();
  }

  /**
   * The generation of a changed registration. A oneshot one that is armed anew while an event of it may be pending gets
   * another: the kernel will report again what holds, and the old event must not be taken for that report.
   */
  generationFor({ generation, fired }: Registration<T>, mode: TriggerMode): number {
    if (!isOneshot(mode) || fired || !this.pending) return generation;
    this.#removed.add(generation);
    return this.#registry.nextGeneration();
  }

  /** Delivers nothing more. */
  close(): void {
    this.#lost = [];
    this.#cursor = this.#count;
  }

  #harvest(limit: number, resume: boolean): void {
    if (this.#rebuildDue) this.#rebuild();
    // Three places more than there are registrations: for the waker, the interrupt and the timer of a host.
    const room = 3 * (this.#registry.size + 3);
    if (room > this.#results.length) {
      this.#results = new Int32Array(2 * room);
      this.#memory = this.#results.buffer;
    }
    const { id, backend } = this.#set;
    const now = this.#lost.length > 0;
    const outcome =
      resume && !now ? waitSetResume(id, this.#memory) : waitSetWait(id, this.#memory, now ? 0 : limit);
    if (outcome < 0) throw new SystemError(outcome, `${backend} wait`);
    // With a set that could not be rebuilt, the caller is to go on, and free what is missing.
    this.#ended = (outcome & ENDED) !== 0 || this.#rebuildDue;
    this.#cursor = 0;
    this.#count = outcome & ~ENDED;
    this.#waits++;
    if (this.#count === 0) this.#emptyWaits++;
    if (this.#removed.size > 0) this.#removed.clear();
  }

  #deliver(handler: Handler<T>): number {
    let delivered = 0;
    this.#delivering = true;
    this.#brokenOff = false;
    try {
      const lost = this.#lost.length > 0 ? this.#deliverLost(handler) : 0;
      const results = this.#results;
      const registry = this.#registry;
      while (this.#cursor < this.#count && !this.#brokenOff) {
        const at = 3 * this.#cursor++;
        const registration = registry.get(results[at] as number);
        if (registration === undefined || registration.generation !== results[at + 1]) {
          this.#dropStale(results[at] as number, results[at + 1] as number);
          continue;
        }
        let events = results[at + 2] as number;
        if ((events & FAILURES) !== 0) events |= registration.events & (EVENT_READ | EVENT_WRITE);
        events &= registration.events | FAILURES;
        // The interest may have changed since the kernel was asked.
        if (events === 0) continue;
        if (registration.oneshot) {
          if (registration.fired) continue;
          Registration.fire(registration);
        }
        if ((events & EVENT_INVALID) !== 0) this.drop(registration);
        delivered++;
        handler(registration, events);
      }
      return lost + delivered;
    } finally {
      this.#events += delivered;
      this.#delivering = false;
    }
  }

  #deliverLost(handler: Handler<T>): number {
    let delivered = 0;
    for (let key = this.#lost.shift(); key !== undefined; key = this.#lost.shift()) {
      delivered++;
      this.#events++;
      handler(key, EVENT_INVALID | (key.events & (EVENT_READ | EVENT_WRITE)));
    }
    return delivered;
  }

  /**
   * An event that belongs to no registration. If it was not unregistered just now, in this batch, the kernel reports a
   * zombie: a descriptor was closed before it was unregistered, and a duplicate keeps its file, and with it the kernel's
   * entry, alive. It would be reported for ever.
   */
  #dropStale(fd: number, generation: number): void {
    this.#staleEvents++;
    if (this.#removed.has(generation)) return;
    if (this.#registry.get(fd) === undefined && this.#set.remove(fd)) return;
    this.#rebuildDue = true;
  }

  #rebuild(): void {
    // The old set still tells whether a number means the file that was registered: a new one would watch a stranger.
    const closed = [...this.#registry].filter((registration) => this.#set.forgotten(registration));
    try {
      this.#set.renew();
    } catch {
      return; // out of descriptors; zombies are dropped one by one until there is one
    }
    this.#rebuildDue = false;
    this.#rebuilds++;
    for (const registration of closed) this.#report(registration);
    for (const registration of [...this.#registry]) {
      try {
        this.#set.add(registration);
      } catch (error) {
        if (error instanceof SystemError && GONE.has(error.errno)) this.#report(registration);
        else this.#rebuildDue = true; // out of memory or of watches: the next wait tries again
      }
    }
  }

  /** Drops a registration whose descriptor was closed, and has the next wait say so. */
  #report(registration: Registration<T>): void {
    this.#forget(registration);
    this.#lost.push(registration);
  }

  #forget({ fd, generation }: Registration<T>): void {
    this.#registry.delete(fd);
    if (this.pending) this.#removed.add(generation);
  }
}
