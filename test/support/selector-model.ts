/**
 * What a selector must report, worked out from poll(2) and the rules of the modes. There are two models, because there
 * are two kinds of set: one that is handed to the kernel with each wait and names descriptors (poll, select), and one
 * that the kernel keeps and in which an entry belongs to an open file (epoll).
 */
import {
  constants,
  EVENT_ERROR,
  EVENT_HANGUP,
  EVENT_INVALID,
  EVENT_PRIORITY,
  EVENT_READ,
  EVENT_READ_CLOSED,
  EVENT_WRITE,
  Poll,
  type TriggerMode,
} from 'iomux';
import type { Activity, OpenFile, OpenFiles } from './open-files.js';

const {
  POLLIN = 0,
  POLLOUT = 0,
  POLLPRI = 0,
  POLLRDHUP = 0,
  POLLERR = 0,
  POLLHUP = 0,
  POLLNVAL = 0,
} = constants;
const DIRECTIONS = EVENT_READ | EVENT_WRITE;

/** A registration as its owner knows it. */
export interface Watch {
  readonly id: number;
  readonly fd: number;
  events: number;
  mode: TriggerMode;
  /** A oneshot that has fired, and was not armed again. */
  fired: boolean;
}

/** A report that the next wait makes. */
export interface Expectation {
  readonly watch: Watch;
  readonly events: number;
  /** Or may make: whether an edge is seen is then up to the kernel. */
  readonly certain: boolean;
}

/** The name of an error's `code`, or nothing where the call must succeed. */
export type Refusal = string | undefined;

export interface SelectorModel {
  readonly watches: ReadonlyMap<number, Watch>;
  /** Whether selector and kernel agree, which `verify()` must find. */
  readonly consistent: boolean;
  /** Whether the next wait must rebuild the kernel's set. */
  readonly rebuildDue: boolean;
  /** What of an event is told in the same way as by poll(2), and can be compared. */
  readonly comparable: number;
  /** Whether it knows what comes of a descriptor that is closed behind the selector's back. */
  readonly knowsClosed: boolean;
  /** Whether a change of this registration could hit an entry that is left from an earlier one. */
  isAmbiguous(fd: number): boolean;
  register(watch: Watch): Refusal;
  modify(fd: number, events: number, mode: TriggerMode): Refusal;
  rearm(fd: number): Refusal;
  unregister(fd: number): Refusal;
  happened(activity: Activity): void;
  /** What the wait that comes now reports, and how many events of former registrations it meets. */
  wait(): { reports: Expectation[]; stale: number };
  /** What that wait did deliver. */
  delivered(watches: ReadonlySet<Watch>): void;
}

/** READ, WRITE and the rest of what holds for a descriptor now, as a registration for `events` should hear it. */
type Oracle = (fd: number, events: number) => number;

function poll(fd: number, events: number): number {
  const set = new Poll();
  set.register(fd, events);
  return set.poll(0)[0]?.[1] ?? 0;
}

/** An error or a hang-up is reported unasked, and as the direction that was asked for. */
export const pollOracle: Oracle = (fd, events) => {
  const seen = poll(
    fd,
    (events & EVENT_READ ? POLLIN : 0) |
      (events & EVENT_WRITE ? POLLOUT : 0) |
      (events & EVENT_PRIORITY ? POLLPRI : 0) |
      (events & EVENT_READ_CLOSED ? POLLRDHUP : 0),
  );
  const failures =
    (seen & POLLERR ? EVENT_ERROR : 0) |
    (seen & POLLHUP ? EVENT_HANGUP : 0) |
    (seen & POLLNVAL ? EVENT_INVALID : 0);
  return (
    (seen & POLLIN ? EVENT_READ : 0) |
    (seen & POLLOUT ? EVENT_WRITE : 0) |
    (seen & POLLPRI ? EVENT_PRIORITY : 0) |
    (seen & POLLRDHUP ? EVENT_READ_CLOSED : 0) |
    failures |
    (failures === 0 ? 0 : events & DIRECTIONS)
  );
};

/** select(2) tells no failure from readiness, and a hang-up makes readable only. */
export const selectOracle: Oracle = (fd, events) => {
  const seen = poll(fd, POLLIN | POLLOUT | POLLPRI);
  if ((seen & POLLNVAL) !== 0) return EVENT_INVALID | (events & DIRECTIONS);
  return (
    events &
    ((seen & (POLLIN | POLLHUP | POLLERR) ? EVENT_READ : 0) |
      (seen & (POLLOUT | POLLERR) ? EVENT_WRITE : 0) |
      (seen & POLLPRI ? EVENT_PRIORITY : 0))
  );
};

