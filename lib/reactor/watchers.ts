/** Who waits for what: the watchers of a reactor by descriptor, and what its selector is told of them. */
import { checkFunction } from '../arguments.js';
import { DescriptorTable } from '../descriptor-table.js';
import { descriptorOf, descriptorOrClosed, type FileLike } from '../files.js';
import { type Holder, holders } from '../holders.js';
import { StateError, SystemError } from '../native/errors.js';
import {
  checkEvents,
  checkOptions,
  checkSupported,
  type RegisterOptions,
} from '../selectors/capabilities.js';
import * as kinds from '../selectors/events.js';
import type { SelectorKey } from '../selectors/registry.js';
import type { Selector } from '../selectors/selector.js';
import { Socket } from '../sockets/socket.js';
import type { Report } from './errors.js';
import * as files from './watched-file.js';
import { FileWatcher, type WatcherCallback, type WatcherKind } from './watcher.js';

const { EVENT_INVALID } = kinds;
const { registering, taken, WatchedFile } = files;
type WatchedFile = files.WatchedFile;
const BY_USER: WatcherKind = {};
const REPLACEABLE: WatcherKind = { replaceable: true };
const BY_DEFAULT = registering('level', false);
/** What a system call says of a descriptor that is closed, or another's. */
const GONE: ReadonlySet<string> = new Set(['EBADF', 'ENOENT']);

/** What the watchers need of their reactor. */
export interface WatchersOwner {
  readonly report: Report;
  /** Whether the reactor waits at this moment, so that a change must be applied at once. */
  isWaiting(): boolean;
  /** How many watchers keep the process alive has changed. */
  liveChanged(): void;
}

/**
 * Registrations follow what is wanted: a change is noted, and applied just before the reactor waits, one system call for
 * each descriptor however often it changed. Only what must not wait is done at once: a first registration, so that its
 * errors are the caller's, and the last removal of a foreign descriptor, which its owner may close next.
 */
export class Watchers implements Holder {
  /** How many keep the process alive. */
  alive = 0;
  calling: FileWatcher | null = null;
  told = false;
  readonly report: Report;
  readonly #selector: Selector<unknown>;
  readonly #owner: WatchersOwner;
  readonly #files = new DescriptorTable<WatchedFile>();
  #changing: WatchedFile[] = [];
  // Edge-triggered watchers that have used up their time: nothing will report them again.
  #again: FileWatcher[] = [];
  // Those of them who are called at the end of the batch in progress.
  #due: FileWatcher[] = [];

  constructor(selector: Selector<unknown>, owner: WatchersOwner) {
    this.#selector = selector;
    this.#owner = owner;
    this.report = owner.report;
    holders.add(this);
  }

  /** Whether there is something to do without waiting: somebody to be called, or what somebody changed when he was. */
  get pending(): boolean {
    return this.#again.length > 0 || this.#due.length > 0 || this.told;
  }

