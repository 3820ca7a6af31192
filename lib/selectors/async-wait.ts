/** `selector.selectAsync`: a wait that leaves the thread to Node's loop. */
import { NO_LIMIT } from '../arguments.js';
import { StateError } from '../native/errors.js';
import type { Delivery } from './delivery.js';
import { CLOCKS_DIFFER, type Host, hosted } from './host.js';
import type { ReadyKey } from './registry.js';

interface Waiter<T> {
  /** On the clock of `performance.now()`. */
  readonly until: number;
  resolve(ready: ReadyKey<T>[]): void;
  reject(reason: unknown): void;
}

/**
 * The loop goes on waiting after a wait has ended, for the next one usually follows in a promise reaction; it leaves when
 * none does.
 */
export class AsyncWait<T> {
  readonly #delivery: Delivery<T>;
  readonly #host: Host;
  #waiter: Waiter<T> | null = null;
  #waiting = false;

  constructor(delivery: Delivery<T>, host: Host) {
    this.#delivery = delivery;
    this.#host = host;
  }

  /** @param limit - milliseconds, or NO_LIMIT. */
  async begin(limit: number, signal: AbortSignal | undefined): Promise<ReadyKey<T>[]> {
    if (this.#waiter !== null) {
      throw new StateError('ERR_RUNNING', 'a selectAsync() of this selector is under way');
    }
    if (!this.#waiting && this.#host.started) throw hosted();
    if (this.#delivery.due) {
      const ready = this.#look();
      if (ready.length > 0 || this.#delivery.woken) return ready;
    }
    const until = limit === NO_LIMIT ? Number.POSITIVE_INFINITY : performance.now() + limit;
    const ended = new Promise<ReadyKey<T>[]>((resolve, reject) => {
      this.#waiter = { until, resolve, reject };
    });
    const abort = () => this.#settle()?.reject(signal?.reason);
    signal?.addEventListener('abort', abort);
    try {
      this.#wait(limit);
      return await ended;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Has the loop left, where nobody waits any more. @returns whether it has. */
  leave(): boolean {
    if (!this.#waiting || this.#waiter !== null) return false;
    this.#waiting = false;
    this.#host.stop();
    return true;
  }

  /** The selector is closed. */
  close(): void {
    this.#settle()?.reject(new StateError('ERR_CLOSED', 'the selector was closed'));
  }

  #wait(limit: number): void {
    try {
      if (!this.#waiting) {
        this.#host.start(this.#turn);
        this.#waiting = true;
      }
      this.#host.reference(true);
      this.#host.deadline(limit);
    } catch (error) {
      this.#settle();
      throw error;
    }
  }

  readonly #turn = (): boolean => {
    const waiter = this.#waiter;
    if (waiter === null) {
      this.leave();
      return false;
    }
    let ready: ReadyKey<T>[];
    try {
      ready = this.#look();
    } catch (error) {
      this.#settle()?.reject(error);
      return true;
    }
    const left = waiter.until - performance.now();
    if (ready.length === 0 && !this.#delivery.woken && left > 0) {
      // The deadline may have passed by the host's clock alone.
      if (left < CLOCKS_DIFFER) this.#host.deadline(left);
      return false;
    }
    this.#settle()?.resolve(ready);
    return true;
  };

  #look(): ReadyKey<T>[] {
    const ready: ReadyKey<T>[] = [];
    this.#delivery.dispatch(0, (key, events) => ready.push([key, events]));
    return ready;
  }

  #settle(): Waiter<T> | null {
    const waiter = this.#waiter;
    this.#waiter = null;
    if (this.#waiting) this.#host.reference(false);
    return waiter;
  }
}
