/** The contract of all selectors, and their registrations, which are the same on each backend. */
import { checkFunction, checkObject, checkSignal, milliseconds } from '../arguments.js';
import { descriptorOf, descriptorOrClosed, type FileLike } from '../files.js';
import { holders, leaveHolders } from '../holders.js';
import { EBADF, StateError, SystemError } from '../native/errors.js';
import { native } from '../native/load.js';
import { AsyncWait } from './async-wait.js';
import type { BackendSet } from './backend-set.js';
import {
  type Backend,
  checkEvents,
  checkOptions,
  checkSupported,
  type RegisterOptions,
  type SelectorCapabilities,
} from './capabilities.js';
import { Delivery, type SelectorStats } from './delivery.js';
import { Host, hosted, type Turn } from './host.js';
import { KeyMap, type ReadyKey, Registration, Registry, type SelectorKey } from './registry.js';
import { verifyRegistry } from './verify.js';
import type { Waker } from './waker.js';

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
  readonly #set: BackendSet;
  readonly #registry = new Registry<T>();
  readonly #map: KeyMap<T>;
  readonly #delivery: Delivery<T>;
  // Whoever waits in Node's loop; most selectors never do.
  #host: Host | null = null;
  #asyncWait: AsyncWait<T> | null = null;
  #claimed = false;
  #closed = false;

  /** @internal */
  protected constructor(set: BackendSet) {
    if (set === undefined)
      throw new TypeError('Selector is abstract: use createSelector() or DefaultSelector');
    this.#set = set;
    this.capabilities = set.capabilities;
    this.waker = set.waker;
    this.#map = new KeyMap(this.#registry);
    this.#delivery = new Delivery(set, this.#registry);
    holders.add(this);
  }

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
    this.#checkOpen();
    checkEvents(events);
    const { mode = 'level', exclusive = false } = checkOptions(options);
    checkSupported(this.backend, this.capabilities, events, mode, exclusive);
    const fd = descriptorOf(fileobj, 'fileobj');
    this.#checkOpen();
    if (native.waitSetOwns(this.#set.id, fd) === 1) throw taken(fd);
    const current = this.#registry.get(fd);
    if (current !== undefined && !this.#isStale(current)) throw taken(fd);
    if (this.#registry.get(fd) !== current) throw taken(fd);
    const key = { fileobj, fd, events, mode, data: data as T };
    const registration = new Registration(key, this.#registry.nextGeneration(), exclusive);
    if (current === undefined) this.#set.add(registration);
    else this.#delivery.supersede(current, registration);
    this.#registry.put(registration);
    return registration;
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
    this.#checkOpen();
    checkEvents(events);
    const { mode: newMode, exclusive: newExclusive } = checkOptions(options);
    const current = this.#findOpen(fileobj);
    const { fileobj: file, fd } = current;
    const mode = newMode ?? current.mode;
    const exclusive = newExclusive ?? current.exclusive;
    checkSupported(this.backend, this.capabilities, events, mode, exclusive);
    const same = events === current.events && mode === current.mode && exclusive === current.exclusive;
    if (same && Object.is(data, current.data)) return current;
    let changed: Registration<T>;
    if (same) {
      changed = Registration.withData(current, data as T);
    } else {
      const key = { fileobj: file, fd, events, mode, data: data as T };
      changed = new Registration(key, this.#delivery.generationFor(current, mode), exclusive);
      this.#set.change(changed, current);
    }
    this.#registry.put(changed);
    return changed;
  }

  /**
   * Arms a fired oneshot registration again; on an edge-triggered one, reports again what still holds.
   *
   * @throws StateError `ERR_NOT_REGISTERED`, `ERR_CLOSED`. SystemError as `modify`.
   */
  rearm(fileobj: FileLike): void {
    this.#checkOpen();
    const registration = this.#findOpen(fileobj);
    const { mode, exclusive } = registration;
    if (mode === 'level') return;
    const generation = this.#delivery.generationFor(registration, mode);
    this.#set.change(new Registration(registration, generation, exclusive), registration);
    Registration.arm(registration, generation);
  }

  /**
   * Watches a file no longer; an event of it that was not delivered yet is not delivered any more. Works after the
   * descriptor was closed, and after its number was reused.
   *
   * @throws StateError `ERR_NOT_REGISTERED`, `ERR_CLOSED`.
   */
  unregister(fileobj: FileLike): SelectorKey<T> {
    this.#checkOpen();
    const registration = this.#find(fileobj);
    this.#delivery.drop(registration);
    return registration;
  }

  /** @throws StateError `ERR_NOT_REGISTERED`, `ERR_CLOSED`. */
  getKey(fileobj: FileLike): SelectorKey<T> {
    this.#checkOpen();
    return this.#find(fileobj);
  }

  /** A live, read-only view: descriptor → key. Empty once the selector is closed. */
  getMap(): ReadonlyMap<number, SelectorKey<T>> {
    this.#checkOpen();
    return this.#map;
  }

  /**
   * Waits on this thread, which does nothing else meanwhile.
   *
   * @param timeout - milliseconds, fractions count; none: no limit; 0 and less: do not wait.
   * @returns everything that is ready, in one array; an empty one at the timeout or after a wake.
   * @throws StateError `ERR_RUNNING`: called from a handler of `dispatch`; `ERR_HOSTED`: Node's loop waits already, for
   * `selectAsync` or a reactor (0 is possible nevertheless); `ERR_CLOSED`.
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
   * @param timeout - as {@link Selector.select}'s.
   * @returns how many were delivered.
   * @throws as {@link Selector.select}.
   */
  dispatch(
    timeout: number | null | undefined,
    handler: (key: SelectorKey<T>, events: number) => void,
  ): number {
    this.#checkOpen();
    checkFunction(handler, 'handler');
    const limit = milliseconds(timeout);
    if (limit !== 0 && this.#host !== null) this.#leaveLoop();
    return this.#delivery.dispatch(limit, handler);
  }

  /**
   * As `select`, but the thread goes on: Node's loop waits. One waiter at a time.
   *
   * @param options.signal - ends the wait; the promise is then rejected with its reason.
   * @returns everything that is ready; an empty array at the timeout or after a wake.
   * @throws (rejects) StateError `ERR_RUNNING`: a wait is under way; `ERR_HOSTED`: a reactor waits; `ERR_CLOSED`, also
   * where the selector is closed meanwhile. SystemError `EMFILE`, `ENOMEM`: there is nothing to wait with.
   */
  async selectAsync(
    timeout?: number | null,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<ReadyKey<T>[]> {
    this.#checkOpen();
    checkObject(options, 'options');
    const { signal } = options;
    checkSignal(signal);
    const limit = milliseconds(timeout);
    signal?.throwIfAborted();
    this.#asyncWait ??= new AsyncWait(this.#delivery, this.#hostOf());
    return this.#asyncWait.begin(limit, signal);
  }

  /** Makes the wait in progress, or else the next one, return at once. Coalesced. */
  wakeup(): void {
    this.#checkOpen();
    this.waker.wake();
  }

  /** The backend's own descriptor. @throws StateError `ERR_UNSUPPORTED`: it has none; `ERR_CLOSED`. */
  fileno(): number {
    this.#checkOpen();
    const { descriptor } = this.#set;
    if (descriptor >= 0) return descriptor;
    throw new StateError('ERR_UNSUPPORTED', `a ${this.backend} selector has no descriptor of its own`);
  }

  /** A snapshot of what the selector did so far. */
  get stats(): SelectorStats {
    return this.#delivery.stats;
  }

  /**
   * Walks every invariant between this object and the kernel's set.
   *
   * @throws Error: the first that does not hold, and how. A descriptor that was closed behind the selector's back is
   * such a case.
   */
  verify(): void {
    this.#checkOpen();
    verifyRegistry(this.#registry, this.#set.watched(this.#registry.size), this.#delivery.pending);
  }

  /** Forgets every registration and frees what the kernel holds. The registered descriptors stay open. Again: nothing. */
  close(): void {
    if (this.#closed) return;
    holders.delete(this);
    if (this.capabilities.pollable) leaveHolders(this.fileno());
    this.#closed = true;
    this.#registry.clear();
    this.#delivery.close();
    this.#asyncWait?.close();
    this.#host?.close();
    native.waitSetClose(this.#set.id);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal Names the wait set to the addon. */
  get setId(): number {
    return this.#set.id;
  }

  /** @internal A reactor takes it over. @throws StateError `ERR_INVALID_STATE`: another has. */
  claim(): void {
    this.#checkOpen();
    if (this.#claimed) throw new StateError('ERR_INVALID_STATE', 'the selector is another reactor’s');
    this.#claimed = true;
  }

  /** @internal Has Node's loop wait, for a reactor. @throws StateError `ERR_HOSTED`. */
  host(turn: Turn): Host {
    this.#checkOpen();
    const host = this.#hostOf();
    this.#leaveLoop();
    host.start(turn);
    return host;
  }

  /** @internal The handler that `dispatch` is calling is its last; what is left comes first in the next one. */
  breakOff(): void {
    this.#delivery.breakOff();
  }

  /** @internal Whether something is left of the last batch. */
  get pending(): boolean {
    return this.#delivery.pending;
  }

  /** @internal Numbers the last batch. */
  get batch(): number {
    return this.#delivery.batch;
  }

  /** @internal Whether a descriptor was closed under its registration: `register` would replace that. */
  isStale(fd: number): boolean {
    const registration = this.#registry.get(fd);
    return registration !== undefined && this.#isStale(registration);
  }

  /** @internal */
  watchAgain(fd: number): void {
    const registration = this.#registry.get(fd);
    if (registration !== undefined && this.#set.forgotten(registration)) this.#set.add(registration);
  }

  /** @internal */
  letGo(fd: number): void {
    const registration = this.#registry.get(fd);
    if (registration !== undefined) this.#delivery.drop(registration);
  }

  // Also after each fileno() of an object: that may have done anything, closed this too.
  #checkOpen(): void {
    if (this.#closed) throw new StateError('ERR_CLOSED', 'the selector is closed');
  }

  #hostOf(): Host {
    this.#host ??= new Host(this.#set);
    return this.#host;
  }

  /** Somebody else is going to wait: whoever waits in Node's loop must have done. */
  #leaveLoop(): void {
    if (this.#asyncWait?.leave() === true) return;
    if (this.#host?.started === true) throw hosted();
  }

  #find(fileobj: FileLike): Registration<T> {
    const registration = this.#registry.find(fileobj);
    this.#checkOpen();
    if (registration === undefined) throw notRegistered(fileobj);
    return registration;
  }

  /** The same, for what is to be watched on: the object may have been closed, and its number be a stranger's. */
  #findOpen(fileobj: FileLike): Registration<T> {
    const { fileobj: file, fd } = this.#find(fileobj);
    const carried = this.#carries(file, fd);
    // Asking may have unregistered it, changed it, or registered it anew.
    const registration = this.#registry.get(fd);
    if (registration?.fileobj !== file) throw notRegistered(fileobj);
    if (carried) return registration;
    throw new SystemError(-EBADF, `${this.backend} selector`, {
      fd,
      hint: 'the file was closed while registered',
    });
  }

  /** Whether the descriptor of a registration was closed, and its number is free for another. */
  #isStale(registration: Registration<T>): boolean {
    const { fileobj, fd } = registration;
    if (!this.#carries(fileobj, fd) || this.#registry.get(fd) !== registration) return true;
    return this.#set.forgotten(registration);
  }

  /** Whether a file still has the number that it was registered with. */
  #carries(file: FileLike, fd: number): boolean {
    if (typeof file === 'number') return true;
    const now = descriptorOrClosed(file);
    this.#checkOpen();
    return now === fd;
  }
}

function notRegistered(fileobj: FileLike): StateError {
  const file = typeof fileobj === 'number' ? `descriptor ${fileobj}` : 'the file';
  return new StateError('ERR_NOT_REGISTERED', `${file} is not registered with this selector`);
}

function taken(fd: number): StateError {
  return new StateError('ERR_ALREADY_REGISTERED', `descriptor ${fd} is registered already; use modify()`);
}