const isOneshot = (mode: TriggerMode) => mode === 'oneshot' || mode === 'edge-oneshot';
const isEdge = (mode: TriggerMode) => mode === 'edge' || mode === 'edge-oneshot';

/** poll and select: whatever the number means at the moment of the wait is watched. */
export class HandedOverSetModel implements SelectorModel {
  readonly watches = new Map<number, Watch>();
  readonly consistent = true;
  readonly rebuildDue = false;
  readonly comparable: number = ~0;
  readonly knowsClosed: boolean = true;

  constructor(
    private readonly files: OpenFiles,
    private readonly oracle: Oracle,
  ) {}

  isAmbiguous(): boolean {
    return false;
  }

  register(watch: Watch): Refusal {
    if (this.watches.has(watch.fd)) return 'ERR_ALREADY_REGISTERED';
    if (this.files.at(watch.fd) === undefined) return 'EBADF';
    this.watches.set(watch.fd, watch);
    return undefined;
  }

  modify(fd: number, events: number, mode: TriggerMode): Refusal {
    const watch = this.watches.get(fd);
    if (watch === undefined) return 'ERR_NOT_REGISTERED';
    if (watch.events === events && watch.mode === mode) return undefined;
    if (this.files.at(fd) === undefined) return 'EBADF';
    Object.assign(watch, { events, mode, fired: false });
    return undefined;
  }

  rearm(fd: number): Refusal {
    const watch = this.watches.get(fd);
    if (watch === undefined) return 'ERR_NOT_REGISTERED';
    if (watch.mode === 'level') return undefined;
    if (this.files.at(fd) === undefined) return 'EBADF';
    watch.fired = false;
    return undefined;
  }

  unregister(fd: number): Refusal {
    return this.watches.delete(fd) ? undefined : 'ERR_NOT_REGISTERED';
  }

  happened(): void {}

  wait(): { reports: Expectation[]; stale: number } {
    const reports: Expectation[] = [];
    for (const watch of this.watches.values()) {
      const events = watch.fired ? 0 : this.oracle(watch.fd, watch.events);
      if (events !== 0) reports.push({ watch, events, certain: true });
      if ((events & EVENT_INVALID) !== 0) this.watches.delete(watch.fd);
    }
    return { reports, stale: 0 };
  }

  delivered(watches: ReadonlySet<Watch>): void {
    for (const watch of watches) watch.fired = isOneshot(watch.mode);
  }
}

/** kqueue, of which no descriptor is closed behind its back: it has names of its own for ends and errors. */
export class FilterModel extends HandedOverSetModel {
  override readonly comparable = DIRECTIONS;
  override readonly knowsClosed = false;
}

/** What the kernel has filed under an open file and a descriptor. */
interface Entry {
  readonly file: OpenFile;
  readonly fd: number;
  watch: Watch;
  events: number;
  mode: TriggerMode;
  muted: boolean;
  /** Edge: what holds must be reported, */
  due: boolean;
  /** or may be. */
  possible: boolean;
}

/** epoll: an entry is a pair of open file and descriptor, and goes with the file, not with the descriptor. */
export class KeptSetModel implements SelectorModel {
  readonly watches = new Map<number, Watch>();
  #entries: Entry[] = [];
  #lost: Watch[] = [];
  rebuildDue = false;
  readonly comparable = ~0;
  readonly knowsClosed = true;

  constructor(
    private readonly files: OpenFiles,
    private readonly oracle: Oracle,
  ) {}

  get consistent(): boolean {
    return (
      this.#entries.length === this.watches.size &&
      this.#entries.every((entry) => this.watches.get(entry.fd) === entry.watch)
    );
  }

  isAmbiguous(fd: number): boolean {
    const entry = this.#entry(fd);
    return entry !== undefined && entry.watch !== this.watches.get(fd);
  }