  watch(
    file: FileLike,
    events: number,
    callback: WatcherCallback,
    options?: RegisterOptions,
    kind: WatcherKind = BY_USER,
  ): FileWatcher {
    checkEvents(events);
    checkFunction(callback, 'callback');
    const { mode = 'level', exclusive = false } = checkOptions(options);
    const fd = descriptorOf(file);
    const known = this.#find(fd, file);
    const wanted = new WatchedFile(file, fd, options ? registering(mode, exclusive) : BY_DEFAULT, this);
    this.check(events, wanted);
    if (known === undefined) return this.#addFirst(wanted, events, callback, kind);
    if (known.empty && !wanted.isLike(known)) {
      this.#drop(known);
      return this.#addFirst(wanted, events, callback, kind);
    }
    const other = known.find(events);
    // A bare number may have been closed, and be another file's by now. Whoever waited for the old one is told by the
    // next wait.
    const doubtful = other !== undefined || known.file !== file;
    if (doubtful && this.#selector.isStale(fd)) return this.#addFirst(wanted, events, callback, kind);
    if (!wanted.isLike(known)) throw unlike(known);
    if (other !== undefined) throw taken(fd, other.events & events);
    return this.#add(known, events, callback, kind);
  }

  /** @throws StateError `ERR_ALREADY_REGISTERED`: somebody waits for one of `events`. */
  checkFree(file: FileLike, events: number): void {
    const other = this.#lookUp(file)?.find(events);
    if (other !== undefined) throw taken(other.fd, other.events & events);
  }

  /** Sets the one callback of a direction, in place of the one before. */
  setDirection(file: FileLike, events: number, callback: WatcherCallback): void {
    const fd = descriptorOf(file);
    const known = this.#find(fd, file);
    const before = known?.find(events);
    const replaceable = before?.kind.replaceable === true;
    const stale = known !== undefined && known.file !== file && this.#selector.isStale(fd);
    if (stale && replaceable) before.close();
    if (known === undefined || stale || !replaceable) {
      this.watch(file, events, callback, undefined, REPLACEABLE);
      return;
    }
    this.#add(known, events, callback, REPLACEABLE, before);
  }

  /** @returns whether there was one. */
  removeDirection(file: FileLike, events: number): boolean {
    const watcher = this.#lookUp(file)?.find(events);
    if (watcher?.kind.replaceable !== true) return false;
    watcher.close();
    return true;
  }

  /** Applies what changed, before a wait. */
  apply(): void {
    if (this.#changing.length === 0) return;
    const changing = this.#changing;
    this.#changing = [];
    for (const file of changing) {
      file.changing = false;
      this.#apply(file);
    }
  }

  /** Waits, and tells whom it concerns. @returns whether anybody was called since the last wait. */
  wait(timeout: number | null): boolean {
    if (!this.#selector.pending && this.#again.length > 0) {
      this.#due.push(...this.#again);
      this.#again = [];
    }
    try {
      this.#selector.dispatch(timeout, this.#deliver);
      // A batch that was broken off has more for them, perhaps, and tells nobody twice.
      if (!this.#selector.pending && this.#due.length > 0) this.#tellAgain();
      return this.told;
    } finally {
      this.calling = null;
      this.told = false;
    }
  }

  close(): void {
    holders.delete(this);
    for (const file of [...this.#files]) {
      this.#files.delete(file.fd);
      file.forget();
    }
    this.#changing = [];
    this.#again = [];
    this.#due = [];
  }

  /** A descriptor is being closed by its owner; the selector hears of it by itself. */
  letGo(fd: number): void {
    const file = this.#files.get(fd);
    if (file === undefined) return;
    this.#files.delete(fd);
    file.forget();
  }

  /** The selector does. */
  watchAgain(_fd: number): void {}

  check(events: number, { options: { mode, exclusive } }: WatchedFile): void {
    checkEvents(events);
    checkSupported(this.#selector.backend, this.#selector.capabilities, events, mode, exclusive);
  }

  changed(file: WatchedFile): void {
    if (file.changing) return;
    if (this.#owner.isWaiting()) {
      this.#apply(file);
      return;
    }
    file.changing = true;
    this.#changing.push(file);
  }

  abandoned(file: WatchedFile): void {
    // A socket of ours leaves its selectors before it is closed, and is often watched again at once.
    if (file.file instanceof Socket && file.mode === 'level') this.changed(file);
    else this.#drop(file);
  }

  again(watcher: FileWatcher): void {
    this.#again.push(watcher);
  }

  live(more: number): void {
    this.alive += more;
    this.#owner.liveChanged();
  }

  readonly #deliver = (key: SelectorKey<unknown>, events: number): void => {
    const { data: file } = key;
    if (!(file instanceof WatchedFile)) this.#refuseStranger(key);
    else if ((events & EVENT_INVALID) !== 0) this.#lose(file, events);
    else file.deliver(events, this.#selector.batch);
  };

  /** Nobody handles what was registered past the reactor; left alone, it would be ready for ever. */
  #refuseStranger(key: SelectorKey<unknown>): void {
    const { fd } = key;
    this.calling = null;
    this.told = true;
    // One that was found closed is registered no more, and its number may be another's by now.
    if (this.#selector.getMap().get(fd) === key) this.#selector.unregister(fd);
    const message = `descriptor ${fd} was registered with the selector of a reactor: use reactor.watch()`;
    this.report(new StateError('ERR_UNSUPPORTED', message), { message, source: 'watcher', fd });
  }

  /** The file that is watched as `fd`, unless that number has become another's since. */
  #find(fd: number, file: FileLike): WatchedFile | undefined {
    const known = this.#files.get(fd);
    if (known === undefined || known.file === file || typeof known.file === 'number') return known;
    return descriptorOrClosed(known.file) === fd ? known : undefined;
  }

  /** The same for what may be closed by now. */
  #lookUp(file: FileLike): WatchedFile | undefined {
    const fd = descriptorOrClosed(file);
    if (fd >= 0) return this.#files.get(fd);
    for (const known of this.#files) if (known.file === file) return known;
    return undefined;
  }

  #addFirst(file: WatchedFile, events: number, callback: WatcherCallback, kind: WatcherKind): FileWatcher {
    const watcher = new FileWatcher(file, events, callback, kind, this.#selector.batch);
    this.#selector.register(file.file, events, file, file.options);
    this.#files.set(file.fd, file);
    file.registered = events;
    file.add(watcher);
    return watcher;
  }

  #add(
    file: WatchedFile,
    events: number,
    callback: WatcherCallback,
    kind: WatcherKind,
    replaced?: FileWatcher,
  ): FileWatcher {
    const watcher = new FileWatcher(file, events, callback, kind, this.#selector.batch);
    file.add(watcher, replaced);
    return watcher;
  }

  #tellAgain(): void {
    const due = this.#due;
    this.#due = [];
    for (const watcher of due) watcher.deliverAgain(this.#selector.batch);
  }

  #apply(file: WatchedFile): void {
    if (this.#files.get(file.fd) !== file) return;
    const { fd, wanted } = file;
    try {
      if (file.empty) {
        this.#drop(file);
        return;
      }
      if (wanted === 0) {
        // Each was told, so the registration is mute; if not, it would report to nobody.
        if (!file.muted && file.registered !== 0) {
          this.#selector.unregister(fd);
          file.registered = 0;
        }
        return;
      }
      if (file.registered === 0) this.#selector.register(file.file, wanted, file, file.options);
      else if (file.registered !== wanted) this.#selector.modify(fd, wanted, file);
      else if (file.muted) this.#selector.rearm(fd);
      file.registered = wanted;
      file.muted = false;
    } catch (error) {
      this.#failed(file, error);
    }
  }

  /** The kernel refused a change: the descriptor was closed behind our back, or there is no memory. */
  #failed(file: WatchedFile, error: unknown): void {
    const { fd } = file;
    if (error instanceof SystemError && GONE.has(error.code)) {
      if (file.registered !== 0) this.#selector.unregister(fd);
      this.#lose(file, EVENT_INVALID);
      return;
    }
    this.report(error, { message: `descriptor ${fd} cannot be watched as wanted`, source: 'watcher', fd });
    // The next wait tries again.
    if (!file.changing) this.#changing.push(file);
    file.changing = true;
  }

  #lose(file: WatchedFile, events: number): void {
    // Another file has its number, and a registration by now.
    const superseded = this.#files.get(file.fd) !== file;
    if (!superseded) this.#files.delete(file.fd);
    file.registered = 0;
    file.lose(events, superseded);
  }

  #drop(file: WatchedFile): void {
    if (this.#files.get(file.fd) !== file) return;
    this.#files.delete(file.fd);
    if (file.registered !== 0) this.#selector.unregister(file.fd);
    file.registered = 0;
  }
}

function unlike({ fd, options: { mode, exclusive } }: WatchedFile): StateError {
  return new StateError(
    'ERR_UNSUPPORTED',
    `the watchers of descriptor ${fd} share one registration: ${mode}${exclusive ? ', exclusive' : ''}`,
  );
}
