/** kqueue(2), one to one; macOS, the BSDs, and Linux where the addon was built with libkqueue. */

import { Adopted } from '../adopted.js';
import { checkInteger, checkIterable, milliseconds } from '../arguments.js';
import { descriptorOf, type FileLike } from '../files.js';
import { leaveHolders } from '../holders.js';
import type { KqueueBinding } from '../native/binding.js';
import { constants } from '../native/constants.js';
import { check, invalidType, StateError } from '../native/errors.js';
import { kqueueBinding } from '../native/facilities.js';
import { native } from '../native/load.js';

/** One change to, or event from, a kqueue: struct kevent. */
export interface Kevent {
  /** What the filter watches: a file for EVFILT_READ and EVFILT_WRITE, else a number: a process, a signal, any. */
  ident: number | FileLike;
  /** EVFILT_*, from {@link constants}. */
  filter: number;
  /** EV_* bits; EV_ADD where it is left out. */
  flags?: number;
  /** NOTE_* bits of the filter. */
  fflags?: number;
  /** A number of the filter: bytes to read, pending connections, milliseconds of a timer, … */
  data?: number;
  /** A number of yours, which comes back with each event. */
  udata?: number;
}

/** The numbers of a kevent on their way through the addon. */
const FIELDS = 6;
const { EV_ADD = 0 } = constants;

/**
 * A kqueue.
 *
 * `control` throws a SystemError with what the kernel answered. With `maxEvents` 0 the first change that fails ends
 * the call and is thrown; with room for events, changes that fail come back as events with EV_ERROR and the errno in
 * `data`; see kqueue(2).
 */
export class Kqueue implements Disposable {
  readonly #kqueue: KqueueBinding;
  #kq: number;

  /** @throws StateError `ERR_UNSUPPORTED`: this OS has no kqueue, or the addon was built without one. */
  constructor();
  /** @internal */
  constructor(kq: Adopted);
  constructor(kq?: Adopted) {
    this.#kqueue = kqueueBinding();
    this.#kq = kq instanceof Adopted ? kq.fd : check(this.#kqueue.kqueueCreate(), 'kqueue');
  }

  /**
   * Wraps an existing kqueue descriptor. `close()` closes it.
   *
   * @throws SystemError `EBADF`. StateError `ERR_UNSUPPORTED`. The descriptor is then still the caller's.
   */
  static fromFd(fd: number): Kqueue {
    if (typeof fd !== 'number') throw invalidType('fd', 'a number', fd);
    // First: what is refused stays the caller's.
    kqueueBinding();
    check(native.descriptorOwn(descriptorOf(fd, 'fd')), 'fcntl', { fd });
    return new Kqueue(new Adopted(fd));
  }

  /** @throws StateError `ERR_CLOSED`, as every other method after `close()`. */
  fileno(): number {
    if (this.#kq < 0) throw new StateError('ERR_CLOSED', 'the kqueue is closed');
    return this.#kq;
  }

  get closed(): boolean {
    return this.#kq < 0;
  }

  /**
   * Applies changes, then waits for events.
   *
   * @param changes - any iterable, or `null` for none.
   * @param maxEvents - at most so many events; 0 applies the changes and returns at once.
   * @param timeout - milliseconds; none: no limit; 0 and less: do not wait.
   */
  control(
    changes: Iterable<Kevent> | null,
    maxEvents: number,
    timeout?: number | null,
  ): (Required<Kevent> & { ident: number })[] {
    this.fileno();
    checkInteger(maxEvents, 'maxEvents', 0, 0xffff);
    const limit = milliseconds(timeout);
    if (changes !== null) checkIterable(changes, 'changes');
    const submitted = Float64Array.from([...(changes ?? [])].flatMap(fieldsOf));
    const events = new Float64Array(FIELDS * maxEvents);
    // The iterable and the fileno() of a file may have done anything, closed this too.
    const kq = this.fileno();
    const count = check(this.#kqueue.kqueueControl(kq, submitted, events, limit), 'kevent', { fd: kq });
    return Array.from({ length: count }, (_, index) => {
      const [ident = 0, filter = 0, flags = 0, fflags = 0, data = 0, udata = 0] = events.subarray(
        FIELDS * index,
      );
      return { ident, filter, flags, fflags, data, udata };
    });
  }

  /** Forgets every filter; the watched descriptors stay open. Again: nothing. */
  close(): void {
    if (this.#kq < 0) return;
    const kq = this.#kq;
    leaveHolders(kq);
    this.#kq = -1;
    check(native.descriptorClose(kq), 'close', { fd: kq });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function fieldsOf(change: Kevent): number[] {
  if (typeof change !== 'object' || change === null) throw invalidType('change', 'a kevent', change);
  const { ident, filter, flags = EV_ADD, fflags = 0, data = 0, udata = 0 } = change;
  checkInteger(filter, 'filter', -0x8000, 0x7fff);
  checkInteger(flags, 'flags', 0, 0xffff);
  // NOTE_EXIT is bit 31: JavaScript's | makes it negative.
  checkInteger(fflags, 'fflags', -0x8000_0000, 0xffff_ffff);
  checkInteger(data, 'data', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  checkInteger(udata, 'udata', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (typeof ident !== 'number')
    return [descriptorOf(ident, 'ident'), filter, flags, fflags >>> 0, data, udata];
  checkInteger(ident, 'ident', 0, Number.MAX_SAFE_INTEGER);
  return [ident, filter, flags, fflags >>> 0, data, udata];
}
