/** The contract of all selectors, and everything about them that is the same on each backend. */
import { checkFunction, milliseconds } from '../arguments.js';
import { descriptorOf, descriptorOrClosed, type FileLike } from '../files.js';
import { holders, leaveHolders } from '../holders.js';
import { check, EBADF, ENOENT, EPERM, StateError, SystemError } from '../native/errors.js';
import { native } from '../native/load.js';
import {
  type Backend,
  checkEvents,
  checkOptions,
  checkSupported,
  isOneshot,
  type RegisterOptions,
  type SelectorCapabilities,
  type TriggerMode,
} from './capabilities.js';
import { EVENT_INVALID, EVENT_READ, EVENT_WRITE, FAILURES } from './events.js';
import { KeyMap, Registration, Registry, type SelectorKey } from './registry.js';
import { verifyRegistry, type Watched } from './verify.js';
import { Waker, wakerState } from './waker.js';

const { waitSetResume, waitSetWait } = native;

/** A key and what it is ready for. */
export type ReadyKey<T = unknown> = readonly [key: SelectorKey<T>, events: number];

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

/** Opens a wait set of the addon. @internal */
export type OpenWaitSet = (shared: Int32Array) => number;

/** How many events the results array has room for at first; it grows with the registrations. */
const INITIAL_CAPACITY = 64;
/** What the kernel says of a descriptor that was closed, and whose number may be another's. */
const GONE: ReadonlySet<number> = new Set([-EBADF, -ENOENT, -EPERM]);
/** Beside the count that a wait returns: it has ended, whatever it reported, by a wake or at its time. */
const ENDED = 0x4000_0000;

/**
 * Waits for many descriptors at once. One contract, four backends: everything here holds on each of them, or is refused
 * with `ERR_UNSUPPORTED` at `register`, never later.
 *
 * **Registration.** One key for a descriptor. What is refused, for a bad argument or by the kernel, changes nothing.
 * {@link Socket.close} leaves every selector first. A foreign descriptor must be unregistered before it is closed; where
 * that was forgotten, poll and select report {@link EVENT_INVALID} once and drop the key, epoll and kqueue fall silent,
 * and a later `register` of the same number takes its place. `unregister` works after the close, and after the number
 * was reused.
 *
 * **Events.** A key is delivered at most once by a wait, with all that holds merged: READ and WRITE together. ERROR,
 * HANGUP and INVALID are reported whether asked for or not, and imply the direction that was asked for:
 * `events & EVENT_READ` alone is always enough to read on. (select(2) itself knows neither error nor hang-up: there they
 * are the READ or WRITE that would not block.) An event of a registration that is gone, replaced or no
 * longer interested is dropped at the moment of delivery, so a handler may unregister, close and reuse any descriptor
 * in the middle of a batch. Readiness is a hint: a read after it may find nothing. No order is promised.
 *
 * **Waiting.** A wait never ends early: not by rounding, not by a signal. It ends when something is ready, at the
 * timeout, by {@link Selector.wakeup}, and when its worker is terminated. A selector belongs to its thread; only the
 * {@link Waker} crosses.
 *
 * After `close()` every method throws a {@link StateError} `ERR_CLOSED`, but `close()` itself.
 */
export abstract class Selector<T = unknown> implements Disposable {
  /** Which system call waits. */
  abstract readonly backend: Backend;
  readonly capabilities: SelectorCapabilities;
  /** The means to wake from another thread: send `waker.handle` with postMessage. */
  readonly waker: Waker;
  /** Names the wait set to the addon. @internal */
  protected readonly id: number;

  readonly #registry = new Registry<T>();
  readonly #map: KeyMap<T>;
  // Triples [fd, generation, events], which a wait fills.
  #results = new Int32Array(3 * INITIAL_CAPACITY);
  // The batch being delivered: triples from cursor to count are still to come.
  #cursor = 0;
  #count = 0;
  #delivering = false;
  // Whether the last wait has ended, whatever it reported.
  #ended = false;
  #closed = false;
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

  /** @internal */
  protected constructor(backend: Backend, open: OpenWaitSet | undefined, capabilities: SelectorCapabilities) {
    if (backend === undefined)
      throw new TypeError('Selector is abstract: use createSelector() or DefaultSelector');
    if (open === undefined) {
      throw new StateError('ERR_UNSUPPORTED', `${backend} is not available on ${process.platform}`);
    }
    this.capabilities = capabilities;
    const state = wakerState();
    this.id = check(open(new Int32Array(state)), `${backend} selector`);
    this.waker = Waker.from({ fd: native.waitSetWaker(this.id), state });
    this.#map = new KeyMap(this.#registry);
    holders.add(this);
  }

