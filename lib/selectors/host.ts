/** Node's loop waits for a selector, in place of the thread. */
import { check, ELOOP, ENOSYS, invalidValue, StateError } from '../native/errors.js';
import { native } from '../native/load.js';
import type { BackendSet } from './backend-set.js';

/** What to do when there is something. @returns whether to be called again; `false`: there was nothing. */
export type Turn = () => boolean;

/**
 * Milliseconds by which the clock of a deadline may differ from that of `performance.now()`: both are monotonic, but a turn
 * that a deadline has called may find that its time has not come yet.
 */
export const CLOCKS_DIFFER = 1;

const HOSTS = ['uv', 'thread'];
/** So many turns in a row that found nothing are more than chance. */
const EMPTY_LIMIT = 64;
/** Milliseconds between turns from then on: twice as long each time. */
const SHORTEST_PAUSE = 1;
const LONGEST_PAUSE = 10;

/**
 * Whether a thread is to wait even where libuv could. IOMUX_HOST=thread says so, for the tests; Bun's libuv is a stub
 * that aborts when it is called.
 */
function wantsThread(): boolean {
  const named = process.env['IOMUX_HOST'];
  if (named !== undefined && named !== '' && !HOSTS.includes(named)) {
    throw invalidValue('IOMUX_HOST', `one of ${HOSTS.join(', ')}`, named);
  }
  return named === 'thread' || process.versions['bun'] !== undefined;
}

/** The host of one selector: opened when it is first needed, started and stopped by whoever waits. */
export class Host {
  readonly #set: BackendSet;
  #open = false;
  #turn: Turn | null = null;
  #referenced = false;
  #empty = 0;
  #pause = SHORTEST_PAUSE;
  #paused: NodeJS.Timeout | null = null;

  constructor(set: BackendSet) {
    this.#set = set;
  }

  /** Whether somebody waits in Node's loop. */
  get started(): boolean {
    return this.#turn !== null;
  }

  /**
   * Has `turn` called by Node's loop when the selector has something to report, was woken, when the deadline has passed,
   * and when the turn before asked for it.
   *
   * @throws StateError `ERR_HOSTED`: somebody waits already; `ERR_UNSUPPORTED`: libkqueue's. SystemError `EMFILE`,
   * `ENOMEM`, `EAGAIN`.
   */
  start(turn: Turn): void {
    if (this.#turn !== null) throw hosted();
    this.#turn = turn;
    this.#empty = 0;
    this.#pause = SHORTEST_PAUSE;
    try {
      check(this.#start(), `${this.#set.backend} host`);
    } catch (error) {
      this.#turn = null;
      throw error;
    }
  }

  /** Leaves Node's loop. */
  stop(): void {
    if (this.#turn === null) return;
    this.#turn = null;
    this.reference(false);
    if (this.#paused !== null) clearTimeout(this.#paused);
    this.#paused = null;
    native.hostStop(this.#set.id);
  }

  /** The selector is closed. Whoever waits finds that out in a last turn. */
  close(): void {
    const turn = this.#turn;
    if (turn === null) return;
    this.stop();
    queueMicrotask(turn);
  }

  /** Has the turn called soon. */
  wake(): void {
    if (this.#paused !== null) this.#goOn();
    this.#set.waker.wake();
  }

  /** Has the turn called in so many milliseconds; the one before is forgotten. */
  deadline(milliseconds: number): void {
    check(native.hostDeadline(this.#set.id, milliseconds), `${this.#set.backend} host`);
  }

  /** Whether waiting keeps the process alive. */
  reference(referenced: boolean): void {
    if (this.#referenced === referenced) return;
    this.#referenced = referenced;
    native.hostReference(this.#set.id, Number(referenced));
    if (referenced) this.#paused?.ref();
    else this.#paused?.unref();
  }

  readonly #take = (): boolean => {
    const again = this.#turn?.() ?? false;
    if (again) {
      this.#empty = 0;
      this.#pause = SHORTEST_PAUSE;
    } else if (this.#turn !== null && ++this.#empty >= EMPTY_LIMIT) {
      this.#backOff();
    }
    return again;
  };

  /** Something wakes us again and again for nothing: a kernel that lies, a flood of wakes. It is not to have the thread. */
  #backOff(): void {
    native.hostStop(this.#set.id);
    this.#paused = setTimeout(() => this.#goOn(), this.#pause);
    if (!this.#referenced) this.#paused.unref();
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }

  #goOn(): void {
    if (this.#paused !== null) clearTimeout(this.#paused);
    this.#paused = null;
    // Refused for want of memory, it is tried again.
    if (native.hostStart(this.#set.id) < 0) this.#backOff();
  }

  #start(): number {
    const { id, backend, descriptor, capabilities } = this.#set;
    if (descriptor >= 0 && !capabilities.pollable) {
      throw new StateError('ERR_UNSUPPORTED', `nobody can wait for a ${backend} that is emulated but itself`);
    }
    let status = 0;
    if (!this.#open) status = wantsThread() || descriptor < 0 ? -ENOSYS : native.hostOpen(id, 0, this.#take);
    if (status === 0) {
      this.#open = true;
      status = native.hostStart(id);
    }
    // Node's loop cannot watch selectors that watch it in turn, or too many others of each other: a thread polls them.
    if (status !== -ENOSYS && status !== -ELOOP) return status;
    status = native.hostOpen(id, 1, this.#take);
    this.#open = status === 0;
    return this.#open ? native.hostStart(id) : status;
  }
}

/** Somebody waits for a selector already, in Node's loop. */
export function hosted(): StateError {
  return new StateError(
    'ERR_HOSTED',
    "Node's loop waits for this selector: only select(0) is possible, or stop what waits first",
  );
}
