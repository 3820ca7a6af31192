/** Node's loop waits for a selector, in place of the thread. */
import { check, ELOOP, ENOSYS, invalidValue, StateError } from '../native/errors.js';
import { native } from '../native/load.js';
import type { BackendSet } from './backend-set.js';

/** What to do when there is something: `true` asks to be called again. */
export type Turn = () => boolean;

const HOSTS = ['uv', 'thread'];

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
   * @throws StateError `ERR_HOSTED`: somebody waits already; `ERR_UNSUPPORTED`: libkqueue's. SystemError `EMFILE`, `ENOMEM`, `EAGAIN`.
   */
  start(turn: Turn): void {
    if (this.#turn !== null) throw hosted();
    this.#turn = turn;
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
    native.hostStop(this.#set.id);
  }

  /** The selector is closed. Whoever waits finds that out in a last turn. */
  close(): void {
    const turn = this.#turn;
    if (turn === null) return;
    this.stop();
    queueMicrotask(turn);
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
  }

  #start(): number {
    const { id, backend, descriptor, capabilities } = this.#set;
    if (descriptor >= 0 && !capabilities.pollable) {
      throw new StateError('ERR_UNSUPPORTED', `nobody can wait for a ${backend} that is emulated but itself`);
    }
    const turn = () => this.#turn?.() ?? false;
    let status = 0;
    if (!this.#open) status = wantsThread() || descriptor < 0 ? -ENOSYS : native.hostOpen(id, 0, turn);
    if (status === 0) {
      this.#open = true;
      status = native.hostStart(id);
    }
    // Node's loop cannot watch selectors that watch it in turn, or too many others of each other: a thread polls them.
    if (status !== -ENOSYS && status !== -ELOOP) return status;
    status = native.hostOpen(id, 1, turn);
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
