/** epoll(7), one to one; Linux. */

import { Adopted } from '../adopted.js';
import { checkInteger, milliseconds } from '../arguments.js';
import { descriptorOf, type FileLike } from '../files.js';
import { leaveHolders } from '../holders.js';
import type { EpollBinding } from '../native/binding.js';
import { constants } from '../native/constants.js';
import { check, invalidType, StateError } from '../native/errors.js';
import { epollBinding } from '../native/facilities.js';
import { native } from '../native/load.js';

const { EPOLLIN = 0, EPOLLPRI = 0, EPOLLOUT = 0 } = constants;
const { EPOLL_CTL_ADD = 0, EPOLL_CTL_DEL = 0, EPOLL_CTL_MOD = 0 } = constants;
const DEFAULT_EVENTS = EPOLLIN | EPOLLPRI | EPOLLOUT;
/** As many events as one wait returns where nothing else is asked for: FD_SETSIZE - 1, as Python's. */
const DEFAULT_MAX_EVENTS = 1023;
/** More than this a wait need not return at once: what is left comes with the next. */
const MOST_EVENTS = 65_536;

/**
 * An epoll set. Masks are the raw EPOLL* bits of {@link constants}, EPOLLET and EPOLLONESHOT included.
 *
 * Each method throws a SystemError with what the kernel answered: `EBADF` a closed descriptor, `EEXIST` registered
 * twice, `ENOENT` not registered, `EPERM` a regular file or directory, `EINVAL` the set itself or EPOLLEXCLUSIVE with
 * what does not go with it, `ELOOP` sets that watch each other in a circle; see epoll_ctl(2).
 */
export class Epoll implements Disposable {
  readonly #epoll: EpollBinding;
  #epfd: number;
  #results = new Int32Array(0);

  /** @throws StateError `ERR_UNSUPPORTED`: this OS has no epoll. */
  constructor();
  /** @internal */
  constructor(epfd: Adopted);
  constructor(epfd?: Adopted) {
    this.#epoll = epollBinding();
    this.#epfd = epfd instanceof Adopted ? epfd.fd : check(this.#epoll.epollCreate(), 'epoll_create1');
  }

  /**
   * Wraps an existing epoll descriptor: both then see one set. `close()` closes it.
   *
   * @throws SystemError `EBADF`. StateError `ERR_UNSUPPORTED`. The descriptor is then still the caller's.
   */
  static fromFd(fd: number): Epoll {
    if (typeof fd !== 'number') throw invalidType('fd', 'a number', fd);
    // First: what is refused stays the caller's.
    epollBinding();
    check(native.descriptorOwn(descriptorOf(fd, 'fd')), 'fcntl', { fd });
    return new Epoll(new Adopted(fd));
  }

  /** @throws StateError `ERR_CLOSED`, as every other method after `close()`. */
  fileno(): number {
    if (this.#epfd < 0) throw new StateError('ERR_CLOSED', 'the epoll set is closed');
    return this.#epfd;
  }

  get closed(): boolean {
    return this.#epfd < 0;
  }

  /** @param events - raw bits; EPOLLIN, EPOLLPRI and EPOLLOUT where it is left out. */
  register(file: FileLike, events: number = DEFAULT_EVENTS): void {
    this.#control(EPOLL_CTL_ADD, file, events);
  }

  modify(file: FileLike, events: number): void {
    this.#control(EPOLL_CTL_MOD, file, events);
  }

  unregister(file: FileLike): void {
    this.#control(EPOLL_CTL_DEL, file, 0);
  }

  /**
   * Waits until something is ready, to the nanosecond where the kernel has epoll_pwait2 (5.11).
   *
   * @param timeout - milliseconds; none: no limit; 0 and less: do not wait.
   * @param maxEvents - at most so many; level-triggered ones take turns where it is fewer than are ready.
   */
  poll(timeout?: number | null, maxEvents: number = DEFAULT_MAX_EVENTS): [fd: number, events: number][] {
    const epfd = this.fileno();
    const limit = milliseconds(timeout);
    checkInteger(maxEvents, 'maxEvents', 1, 0x7fff_ffff);
    const capacity = Math.min(maxEvents, MOST_EVENTS);
    if (this.#results.length !== 2 * capacity) this.#results = new Int32Array(2 * capacity);
    const count = check(this.#epoll.epollWait(epfd, this.#results, limit), 'epoll_wait', { fd: epfd });
    return Array.from({ length: count }, (_, index) => [
      this.#results[2 * index] as number,
      (this.#results[2 * index + 1] as number) >>> 0,
    ]);
  }

  /** Forgets every registration; the registered descriptors stay open. Again: nothing. */
  close(): void {
    if (this.#epfd < 0) return;
    const epfd = this.#epfd;
    leaveHolders(epfd);
    this.#epfd = -1;
    check(native.descriptorClose(epfd), 'close', { fd: epfd });
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #control(operation: number, file: FileLike, events: number): void {
    this.fileno();
    // EPOLLET is bit 31: with it, JavaScript's | makes the mask negative.
    checkInteger(events, 'events', -0x8000_0000, 0xffff_ffff);
    const fd = descriptorOf(file);
    check(this.#epoll.epollControl(this.fileno(), operation, fd, 0, events), 'epoll_ctl', { fd });
  }
}
