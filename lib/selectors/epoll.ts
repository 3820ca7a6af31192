/** Level, edge, oneshot and exclusive over epoll(7); Linux. */
import { fstatSync, readFileSync } from 'node:fs';
import { holders } from '../holders.js';
import type { EpollBinding } from '../native/binding.js';
import { constants } from '../native/constants.js';
import { check, EEXIST, EPERM, SystemError } from '../native/errors.js';
import { epollBinding } from '../native/facilities.js';
import { type BackendSet, openWaitSet, type Watched } from './backend-set.js';
import { modeOf, type SelectorCapabilities } from './capabilities.js';
import { EVENT_PRIORITY, EVENT_READ, EVENT_READ_CLOSED, EVENT_WRITE } from './events.js';
import type { Registration } from './registry.js';
import { Selector } from './selector.js';
import type { Waker } from './waker.js';

const {
  EPOLLIN = 0,
  EPOLLOUT = 0,
  EPOLLPRI = 0,
  EPOLLRDHUP = 0,
  EPOLLET = 0,
  EPOLLONESHOT = 0,
  EPOLLEXCLUSIVE = 0,
  EPOLL_CTL_ADD = 0,
  EPOLL_CTL_DEL = 0,
  EPOLL_CTL_MOD = 0,
} = constants;

const CAPABILITIES: SelectorCapabilities = Object.freeze({
  modes: Object.freeze(['level', 'edge', 'oneshot', 'edge-oneshot'] as const),
  exclusive: true,
  priority: true,
  readClosed: true,
  pollable: true,
  maxDescriptor: 0x7fff_ffff,
});

const TRIGGER_BITS = {
  level: 0,
  edge: EPOLLET,
  oneshot: EPOLLONESHOT,
  'edge-oneshot': EPOLLET | EPOLLONESHOT,
};

function toEpoll(registration: Registration<unknown>): number {
  const { mode, exclusive } = registration;
  const events = registration.fired ? 0 : registration.events;
  return (
    ((events & EVENT_READ ? EPOLLIN : 0) |
      (events & EVENT_WRITE ? EPOLLOUT : 0) |
      (events & EVENT_PRIORITY ? EPOLLPRI : 0) |
      (events & EVENT_READ_CLOSED ? EPOLLRDHUP : 0) |
      TRIGGER_BITS[mode] |
      (exclusive ? EPOLLEXCLUSIVE : 0)) >>>
    0
  );
}

function fromEpoll(mask: number): number {
  return (
    (mask & EPOLLIN ? EVENT_READ : 0) |
    (mask & EPOLLOUT ? EVENT_WRITE : 0) |
    (mask & EPOLLPRI ? EVENT_PRIORITY : 0) |
    (mask & EPOLLRDHUP ? EVENT_READ_CLOSED : 0)
  );
}

/** An epoll set, which the kernel keeps. */
export class EpollSet implements BackendSet {
  readonly backend = 'epoll';
  readonly capabilities = CAPABILITIES;
  readonly id: number;
  readonly waker: Waker;
  readonly descriptor: number;
  readonly #epoll: EpollBinding;

  constructor() {
    this.#epoll = epollBinding();
    const { id, waker } = openWaitSet('epoll', this.#epoll.epollOpen);
    this.id = id;
    this.waker = waker;
    this.descriptor = this.#epoll.epollDescriptor(id);
  }

  add(registration: Registration<unknown>): void {
    const { fd } = registration;
    let status = this.#control(EPOLL_CTL_ADD, registration);
    // Nobody here watches it, so the kernel's entry is one that outlived its descriptor, and the number has come back to
    // the very file it belonged to: now it can be removed.
    if (status === -EEXIST && this.remove(fd)) status = this.#control(EPOLL_CTL_ADD, registration);
    if (status < 0) throw new SystemError(status, 'epoll_ctl', { fd, ...hintFor(status, fd) });
  }

  change(wanted: Registration<unknown>, current: Registration<unknown>): void {
    const { fd } = wanted;
    if (!wanted.exclusive && !current.exclusive) {
      const hint = 'the descriptor was closed while it was registered';
      check(this.#control(EPOLL_CTL_MOD, wanted), 'epoll_ctl', { fd, hint });
      return;
    }
    // The kernel changes no exclusive registration (EINVAL): it goes and comes again.
    check(this.#control(EPOLL_CTL_DEL, current), 'epoll_ctl', { fd });
    const status = this.#control(EPOLL_CTL_ADD, wanted);
    if (status === 0) return;
    this.#control(EPOLL_CTL_ADD, current);
    throw new SystemError(status, 'epoll_ctl', { fd });
  }

  /** A descriptor that is already gone needs no removal: the kernel dropped it with the last reference. */
  remove(fd: number): boolean {
    return this.#epoll.epollControl(this.descriptor, EPOLL_CTL_DEL, fd, 0, 0) === 0;
  }

  /** Adding changes nothing where it is refused with EEXIST, and succeeds only where nothing was there. */
  forgotten({ fd, generation }: Registration<unknown>): boolean {
    const status = this.#epoll.epollControl(this.descriptor, EPOLL_CTL_ADD, fd, generation, 0);
    if (status === 0) this.remove(fd);
    return status !== -EEXIST;
  }

  /** The kernel's list, proc(5): one line `tfd: 5 events: 19 data: 100000005` for each registration. */
  watched(): Watched[] | null {
    let list: string;
    try {
      list = readFileSync(`/proc/self/fdinfo/${this.descriptor}`, 'utf8');
    } catch {
      return null;
    }
    return [...list.matchAll(/^tfd:\s*\d+ events:\s*([\da-f]+) data:\s*([\da-f]+)/gm)]
      .map(([, mask = '', data = '']) => watchedFrom(Number.parseInt(mask, 16), BigInt(`0x${data}`)))
      .filter(({ fd }) => fd >= 0); // the others are the selector's own: its waker, and in a worker the interrupt
  }

  renew(): void {
    check(this.#epoll.epollRenew(this.id), 'epoll_create1');
    for (const holder of holders) holder.watchAgain(this.descriptor);
  }

  #control(operation: number, registration: Registration<unknown>): number {
    const { fd, generation } = registration;
    return this.#epoll.epollControl(this.descriptor, operation, fd, generation, toEpoll(registration));
  }
}

/**
 * A selector over epoll(7): the kernel keeps the set, so a wait costs what is ready and not what is registered.
 *
 * Regular files and directories are refused with `EPERM`; they are always ready.
 */
export class EpollSelector<T = unknown> extends Selector<T> {
  readonly backend = 'epoll';

  /** @throws StateError `ERR_UNSUPPORTED`: no Linux. SystemError `EMFILE`, `ENFILE`, `ENOMEM`. */
  constructor() {
    super(new EpollSet());
  }
}

/** The tag, as src-native/epoll.cc makes it, holds the descriptor and above it the generation. */
function watchedFrom(mask: number, tag: bigint): Watched {
  return {
    fd: Number(BigInt.asIntN(32, tag)),
    generation: Number(BigInt.asIntN(32, tag >> 32n)),
    events: fromEpoll(mask),
    mode: modeOf((mask & EPOLLET) !== 0, (mask & EPOLLONESHOT) !== 0),
  };
}

function hintFor(status: number, fd: number): { hint?: string } {
  if (status !== -EPERM) return {};
  const stats = fstatSync(fd);
  const kind = stats.isDirectory() ? 'a directory' : stats.isFile() ? 'a regular file' : 'such a file';
  return {
    hint: `EpollSelector cannot watch ${kind}: files are always ready, so read it at once, or use PollSelector (IOMUX_SELECTOR=poll)`,
  };
}