  register(watch: Watch): Refusal {
    const { fd } = watch;
    const holder = this.watches.get(fd);
    if (holder !== undefined && this.#entry(fd) !== undefined) return 'ERR_ALREADY_REGISTERED';
    const file = this.files.at(fd);
    if (file === undefined) return 'EBADF';
    if (holder !== undefined) this.#lost.push(holder);
    // An entry left from a registration that could not be removed is taken over.
    const left = this.#entry(fd);
    this.#entries = this.#entries.filter((entry) => entry !== left);
    this.#add(file, watch);
    this.watches.set(fd, watch);
    return undefined;
  }

  modify(fd: number, events: number, mode: TriggerMode): Refusal {
    const watch = this.watches.get(fd);
    if (watch === undefined) return 'ERR_NOT_REGISTERED';
    if (watch.events === events && watch.mode === mode) return undefined;
    const refusal = this.#change(fd, events, mode);
    if (refusal === undefined) Object.assign(watch, { events, mode, fired: false });
    return refusal;
  }

  rearm(fd: number): Refusal {
    const watch = this.watches.get(fd);
    if (watch === undefined) return 'ERR_NOT_REGISTERED';
    if (watch.mode === 'level') return undefined;
    const refusal = this.#change(fd, watch.events, watch.mode);
    if (refusal === undefined) watch.fired = false;
    return refusal;
  }

  unregister(fd: number): Refusal {
    if (!this.watches.delete(fd)) return 'ERR_NOT_REGISTERED';
    // Where the number means something else by now, the entry stays: a zombie.
    this.#delete(fd);
    return undefined;
  }

  happened({ touched, received, ended, gone }: Activity): void {
    if (gone !== undefined) this.#entries = this.#entries.filter(({ file }) => file !== gone);
    for (const entry of this.#entries) {
      if (touched.includes(entry.file)) entry.possible = true;
      if (entry.file === received && (entry.events & EVENT_READ) !== 0) entry.due = true;
      if (entry.file === ended && ended?.kind !== 'datagram') entry.due = true;
    }
  }

  wait(): { reports: Expectation[]; stale: number } {
    if (this.rebuildDue) this.#rebuild();
    const reports: Expectation[] = this.#lost.map((watch) => ({
      watch,
      events: EVENT_INVALID | (watch.events & DIRECTIONS),
      certain: true,
    }));
    this.#lost = [];
    const zombies: Entry[] = [];
    for (const entry of this.#entries) {
      const { file, fd, watch } = entry;
      const edge = isEdge(entry.mode);
      const heard = !entry.muted && (!edge || entry.due || entry.possible);
      // Any descriptor of the file will do; one there is, or the entry would be gone.
      const [asked = -1] = file.descriptors;
      const events = heard ? this.oracle(asked, entry.events) : 0;
      const certain = !edge || entry.due;
      entry.due = entry.possible = false;
      if (events === 0) continue;
      if (certain && isOneshot(entry.mode)) entry.muted = true;
      if (this.watches.get(fd) === watch) reports.push({ watch, events, certain });
      else zombies.push(entry);
    }
    for (const { fd } of zombies) {
      if (this.watches.has(fd) || !this.#delete(fd)) this.rebuildDue = true;
    }
    return { reports, stale: zombies.length };
  }

  delivered(watches: ReadonlySet<Watch>): void {
    for (const watch of watches) watch.fired = isOneshot(watch.mode);
    for (const entry of this.#entries) {
      const current = this.watches.get(entry.fd) === entry.watch;
      if (current && watches.has(entry.watch) && isOneshot(entry.mode)) entry.muted = true;
    }
  }

  /** The entry that a system call with this descriptor finds. */
  #entry(fd: number): Entry | undefined {
    const file = this.files.at(fd);
    return this.#entries.find((entry) => entry.fd === fd && entry.file === file);
  }

  #add(file: OpenFile, watch: Watch): void {
    const { fd, events, mode, fired } = watch;
    this.#entries.push({ file, fd, watch, events, mode, muted: fired, due: true, possible: true });
  }

  #change(fd: number, events: number, mode: TriggerMode): Refusal {
    const entry = this.#entry(fd);
    if (entry === undefined) return this.files.at(fd) === undefined ? 'EBADF' : 'ENOENT';
    Object.assign(entry, { events, mode, muted: false, due: true, possible: true });
    return undefined;
  }

  #delete(fd: number): boolean {
    const found = this.#entry(fd);
    this.#entries = this.#entries.filter((entry) => entry !== found);
    return found !== undefined;
  }

  /** What is registered and still there is filed anew; what is not is reported as closed. */
  #rebuild(): void {
    this.rebuildDue = false;
    // An entry that an earlier registration left vouches for its successor: nobody could tell them apart.
    const kept = [...this.watches.values()].filter((watch) => this.#entry(watch.fd) !== undefined);
    this.#lost.push(...[...this.watches.values()].filter((watch) => !kept.includes(watch)));
    const files = kept.map(({ fd }) => this.#entry(fd)?.file);
    this.watches.clear();
    this.#entries = [];
    kept.forEach((watch, index) => {
      this.watches.set(watch.fd, watch);
      this.#add(files[index] as OpenFile, watch);
    });
  }
}
