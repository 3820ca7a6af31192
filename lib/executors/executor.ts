/** Functions of modules, run by workers off the reactor's thread. */
import { availableParallelism } from 'node:os';
import { checkBoolean, checkInteger, checkIterable, checkObject } from '../arguments.js';
import { invalidType, StateError } from '../native/errors.js';
import { currentReactor } from '../reactor/ambient.js';
import type { Handle } from '../reactor/callbacks.js';
import { Future } from '../reactor/future.js';
import { Reactor } from '../reactor/reactor.js';
import { type Order, pack, type Runtime, unpack, unpackThrown } from './crossing.js';
import { specifierOf } from './module.js';
import { WorkerPool } from './worker-pool.js';

export interface ExecutorOptions {
  /** How many work at once, 1 to 1024; left out, as many as there are processors. */
  readonly maxWorkers?: number;
  /** Delivers the results; left out, the one that runs at the time of the call, or the default one. */
  readonly reactor?: Reactor;
}

interface Job {
  readonly order: Order;
  readonly future: Future<unknown>;
  /** Fails it, should the reactor, which does not run yet, be run in a way in which the result would never come. */
  readonly guard: Handle | null;
}

/** Results that `map` has asked for in advance, for each worker: one it works at, one it finds when it is done. */
const AHEAD = 2;

/**
 * Runs exported functions of modules off the reactor's thread, by workers of the package tinypool, which must be
 * installed. A worker imports a module once, and does one thing at a time; what is submitted meanwhile is queued, first
 * in, first out. Workers are started when they are needed, and kept until `shutdown()`. They keep the process alive
 * while they have something to do.
 *
 * Results come by Node's own loop, so the reactor must be hosted (`await reactor.run()`).
 */
export abstract class Executor implements AsyncDisposable {
  readonly #runtime: Runtime;
  readonly #maxWorkers: number;
  readonly #reactor: Reactor | null;
  readonly #queue: Job[] = [];
  #running = 0;
  #pool: Promise<WorkerPool> | null = null;
  #closed = false;
  #ended: Promise<void> | null = null;
  #end: () => void = () => {};

  /**
   * @internal
   *
   * @throws TypeError: bad options. RangeError: `maxWorkers` is no whole number from 1 to 1024.
   */
  constructor(runtime: Runtime, options: ExecutorOptions = {}) {
    checkObject(options, 'options');
    const { maxWorkers = availableParallelism(), reactor } = options;
    checkInteger(maxWorkers, 'options.maxWorkers', 1, 1024);
    if (reactor !== undefined && !(reactor instanceof Reactor)) {
      throw invalidType('options.reactor', 'a Reactor', reactor);
    }
    this.#runtime = runtime;
    this.#maxWorkers = maxWorkers;
    this.#reactor = reactor ?? null;
  }

