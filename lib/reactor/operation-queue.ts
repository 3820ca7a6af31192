/** Operations that wait for one direction of a socket, first come first served. */
import { ECANCELED, SystemError } from '../native/errors.js';
import type { Socket } from '../sockets/socket.js';
import { Future, type FutureOwner } from './future.js';
import { type FileWatcher, LOST } from './watcher.js';

/** Not yet: when the socket is ready, or whatever it is, in so many milliseconds. */
export class Wait {
  constructor(readonly delay: number | null) {}
}

/** The operation would block. */
export const PENDING = new Wait(null);

/** Tries an operation: its result, or what it waits for. What it throws is the exception. */
export type Attempt<T> = () => T | Wait;

/** What a queue needs to wait. */
export interface QueueOwner {
  readonly futures: FutureOwner;
  /** Has `onReady` called when the socket is ready, `onLost` when it is closed. */
  watch(onReady: () => void, onLost: () => void): FileWatcher;
  after(delay: number, callback: () => void): { cancel(): void };
  /** Nothing waits any more. */
  emptied(): void;
}

interface Operation {
  readonly syscall: string;
  /** @returns what it waits for; `null`: it is done. */
  attempt(): Wait | null;
  fail(error: unknown): void;
}

export class OperationQueue {
  readonly #socket: Socket;
  readonly #perTurn: number;
  readonly #owner: QueueOwner;
  readonly #operations: Operation[] = [];
  #watcher: FileWatcher | null = null;
  #pause: { cancel(): void } | null = null;

  /** @param perTurn - how many operations may be done before others have their turn. */
  constructor(socket: Socket, perTurn: number, owner: QueueOwner) {
    this.#socket = socket;
    this.#perTurn = perTurn;
    this.#owner = owner;
  }

  /**
   * Adds an operation, which has been tried, or is behind others.
   *
   * @param waitsFor - what it waits for.
   * @param onReturn - takes back a result that nobody was told of.
   */
  add<T>(
    syscall: string,
    attempt: Attempt<T>,
    waitsFor: Wait,
    onReturn: ((value: T) => void) | null,
  ): Future<T> {
    const future: Future<T> = new Future<T>(this.#owner.futures, () => this.#remove(operation), onReturn);
    const operation: Operation = {
      syscall,
      attempt: () => {
        const outcome = attempt();
        if (outcome instanceof Wait) return outcome;
        future.setResult(outcome);
        return null;
      },
      fail: (error) => future.setException(error),
    };
    if (this.#operations.length === 0) this.#wait(waitsFor);
    this.#operations.push(operation);
    return future;
  }

  #wait({ delay }: Wait): void {
    this.#watcher ??= this.#owner.watch(
      () => this.#serve(),
      () => this.#lose(),
    );
    if (delay === null) return;
    this.#watcher.pause();
    this.#pause = this.#owner.after(delay, () => this.#resume());
  }

  /** Tries again at once: an operation may have what it waits for. */
  retry(): void {
    this.#pause?.cancel();
    this.#resume();
  }

  #resume(): void {
    this.#pause = null;
    this.#watcher?.resume();
    this.#serve();
  }

  #serve(): void {
    // A watcher that is active no more has found the descriptor closed: all fail, and nobody would call again.
    for (let served = 0; served < this.#perTurn || this.#watcher?.active === false; served++) {
      const [operation] = this.#operations;
      if (operation === undefined) break;
      let waitsFor: Wait | null = null;
      try {
        waitsFor = operation.attempt();
      } catch (error) {
        operation.fail(error);
      }
      // An attempt that reports may have been cancelled by whoever was told.
      if (this.#operations[0] !== operation) continue;
      if (waitsFor !== null) {
        this.#waitOrFail(waitsFor);
        return;
      }
      this.#operations.shift();
    }
    if (this.#operations.length > 0) this.#waitOrFail(PENDING);
    else if (this.#watcher !== null) this.#end();
  }

  #waitOrFail(what: Wait): void {
    try {
      this.#wait(what);
    } catch (error) {
      this.#failAll(() => error);
    }
  }

  #remove(operation: Operation): void {
    const index = this.#operations.indexOf(operation);
    if (index >= 0) this.#operations.splice(index, 1);
    if (this.#operations.length === 0) this.#end();
  }

  /** The socket, or the reactor, is being closed. */
  #lose(): void {
    const fd = this.#socket.fileno();
    const details = fd < 0 ? { hint: LOST } : { fd, hint: LOST };
    this.#failAll((syscall) => new SystemError(-ECANCELED, syscall, details));
  }

  #failAll(errorOf: (syscall: string) => unknown): void {
    for (const operation of this.#operations.splice(0)) operation.fail(errorOf(operation.syscall));
    this.#end();
  }

  #end(): void {
    this.#watcher?.close();
    this.#watcher = null;
    this.#pause?.cancel();
    this.#pause = null;
    this.#owner.emptied();
  }
}
