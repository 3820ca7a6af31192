/** Callbacks that run once, in the next iteration. */
import { AsyncResource } from 'node:async_hooks';
import type { Report } from './errors.js';
import { checkReturned } from './promises.js';

/** Something that was set to run, and can be called off. */
export interface Handle {
  /** It will not run. Again, or when it has run: nothing. */
  cancel(): void;
  /** Whether it was called off. */
  readonly cancelled: boolean;
}

/** A callback in the asynchronous context in which it was set: AsyncLocalStorage finds its store. */
export class Callback<A extends unknown[]> extends AsyncResource implements Handle {
  #callback: ((...args: A) => void) | null;
  #args: A | null;
  #cancelled = false;

  constructor(callback: (...args: A) => void, args: A) {
    super('iomux.Callback');
    this.#callback = callback;
    this.#args = args;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** What it is, for the report of what it throws. */
  get origin(): string {
    return 'a callback of callSoon()';
  }

  /** Whether it is to run yet. */
  get waiting(): boolean {
    return this.#callback !== null;
  }

  /** Whether this is what it is to call. */
  calls(callback: unknown): boolean {
    return this.#callback === callback;
  }

  cancel(): void {
    if (this.#callback === null) return;
    this.#cancelled = true;
    this.#callback = this.#args = null;
  }

  run(): void {
    const callback = this.#callback;
    const args = this.#args;
    if (callback === null || args === null) return;
    this.#callback = this.#args = null;
    const returned: unknown = this.runInAsyncScope(callback, undefined, ...args);
    if (returned !== undefined) checkReturned(returned);
  }
}

/** What the queue runs. */
export interface Runnable {
  readonly origin: string;
  run(): void;
}

/** Runs it. What it throws is reported. */
export function runReporting(callback: Runnable, report: Report): void {
  try {
    callback.run();
  } catch (error) {
    report(error, { message: `${callback.origin} threw`, source: 'callback' });
  }
}

/** First in, first out. What runs may queue more: that waits for the next time. */
export class CallbackQueue {
  #queued: Runnable[] = [];
  // The array of the last time, to be filled the next: none is made anew.
  #spare: Runnable[] = [];

  get size(): number {
    return this.#queued.length;
  }

  push(callback: Runnable): void {
    this.#queued.push(callback);
  }

  /** Runs what is queued now. @returns how many. */
  run(report: Report): number {
    const batch = this.#queued;
    if (batch.length === 0) return 0;
    this.#queued = this.#spare;
    for (const callback of batch) runReporting(callback, report);
    const { length } = batch;
    batch.length = 0;
    this.#spare = batch;
    return length;
  }

  clear(): void {
    this.#queued.length = 0;
  }
}
