/** How a reactor runs: idle, in Node's loop, holding its thread, or closed for good; and how a run ends. */
import { StateError } from '../native/errors.js';
import type { Selector } from '../selectors/selector.js';
import { holdThread } from './blocking.js';
import { Hosting } from './hosting.js';
import type { Loop } from './loop.js';
import { enter, hosted, leave } from './running.js';

export type ReactorState = 'idle' | 'hosted' | 'blocking' | 'closed';

export class Run {
  readonly #loop: Loop;
  readonly #selector: Selector<unknown>;
  #state: ReactorState = 'idle';
  #hosting: Hosting | null = null;
  #onEnd: (error?: unknown) => void = () => {};
  // Of a hosted run that ends; undefined where it was not aborted.
  #abortReason: unknown;
  #referenced = true;

  constructor(loop: Loop, selector: Selector<unknown>) {
    this.#loop = loop;
    this.#selector = selector;
  }

  get state(): ReactorState {
    return this.#state;
  }

  /** Whether Node's loop waits for the selector, outside of any iteration. */
  get waiting(): boolean {
    return this.#hosting?.resting === true;
  }

  /** Whether what lives keeps the process alive. */
  set referenced(referenced: boolean) {
    this.#referenced = referenced;
    if (this.#hosting !== null) this.#hosting.referenced = referenced;
  }

  /** Something is to be done soon. */
  wake(): void {
    this.#hosting?.wake();
  }

  /** A timer, or what keeps the process alive, came or went. */
  update(): void {
    this.#hosting?.update();
  }

  /** Runs in Node's loop. @returns when the run has ended. @throws (rejects) the reason where `signal` ended it. */
  host(signal: AbortSignal | undefined): Promise<void> {
    const abort = () => {
      // The iteration in progress is completed, as by stop().
      this.#abortReason = signal?.reason;
      this.stop();
    };
    return new Promise((resolve, reject) => {
      this.#onEnd = (error) => {
        // At once: an abort that comes now is not to end the next run.
        signal?.removeEventListener('abort', abort);
        if (error === undefined) resolve();
        else reject(error);
      };
      const end = (error?: unknown) => this.#endHosting(error);
      this.#hosting = new Hosting(this.#loop, this.#selector, end, this.#referenced);
      this.#state = 'hosted';
      hosted.add(this.#loop.reactor);
      signal?.addEventListener('abort', abort);
    });
  }

  /**
   * Runs on this thread.
   *
   * @param awaited - whether it is for the sake of a promise.
   * @param limit - milliseconds that an iteration waits at most.
   * @param once - whether it is one iteration.
   */
  block(awaited: boolean, limit: number, once: boolean): void {
    this.checkIdle();
    holdThread(() => {
      this.#state = 'blocking';
      const outer = enter(this.#loop.reactor);
      try {
        const movePromises = this.#loop.promises.enter(awaited);
        do {
          this.#loop.iterate(limit, movePromises, once);
          movePromises();
        } while (!this.#loop.stopping && !once);
      } finally {
        leave(outer);
        this.#loop.promises.leave();
        this.#loop.stopping = false;
        this.#state = 'idle';
      }
    });
  }

  /** Ends the run, at the latest with the iteration in progress; of an idle reactor, the next after one iteration. */
  stop(): void {
    if (this.#state === 'closed') return;
    this.#loop.stopping = true;
    if (this.#hosting?.turning === false) this.#endHosting();
  }

  /** No run follows. @returns whether one could have. */
  close(): boolean {
    if (this.#state === 'closed') return false;
    if (this.#state !== 'idle') throw this.#running('close it after stop()');
    this.#state = 'closed';
    return true;
  }

  checkOpen(): void {
    if (this.#state === 'closed') throw new StateError('ERR_CLOSED', 'the reactor is closed');
    if (this.#selector.closed) throw new StateError('ERR_CLOSED', "the reactor's selector is closed");
  }

  checkIdle(): void {
    this.checkOpen();
    if (this.#state !== 'idle') throw this.#running('it runs once at a time');
  }

  #endHosting(error?: unknown): void {
    if (this.#hosting === null) return;
    this.#hosting.close();
    this.#hosting = null;
    hosted.delete(this.#loop.reactor);
    this.#state = 'idle';
    this.#loop.stopping = false;
    // Closed by others: what waits for it waits for ever.
    if (this.#selector.closed) this.#loop.watchers.close();
    const reason = error ?? this.#abortReason;
    this.#abortReason = undefined;
    this.#onEnd(reason);
  }

  #running(hint: string): StateError {
    return new StateError('ERR_RUNNING', `the reactor is running (${this.#state}): ${hint}`);
  }
}
