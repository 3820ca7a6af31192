/** Level, edge, oneshot and exclusive over epoll(7); Linux. */
import { fstatSync, readFileSync } from 'node:fs';
import { holders } from '../holders.js';
import { constants } from '../native/constants.js';
import { check, EEXIST, EPERM, SystemError } from '../native/errors.js';
import { native } from '../native/load.js';
import { modeOf, type SelectorCapabilities } from './capabilities.js';
import { EVENT_PRIORITY, EVENT_READ, EVENT_READ_CLOSED, EVENT_WRITE } from './events.js';
import type { Registration } from './registry.js';
import { Selector } from './selector.js';
import type { Watched } from './verify.js';

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

function toEpoll({ key, exclusive, fired }: Registration<unknown>): number {
  const { mode } = key;
  const events = fired ? 0 : key.events;
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

/**
 * A selector over epoll(7): the kernel keeps the set, so a wait costs what is ready and not what is registered.
 *
 * Regular files and directories are refused with `EPERM`; they are always ready.
 */
export class EpollSelector<T = unknown> extends Selector<T> {
  readonly backend = 'epoll';
  readonly #epfd: number;
  readonly #control: (operation: number, fd: number, generation: number, events: number) => number;

  /** @throws StateError `ERR_UNSUPPORTED`: no Linux. SystemError `EMFILE`, `ENFILE`, `ENOMEM`. */
  constructor() {
    super('epoll', native.epollOpen, CAPABILITIES);
    const { epollControl, epollDescriptor } = native as Required<typeof native>;
    this.#epfd = epollDescriptor(this.id);
    this.#control = (operation, fd, generation, events) =>
      epollControl(this.#epfd, operation, fd, generation, events);
  }

  /** The epoll descriptor, which another selector can watch. */
  override fileno(): number {
    this.checkOpen();
    return this.#epfd;
  }

  /** @internal */
  protected override add(registration: Registration<T>): void {
    const { key, generation } = registration;
    const add = () => this.#control(EPOLL_CTL_ADD, key.fd, generation, toEpoll(registration));
    let status = add();
    // Nobody here watches it, so the kernel's entry is one that outlived its descriptor, and the number has come back to
    // the very file it belonged to: now it can be removed.
    if (status === -EEXIST && this.remove(key.fd)) status = add();
    if (status < 0) throw new SystemError(status, 'epoll_ctl', { fd: key.fd, ...hintFor(status, key.fd) });
  }

  /** @internal */
  protected override change(wanted: Registration<T>, current: Registration<T>): void {
    const { fd } = wanted.key;
    if (!wanted.exclusive && !current.exclusive) {
      const status = this.#control(EPOLL_CTL_MOD, fd, wanted.generation, toEpoll(wanted));
      check(status, 'epoll_ctl', { fd, hint: 'the descriptor was closed while it was registered' });
      return;
    }
    // The kernel changes no exclusive registration (EINVAL): it goes and comes again.
    check(this.#control(EPOLL_CTL_DEL, fd, 0, 0), 'epoll_ctl', { fd });
    const status = this.#control(EPOLL_CTL_ADD, fd, wanted.generation, toEpoll(wanted));
    if (status === 0) return;
    this.#control(EPOLL_CTL_ADD, fd, current.generation, toEpoll(current));
    throw new SystemError(status, 'epoll_ctl', { fd });
  }

  /** A descriptor that is already gone needs no removal: the kernel dropped it with the last reference. @internal */
  protected override remove(fd: number): boolean {
    return this.#control(EPOLL_CTL_DEL, fd, 0, 0) === 0;
  }

  /** Adding changes nothing where it is refused with EEXIST, and succeeds only where nothing was there. @internal */
  protected override forgotten({ key, generation }: Registration<T>): boolean {
    const status = this.#control(EPOLL_CTL_ADD, key.fd, generation, 0);
    if (status === 0) this.#control(EPOLL_CTL_DEL, key.fd, 0, 0);
    return status !== -EEXIST;
  }

  /** The kernel's list, proc(5): one line `tfd: 5 events: 19 data: 100000005` for each registration. @internal */
  protected override watched(): Watched[] | null {
    let list: string;
    try {
      list = readFileSync(`/proc/self/fdinfo/${this.#epfd}`, 'utf8');
    } catch {
      return null;
    }
    const watched: Watched[] = [];
    for (const [, mask = '', data = ''] of list.matchAll(
      /^tfd:\s*\d+ events:\s*([\da-f]+) data:\s*([\da-f]+)/gm,
    )) {
      const tag = BigInt(`0x${data}`);
      const fd = Number(BigInt.asIntN(32, tag));
      // What is negative is the selector's own: its waker, and in a worker the interrupt.
      if (fd < 0) continue;
      const bits = Number.parseInt(mask, 16);
      watched.push({
        fd,
        generation: Number(BigInt.asIntN(32, tag >> 32n)),
        events: fromEpoll(bits),
        mode: modeOf((bits & EPOLLET) !== 0, (bits & EPOLLONESHOT) !== 0),
      });
    }
    return watched;
  }

  /** @internal */
  protected override renew(): void {
    check((native as Required<typeof native>).epollRenew(this.id), 'epoll_create1');
    for (const holder of holders) holder.watchAgain(this.#epfd);
  }
}

function hintFor(status: number, fd: number): { hint?: string } {
  if (status !== -EPERM) return {};
  const stats = fstatSync(fd);
  const kind = stats.isDirectory() ? 'a directory' : stats.isFile() ? 'a regular file' : 'such a file';
  return {
    hint: `EpollSelector cannot watch ${kind}: files are always ready, so read it at once, or use PollSelector`,
  };
}