  /**
   * Calls a function that a module exports, in a worker. What it returns, or the promise of it, is the result; what it
   * throws the exception, with message, stack and properties that can be cloned.
   *
   * Cancelling the future takes the call out of the queue. What a worker has begun goes on, and its result is dropped.
   *
   * @param module - a URL, `new URL('./work.js', import.meta.url)`; an absolute path; or the name of a package that
   * iomux finds from its own folder, else `import.meta.resolve('name')`.
   * @param name - of the export; `'default'` for that one.
   * @param args - copied now: by the structured clone algorithm, for a process as `v8.serialize()` does.
   * @returns its exception can be, besides that of the function: TypeError `ERR_INVALID_ARG_VALUE`, the module exports no
   * such function, or the result cannot be cloned; `ERR_MODULE_NOT_FOUND`, and what else importing it throws; Error
   * `ERR_WORKER_DIED`: the worker ended while it was at it; StateError `ERR_UNSUPPORTED`: tinypool is not installed, or the
   * reactor was idle, and a blocking run of it began meanwhile.
   * @throws TypeError: bad arguments; `ERR_INVALID_ARG_VALUE`: one that cannot be cloned, a relative path. StateError
   * `ERR_CLOSED`: after `shutdown()`, or the reactor is closed; `ERR_UNSUPPORTED`: the reactor is in a blocking run.
   */
  submit<T>(module: string | URL, name: string, ...args: unknown[]): Future<T> {
    const specifier = specifierOf(module);
    checkName(name);
    this.#checkOpen();
    const reactor = this.#reactor ?? currentReactor();
    checkReactor(reactor);
    const packed = pack(args, this.#runtime, 'one of args');
    const order = { runtime: this.#runtime, module: specifier, name, args: packed };
    const guard = reactor.state === 'idle' ? reactor.callLater(0, () => this.#refuseToBlock(job)) : null;
    const future = new Future<unknown>(reactor.futures, () => this.#remove(job));
    const job = { order, future, guard };
    this.#queue.push(job);
    this.#begin();
    return future as Future<T>;
  }

  /**
   * Calls a function for each item, and yields the results in the order of the items. Items are taken as results are
   * asked for, and some in advance, so that there may be infinitely many. A loop that is left, also by an exception,
   * cancels what has not begun.
   *
   * @throws as {@link Executor.submit}, in part when the results are asked for.
   */
  map<T>(module: string | URL, name: string, items: Iterable<unknown>): AsyncIterable<T> {
    specifierOf(module);
    checkName(name);
    checkIterable(items, 'items');
    this.#checkOpen();
    return this.#map<T>(module, name, items);
  }

  /**
   * Takes nothing more, waits for what was submitted, and ends the workers.
   *
   * @param options.cancelPending - cancels what has not begun. It may be asked for in a second call.
   */
  shutdown(options: { readonly cancelPending?: boolean } = {}): Promise<void> {
    checkObject(options, 'options');
    const { cancelPending = false } = options;
    checkBoolean(cancelPending, 'options.cancelPending');
    this.#closed = true;
    this.#ended ??= new Promise<void>((resolve) => {
      this.#end = resolve;
    }).then(() => this.#close());
    if (cancelPending) for (const { future } of [...this.#queue]) future.cancel('the executor was shut down');
    this.#endIfDone();
    return this.#ended;
  }

  /** As `shutdown()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  async *#map<T>(
    module: string | URL,
    name: string,
    items: Iterable<unknown>,
  ): AsyncGenerator<T, void, void> {
    const begun: Future<T>[] = [];
    try {
      for (const item of items) {
        const future = this.submit<T>(module, name, item);
        // One that is never come to, because another failed, is nobody's.
        future.addDoneCallback(() => {});
        begun.push(future);
        if (begun.length < AHEAD * this.#maxWorkers) continue;
        yield await (begun.shift() as Future<T>);
      }
      for (;;) {
        const first = begun.shift();
        if (first === undefined) return;
        yield await first;
      }
    } finally {
      for (const future of begun) future.cancel();
    }
  }

  /** Gives to workers what they can do. */
  #begin(): void {
    while (this.#running < this.#maxWorkers) {
      const job = this.#queue.shift();
      if (job === undefined) return;
      this.#running++;
      void this.#run(job).then(() => {
        this.#running--;
        this.#begin();
        this.#endIfDone();
      });
    }
  }

  async #run({ order, future, guard }: Job): Promise<void> {
    try {
      this.#pool ??= WorkerPool.open(this.#runtime, this.#maxWorkers);
      const pool = await this.#pool;
      if (future.done()) return;
      const outcome = await pool.run(order);
      if (future.done()) return;
      if ('thrown' in outcome) future.setException(unpackThrown(outcome.thrown, this.#runtime));
      else future.setResult(unpack(outcome.value, this.#runtime));
    } catch (error) {
      if (!future.done()) future.setException(error);
    } finally {
      guard?.cancel();
    }
  }

  #refuseToBlock(job: Job): void {
    const { future } = job;
    if (future.done() || future.reactor.state !== 'blocking') return;
    this.#remove(job);
    future.setException(standsStill());
  }

  #remove(job: Job): void {
    job.guard?.cancel();
    const index = this.#queue.indexOf(job);
    if (index >= 0) this.#queue.splice(index, 1);
  }

  #endIfDone(): void {
    if (this.#closed && this.#running === 0 && this.#queue.length === 0) this.#end();
  }

  async #close(): Promise<void> {
    // Without tinypool there was never a worker; whoever submitted was told.
    const pool = await this.#pool?.catch(() => null);
    await pool?.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw new StateError('ERR_CLOSED', 'the executor is shut down');
  }
}

function checkName(name: unknown): void {
  if (typeof name !== 'string') throw invalidType('name', 'a string', name);
}

function checkReactor({ state }: Reactor): void {
  if (state === 'closed') throw new StateError('ERR_CLOSED', 'the reactor is closed');
  if (state === 'blocking') throw standsStill();
}

function standsStill(): StateError {
  const message =
    "workers answer by Node's own loop, which stands still in a blocking run: use `await reactor.run()`";
  return new StateError('ERR_UNSUPPORTED', message);
}
