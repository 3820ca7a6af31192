/** poll(2), one to one, over a set kept in user space. */
import { checkInteger, milliseconds } from '../arguments.js';
import { descriptorOf, descriptorOrClosed, type FileLike } from '../files.js';
import { constant } from '../native/constants.js';
import { check, ENOENT, StateError, SystemError } from '../native/errors.js';
import { native } from '../native/load.js';

const DEFAULT_EVENTS = constant('POLLIN') | constant('POLLPRI') | constant('POLLOUT');

/**
 * A set of descriptors for poll(2). Masks are the raw POLL* bits of {@link constants}.
 *
 * Nothing is known to the kernel between two calls of {@link Poll.poll}, which therefore looks at every descriptor
 * each time. A descriptor that was closed is reported with POLLNVAL, again and again, until it is unregistered.
 */
export class Poll {
  readonly #entries = new Map<number, { readonly file: FileLike; readonly events: number }>();
  // Pairs [fd, events] as the addon takes them, made anew after a change.
  #interests: Int32Array | null = null;
  #results = new Int32Array(0);

  /**
   * Adds a file, or replaces the mask it had. POLLERR, POLLHUP and POLLNVAL are reported whatever the mask is.
   *
   * @param events - raw bits; POLLIN, POLLPRI and POLLOUT where it is left out.
   */
  register(file: FileLike, events: number = DEFAULT_EVENTS): void {
    checkEvents(events);
    this.#entries.set(descriptorOf(file), { file, events });
    this.#interests = null;
  }

  /** @throws SystemError `ENOENT`: the file is not registered. */
  modify(file: FileLike, events: number): void {
    checkEvents(events);
    const fd = this.#find(file);
    if (fd === undefined) throw new SystemError(-ENOENT, 'poll', { hint: 'the file is not registered' });
    // The file that was registered stays: by it the entry is found when it was closed.
    this.#entries.set(fd, { file: this.#entries.get(fd)?.file ?? file, events });
    this.#interests = null;
  }

  /** Works after the file was closed, too. @throws StateError `ERR_NOT_REGISTERED`. */
  unregister(file: FileLike): void {
    const fd = this.#find(file);
    if (fd === undefined) throw new StateError('ERR_NOT_REGISTERED', 'the file is not registered');
    this.#entries.delete(fd);
    this.#interests = null;
  }

  /**
   * Waits until something is ready.
   *
   * @param timeout - milliseconds; none: no limit; 0 and less: do not wait.
   * @returns one `[fd, revents]` for each descriptor with a non-zero revents, in the order of registration.
   */
  poll(timeout?: number | null): [fd: number, revents: number][] {
    const limit = milliseconds(timeout);
    this.#interests ??= Int32Array.from([...this.#entries].flatMap(([fd, { events }]) => [fd, events]));
    if (this.#results.length < this.#interests.length) this.#results = new Int32Array(this.#interests.length);
    const count = check(native.pollWait(this.#interests, this.#results, limit), 'poll');
    return Array.from({ length: count }, (_, index) => [
      this.#results[2 * index] as number,
      this.#results[2 * index + 1] as number,
    ]);
  }

  #find(file: FileLike): number | undefined {
    const fd = descriptorOrClosed(file);
    if (fd >= 0) return this.#entries.has(fd) ? fd : undefined;
    for (const [known, entry] of this.#entries) if (entry.file === file) return known;
    return undefined;
  }
}

/** `struct pollfd` has 16 bits of them. */
function checkEvents(events: number): void {
  checkInteger(events, 'events', 0, 0xffff);
}
