/** Somebody who waits for events of a descriptor. */
import { AsyncResource } from 'node:async_hooks';
import { StateError } from '../native/errors.js';
import * as kinds from '../selectors/events.js';
import * as promises from './promises.js';
import type { WatchedFile } from './watched-file.js';

const { FAILURES } = kinds;
const { checkReturned } = promises;

/** A callback for events of a descriptor. */
export interface Watcher extends Disposable {
  readonly fd: number;
  /** What it waits for. */
  readonly events: number;
  /** Whether it still may be called: it was not closed, nor was its descriptor found closed. */
  readonly active: boolean;
  /** Waits for something else, which also arms a oneshot watcher again. @throws as `reactor.watch`; StateError `ERR_CLOSED`: it is not active. */
  modify(events: number): void;
  /**
   * Arms a oneshot watcher again. An edge-triggered one is told again what still holds: called in its own callback, which
   * has used up its time, in the next iteration.
   *
   * @throws StateError `ERR_CLOSED`: it is not active.
   */
  rearm(): void;
  /** Keeps the process alive while it is active and its reactor hosted: the default. */
  ref(): this;
  unref(): this;
  /** Waits no more. An event that was found already is not delivered. Again: nothing. */
  close(): void;
}

/** Why what waits for a descriptor fails, when that is closed by its owner. */
export const LOST = 'the socket or its reactor was closed';

export type WatcherCallback = (events: number, watcher: Watcher) => void;

/** How a watcher came to be. */
export interface WatcherKind {
  /** Set by `addReader` or `addWriter`, which replace it. */
  readonly replaceable?: boolean;
  /** What the callback is called on: whoever has many watchers makes no closure for each. */
  readonly receiver?: object;
  /** Told that the descriptor was closed by its owner. */
  onLost?(): void;
}

/** A watcher as its file sees it; the callback runs in the asynchronous context in which it was set. */
export class FileWatcher extends AsyncResource implements Watcher {
  events: number;
  active = true;
  /** Waits to be armed again: a oneshot watcher that was called, one that pauses. */
  fired = false;
  /** Whether it keeps the process alive. */
  referenced = true;
  /** The batch in which it was set, or was called last: it gets nothing (more) of that. */
  batch: number;
  readonly kind: WatcherKind;
  readonly #file: WatchedFile;
  readonly #callback: WatcherCallback;
  // As its kind says, which is another object to look into.
  readonly #receiver: object | undefined;
  #last = 0;

  constructor(
    file: WatchedFile,
    events: number,
    callback: WatcherCallback,
    kind: WatcherKind,
    batch: number,
  ) {
    super('iomux.Watcher');
    this.#file = file;
    this.events = events;
    this.#callback = callback;
    this.kind = kind;
    this.#receiver = kind.receiver;
    this.batch = batch;
  }

  get fd(): number {
    return this.#file.fd;
  }

  /** What it waits for now: nothing while it pauses. */
  get interest(): number {
    return this.fired ? 0 : this.events;
  }

  modify(events: number): void {
    checkActive(this);
    this.#file.modify(this, events);
  }

  rearm(): void {
    checkActive(this);
    this.#file.rearm(this);
  }

  /** Is not called until it goes on, but hears of the descriptor's close. */
  pause(): void {
    this.#file.pause(this, true);
  }

  resume(): void {
    this.#file.pause(this, false);
  }

  ref(): this {
    this.#file.reference(this, true);
    return this;
  }

  unref(): this {
    this.#file.reference(this, false);
    return this;
  }

  close(): void {
    if (this.active) this.#file.remove(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Calls back with what of `events` concerns it.
   *
   * @param once - whether it is not called again until it is armed.
   */
  deliver(events: number, batch: number, once: boolean): void {
    const found = events & (this.events | FAILURES);
    // Compared: of what is true V8 would ask what else it may be.
    if (found === 0 || this.active === false || this.fired || this.batch === batch) return;
    this.batch = batch;
    this.fired = once;
    this.#last = found;
    this.#file.owner.calling = this;
    this.call(found);
  }

  /** Calls back with what it was last told. */
  deliverAgain(batch: number): void {
    this.deliver(this.#last, batch, false);
  }

  /** Its descriptor was found closed: it is told so, and is active no more. */
  lose(events: number): void {
    if (!this.active) return;
    this.active = false;
    this.call(events & (this.events | FAILURES));
  }

  call(events: number): void {
    this.#file.owner.told = true;
    try {
      const returned: unknown = this.runInAsyncScope(this.#callback, this.#receiver, events, this);
      if (returned !== undefined) checkReturned(returned);
    } catch (error) {
      this.#file.threw(error);
    }
  }
}

function checkActive({ active, fd }: FileWatcher): void {
  if (!active) throw new StateError('ERR_CLOSED', `the watcher of descriptor ${fd} is closed`);
}