  /** Tells the kernel of a registration. Throws, and changes nothing, where it refuses. @internal */
  protected abstract add(registration: Registration<T>): void;
  /** Makes the kernel's registration that of `wanted`, and arms it. Throws, and changes nothing. @internal */
  protected abstract change(wanted: Registration<T>, current: Registration<T>): void;
  /** Whether the kernel still knew the descriptor. Never throws: it may be closed or reused. @internal */
  protected abstract remove(fd: number): boolean;
  /** Whether the kernel has forgotten a registration because its descriptor was closed. @internal */
  protected abstract forgotten(registration: Registration<T>): boolean;
  /** What the kernel, or the set handed to it, holds; `null` where it cannot be seen. @internal */
  protected abstract watched(): Watched[] | null;
  /** Makes an empty kernel set. Only a backend that can have zombies needs it. @internal */
  protected renew(): void {}

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Watches a file.
   *
   * @param events - a non-empty set of EVENT_READ, EVENT_WRITE, EVENT_PRIORITY, EVENT_READ_CLOSED.
   * @param data - anything; comes back in the key.
   * @throws TypeError or RangeError: bad arguments. StateError `ERR_ALREADY_REGISTERED`: the descriptor has a key;
   * `ERR_UNSUPPORTED`: this backend cannot do it; `ERR_CLOSED`. SystemError `EBADF`: the descriptor is closed; `EPERM`:
   * epoll cannot watch a regular file; `ENOSPC`: fs.epoll.max_user_watches; `ELOOP`, `EINVAL`: selectors watch each
   * other in a circle.
   */
  register(fileobj: FileLike, events: number, data?: T, options?: RegisterOptions): SelectorKey<T> {
    this.checkOpen();
    checkEvents(events);
    const { mode = 'level', exclusive = false } = checkOptions(options);
    checkSupported(this.backend, this.capabilities, events, mode, exclusive);
    const fd = descriptorOf(fileobj, 'fileobj');
    if (native.waitSetOwns(this.id, fd) === 1) throw taken(fd);
    const current = this.#registry.at(fd);
    if (current !== undefined && !this.#isStale(current)) throw taken(fd);
    // The fileno() of an object may have done anything meanwhile.
    this.checkOpen();
    if (this.#registry.at(fd) !== current) throw taken(fd);
    const key = Object.freeze({ fileobj, fd, events, mode, data: data as T });
    const registration = new Registration(key, this.#registry.nextGeneration(), exclusive);
    if (current === undefined) this.add(registration);
    else this.#supersede(current, registration);
    this.#registry.add(registration);
    return key;
  }

  /**
   * Changes what a file is watched for, which also arms a fired oneshot registration again. Where only `data` changes
   * there is no system call, and nothing is armed; where nothing changes, the same key comes back.
   *
   * @param data - the key's new data: left out, it becomes `undefined`.
   * @param options - left out, mode and exclusiveness stay as they are.
   * @throws as `register`, and StateError `ERR_NOT_REGISTERED`. The registration is then as it was. SystemError `ENOENT`
   * or `EBADF`: the descriptor was closed under the registration.
   */
  modify(fileobj: FileLike, events: number, data?: T, options?: RegisterOptions): SelectorKey<T> {
    this.checkOpen();
    checkEvents(events);
    const { mode: newMode, exclusive: newExclusive } = checkOptions(options);
    const current = this.#findOpen(fileobj);
    const { key } = current;
    const mode = newMode ?? key.mode;
    const exclusive = newExclusive ?? current.exclusive;
    checkSupported(this.backend, this.capabilities, events, mode, exclusive);
    const same = events === key.events && mode === key.mode && exclusive === current.exclusive;
    if (same && Object.is(data, key.data)) return key;
    const changed = Object.freeze({ fileobj: key.fileobj, fd: key.fd, events, mode, data: data as T });
    if (same) {
      current.key = changed;
    } else {
      const wanted = new Registration(changed, this.#generationFor(current, mode), exclusive);
      this.change(wanted, current);
      current.become(wanted);
    }
    return changed;
  }

  /**
   * Arms a fired oneshot registration again; on an edge-triggered one, reports again what still holds.
   *
   * @throws StateError `ERR_NOT_REGISTERED`, `ERR_CLOSED`. SystemError as `modify`.
   */
  rearm(fileobj: FileLike): void {
    this.checkOpen();
    const registration = this.#findOpen(fileobj);
    const { key, exclusive } = registration;
    if (key.mode === 'level') return;
    const armed = new Registration(key, this.#generationFor(registration, key.mode), exclusive);
    this.change(armed, registration);
    registration.become(armed);
  }

  /**
   * Watches a file no longer; an event of it that was not delivered yet is not delivered any more. Works after the
   * descriptor was closed, and after its number was reused.
   *
   * @throws StateError `ERR_NOT_REGISTERED`, `ERR_CLOSED`.
   */
  unregister(fileobj: FileLike): SelectorKey<T> {
    this.checkOpen();
    const registration = this.#find(fileobj);
    this.#drop(registration);
    return registration.key;
  }

  /** @throws StateError `ERR_NOT_REGISTERED`, `ERR_CLOSED`. */
  getKey(fileobj: FileLike): SelectorKey<T> {
    this.checkOpen();
    return this.#find(fileobj).key;
  }

  /** A live, read-only view: descriptor → key. Empty once the selector is closed. */
  getMap(): ReadonlyMap<number, SelectorKey<T>> {
    this.checkOpen();
    return this.#map;
  }

  /**
   * Waits on this thread, which does nothing else meanwhile.
   *
   * @param timeout - milliseconds, fractions count; none: no limit; 0 and less: do not wait.
   * @returns everything that is ready, in one array; an empty one at the timeout or after a wake.
   * @throws StateError `ERR_RUNNING`: called from a handler of `dispatch`; `ERR_CLOSED`.
   */
  select(timeout?: number | null): ReadyKey<T>[] {
    const ready: ReadyKey<T>[] = [];
    this.dispatch(timeout, (key, events) => ready.push([key, events]));
    return ready;
  }

  /**
   * As `select`, without an array: calls `handler` for each ready key. Nothing is allocated per event.
   *
   * Where a handler throws, the exception passes through; events of the batch that were not delivered yet come first
   * with the next call.
   *
   * @returns how many were delivered.
   */
  dispatch(
    timeout: number | null | undefined,
    handler: (key: SelectorKey<T>, events: number) => void,
  ): number {
    this.checkOpen();
    if (this.#delivering) {
      throw new StateError(
        'ERR_RUNNING',
        'select() and dispatch() cannot be called by a handler of dispatch()',
      );
    }
    checkFunction(handler, 'handler');
    const limit = milliseconds(timeout);
    let delivered = this.#pending() ? this.#deliver(handler) : 0;
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

  /** Makes the wait in progress, or else the next one, return at once. Coalesced. */
  wakeup(): void {
    this.checkOpen();
    this.waker.wake();
  }

  /** The backend's own descriptor. @throws StateError `ERR_UNSUPPORTED`: it has none; `ERR_CLOSED`. */
  fileno(): number {
    this.checkOpen();
    throw new StateError('ERR_UNSUPPORTED', `a ${this.backend} selector has no descriptor of its own`);
  }

  /** A snapshot of what the selector did so far. */
  get stats(): SelectorStats {
    return {
      waits: this.#waits,
      emptyWaits: this.#emptyWaits,
      events: this.#events,
      staleEvents: this.#staleEvents,
      rebuilds: this.#rebuilds,
    };
  }

  /**
   * Walks every invariant between this object and the kernel's set.
   *
   * @throws Error: the first that does not hold, and how. A descriptor that was closed behind the selector's back is
   * such a case.
   */
  verify(): void {
    this.checkOpen();
    verifyRegistry(this.#registry, this.watched(), this.#pending());
  }

  /** Forgets every registration and frees what the kernel holds. The registered descriptors stay open. Again: nothing. */
  close(): void {
    if (this.#closed) return;
    holders.delete(this);
    if (this.capabilities.pollable) leaveHolders(this.fileno());
    this.#closed = true;
    this.#registry.clear();
    this.#lost = [];
    this.#cursor = this.#count;
    native.waitSetClose(this.id);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  watchAgain(fd: number): void {
    const registration = this.#registry.at(fd);
    if (registration !== undefined && this.forgotten(registration)) this.add(registration);
  }

  /** @internal */
  letGo(fd: number): void {
    const registration = this.#registry.at(fd);
    if (registration !== undefined) this.#drop(registration);
  }

  /** @internal */
  protected checkOpen(): void {
    if (this.#closed) throw new StateError('ERR_CLOSED', 'the selector is closed');
  }

  #find(fileobj: FileLike): Registration<T> {
    const registration = this.#registry.find(fileobj);
    if (registration === undefined) {
      const file = typeof fileobj === 'number' ? `descriptor ${fileobj}` : 'the file';
      throw new StateError('ERR_NOT_REGISTERED', `${file} is not registered with this selector`);
    }
    return registration;
  }

  /** The same, for what is to be watched on: the object may have been closed, and its number be a stranger's. */
  #findOpen(fileobj: FileLike): Registration<T> {
    const registration = this.#find(fileobj);
    const { fileobj: registered, fd } = registration.key;
    if (typeof registered !== 'number' && descriptorOrClosed(registered) !== fd) {
      throw new SystemError(-EBADF, `${this.backend} selector`, {
        fd,
        hint: 'the file was closed while registered',
      });
    }
    return registration;
  }

  /** Whether the descriptor of a registration was closed, and its number is free for another. */
  #isStale(registration: Registration<T>): boolean {
    const { fileobj, fd } = registration.key;
    return (
      (typeof fileobj !== 'number' && descriptorOrClosed(fileobj) !== fd) || this.forgotten(registration)
    );
  }

  #drop(registration: Registration<T>): void {
    this.#forget(registration);
    this.remove(registration.key.fd);
  }

  #forget({ key, generation }: Registration<T>): void {
    this.#registry.delete(key.fd);
    if (this.#pending()) this.#removed.add(generation);
  }

  /** Puts a registration in the place of one whose descriptor was closed, and has the next wait report that. */
  #supersede(stale: Registration<T>, registration: Registration<T>): void {
    const held = this.remove(stale.key.fd);
    try {
      this.add(registration);
    } catch (error) {
      if (held) this.add(stale);
      throw error;
    }
    this.#report(stale);
  }

  /**
   * The generation of a changed registration. A oneshot one that is armed anew while an event of it may be pending gets
   * another: the kernel will report again what holds, and the old event must not be taken for that report.
   */
  #generationFor({ generation, fired }: Registration<T>, mode: TriggerMode): number {
    if (!isOneshot(mode) || fired || !this.#pending()) return generation;
    this.#removed.add(generation);
    return this.#registry.nextGeneration();
  }

  /** Whether harvested events wait for delivery. */
  #pending(): boolean {
    return this.#cursor < this.#count;
  }

  #harvest(limit: number, resume: boolean): void {
    if (this.#rebuildDue) this.#rebuild();
    // Two places more than there are registrations: for the waker and the interrupt.
    const room = 3 * (this.#registry.size + 2);
    if (room > this.#results.length) this.#results = new Int32Array(2 * room);
    const now = this.#lost.length > 0;
    const outcome =
      resume && !now
        ? waitSetResume(this.id, this.#results)
        : waitSetWait(this.id, this.#results, now ? 0 : limit);
    if (outcome < 0) throw new SystemError(outcome, `${this.backend} wait`);
    // With a set that could not be rebuilt, the caller is to go on, and free what is missing.
    this.#ended = (outcome & ENDED) !== 0 || this.#rebuildDue;
    this.#cursor = 0;
    this.#count = outcome & ~ENDED;
    this.#waits++;
    if (this.#count === 0) this.#emptyWaits++;
    if (this.#removed.size > 0) this.#removed.clear();
  }

  #deliver(handler: (key: SelectorKey<T>, events: number) => void): number {
    let delivered = 0;
    this.#delivering = true;
    try {
      const lost = this.#lost.length > 0 ? this.#deliverLost(handler) : 0;
      const results = this.#results;
      while (this.#cursor < this.#count) {
        const at = 3 * this.#cursor++;
        const registration = this.#registry.at(results[at] as number);
        if (registration === undefined || registration.generation !== results[at + 1]) {
          this.#dropStale(results[at] as number, results[at + 1] as number);
          continue;
        }
        const { key } = registration;
        let events = results[at + 2] as number;
        if ((events & FAILURES) !== 0) events |= key.events & (EVENT_READ | EVENT_WRITE);
        events &= key.events | FAILURES;
        // The interest may have changed since the kernel was asked.
        if (events === 0) continue;
        if (registration.oneshot) {
          if (registration.fired) continue;
          registration.fired = true;
        }
        if ((events & EVENT_INVALID) !== 0) this.#drop(registration);
        delivered++;
        handler(key, events);
      }
      return lost + delivered;
    } finally {
      this.#events += delivered;
      this.#delivering = false;
    }
  }

  #deliverLost(handler: (key: SelectorKey<T>, events: number) => void): number {
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
    if (this.#registry.at(fd) === undefined && this.remove(fd)) return;
    this.#rebuildDue = true;
  }

  #rebuild(): void {
    // The old set still tells whether a number means the file that was registered: a new one would watch a stranger.
    const closed = [...this.#registry].filter((registration) => this.forgotten(registration));
    try {
      this.renew();
    } catch {
      return; // out of descriptors; zombies are dropped one by one until there is one
    }
    this.#rebuildDue = false;
    this.#rebuilds++;
    for (const registration of closed) this.#report(registration);
    for (const registration of [...this.#registry]) {
      try {
        this.add(registration);
      } catch (error) {
        if (GONE.has((error as SystemError).errno)) this.#report(registration);
        else this.#rebuildDue = true; // out of memory or of watches: the next wait tries again
      }
    }
  }

  /** Drops a registration whose descriptor was closed, and has the next wait say so. */
  #report(registration: Registration<T>): void {
    this.#forget(registration);
    this.#lost.push(registration.key);
  }
}

function taken(fd: number): StateError {
  return new StateError('ERR_ALREADY_REGISTERED', `descriptor ${fd} is registered already; use modify()`);
}
