/** A descriptor with those who wait for it: up to one for each direction, which share one registration. */

import type { FileLike } from '../files.js';
import { StateError } from '../native/errors.js';
import { isOneshot, type RegisterOptions, type TriggerMode } from '../selectors/capabilities.js';
import { EVENT_INVALID, EVENT_READ, EVENT_WRITE, namesOf } from '../selectors/events.js';
import type { Report } from './errors.js';
import type { FileWatcher } from './watcher.js';

/** What a file needs of the table it stands in. */
export interface FileOwner {
  /** Whose callback runs: what it arms, it arms from within. Nobody's, once it threw. */
  calling: FileWatcher | null;
  /** Whether anybody was called since the last wait ended. */
  told: boolean;
  /** Refuses what the backend cannot report. */
  check(events: number, file: WatchedFile): void;
  /** What is wanted of a file is no longer what its registration says. */
  changed(file: WatchedFile): void;
  /** Nobody waits for it any more. */
  abandoned(file: WatchedFile): void;
  /** A watcher that is called again in the next iteration. */
  again(watcher: FileWatcher): void;
  readonly report: Report;
  /** So many more watchers keep the process alive. */
  live(more: number): void;
}

const NONE: readonly FileWatcher[] = [];

/** How a file is registered. */
export interface Registering extends Required<RegisterOptions> {
  /** What the mode says. */
  readonly oneshot: boolean;
}

export function registering(mode: TriggerMode, exclusive: boolean): Registering {
  return { mode, exclusive, oneshot: isOneshot(mode) };
}

export class WatchedFile {
  /** What the selector was told; 0: it does not know the file. */
  registered = 0;
  /** Whether the registration is oneshot and has fired, or is to be reported again. */
  muted = false;
  /** Whether it is on the list of those whose registration is to be changed. */
  changing = false;
  // Most have one that is called as often as there is something: it needs neither an array, nor to be asked about. Of several,
  // and of a oneshot one, there is an array that is never changed, but replaced: whoever walks it may be called by what
  // changes it.
  #only: FileWatcher | null = null;
  #several = NONE;

  constructor(
    readonly file: FileLike,
    readonly fd: number,
    /** How it is registered: one object for all that are registered by default. */
    readonly options: Registering,
    readonly owner: FileOwner,
  ) {}

  get mode(): TriggerMode {
    return this.options.mode;
  }

  get oneshot(): boolean {
    return this.options.oneshot;
  }

  get empty(): boolean {
    return this.#only === null && this.#several === NONE;
  }

  /** Whether another could share its registration. */
  isLike({ options }: WatchedFile): boolean {
    return this.options.mode === options.mode && this.options.exclusive === options.exclusive;
  }

  /** What those who wait, and were not told yet, wait for. */
  get wanted(): number {
    let events = 0;
    for (const watcher of this.watchers) if (!watcher.fired) events |= watcher.events;
    return events;
  }

  /** Whoever waits for one of `events`. */
  find(events: number): FileWatcher | undefined {
    return this.watchers.find((watcher) => (watcher.events & events) !== 0);
  }

  /** Adds a watcher, in place of another. */
  add(watcher: FileWatcher, replaced?: FileWatcher): void {
    const others = this.watchers.filter((other) => other !== replaced);
    this.watchers = [...others, watcher];
    if (replaced !== undefined) retire(replaced, this.owner);
    this.owner.live(1);
    this.owner.changed(this);
  }

  modify(watcher: FileWatcher, events: number): void {
    this.owner.check(events, this);
    const other = this.watchers.find((one) => one !== watcher && (one.events & events) !== 0);
    if (other !== undefined) throw taken(this.fd, other.events & events);
    if (watcher.events === events) return;
    watcher.events = events;
    // As a selector's modify() does, it arms what has fired.
    watcher.fired = false;
    this.owner.changed(this);
  }

  rearm(watcher: FileWatcher): void {
    if (this.mode === 'level') return;
    if (this.mode === 'edge' && this.owner.calling === watcher) {
      this.owner.again(watcher);
      return;
    }
    watcher.fired = false;
    this.muted = true;
    this.owner.changed(this);
  }

  remove(watcher: FileWatcher): void {
    this.watchers = this.watchers.filter((other) => other !== watcher);
    retire(watcher, this.owner);
    if (this.empty) this.owner.abandoned(this);
    else this.owner.changed(this);
  }

  /** A watcher is not called until it goes on, but hears of the descriptor's close. */
  pause(watcher: FileWatcher, paused: boolean): void {
    watcher.fired = paused;
    if (watcher.active) this.owner.changed(this);
  }

  reference(watcher: FileWatcher, referenced: boolean): void {
    if (watcher.referenced === referenced) return;
    watcher.referenced = referenced;
    if (watcher.active) this.owner.live(referenced ? 1 : -1);
  }

  /** Tells whom it concerns. */
  deliver(events: number, batch: number): void {
    const only = this.#only;
    if (only === null) deliverToEach(this, events, batch);
    else only.deliver(events, batch, false);
  }

  /**
   * The descriptor was found closed: tells everybody, for the last time. That implies the direction that was asked for, but
   * where the number is another's: what is read from it would be that one's.
   */
  lose(events: number, superseded: boolean): void {
    const watchers = this.watchers;
    this.watchers = [];
    for (const watcher of watchers) {
      if (watcher.active && watcher.referenced) this.owner.live(-1);
      watcher.lose(superseded ? EVENT_INVALID : events | (watcher.events & (EVENT_READ | EVENT_WRITE)));
    }
  }

  /** The descriptor is being closed by its owner, or the reactor is: nobody is told but those who asked for that. */
  forget(): void {
    const watchers = this.watchers;
    this.watchers = [];
    for (const watcher of watchers) retire(watcher, this.owner);
    for (const watcher of watchers) {
      try {
        watcher.kind.onLost?.();
      } catch (error) {
        this.report(error);
      }
    }
  }

  /** The callback of a watcher threw: it runs no more while that is reported. */
  threw(error: unknown): void {
    this.owner.calling = null;
    this.report(error);
  }

  report(error: unknown): void {
    const { fd } = this;
    this.owner.report(error, { message: `the watcher of descriptor ${fd} threw`, source: 'watcher', fd });
  }

  get watchers(): readonly FileWatcher[] {
    return this.#only === null ? this.#several : [this.#only];
  }

  set watchers(watchers: readonly FileWatcher[]) {
    const [first = null, ...more] = watchers;
    this.#only = more.length === 0 && !this.oneshot ? first : null;
    this.#several = first === null || this.#only !== null ? NONE : watchers;
  }
}

// Out of line: V8 is to have room for the usual delivery in whoever delivers.
function deliverToEach(file: WatchedFile, events: number, batch: number): void {
  const { oneshot, watchers } = file;
  if (oneshot) file.muted = true;
  for (const watcher of watchers) watcher.deliver(events, batch, oneshot);
  if (oneshot && file.wanted !== 0) file.owner.changed(file);
}

function retire(watcher: FileWatcher, owner: FileOwner): void {
  watcher.active = false;
  if (watcher.referenced) owner.live(-1);
}

export function taken(fd: number, events: number): StateError {
  return new StateError(
    'ERR_ALREADY_REGISTERED',
    `somebody waits for ${namesOf(events)} of descriptor ${fd} already, by watch(), ready() or a socket operation`,
  );
}
