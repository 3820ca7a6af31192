/** The workers of an executor: tinypool, and what has to be added where a worker dies. */
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Tinypool } from 'tinypool';
import { StateError } from '../native/errors.js';
import type { Order, Outcome, Runtime } from './crossing.js';

type Worker = Tinypool['threads'][number];

// Of the built package, also where the sources are run: not each Node loads TypeScript in a worker.
const built = createRequire(import.meta.url).resolve('iomux/executors');
const WORKER = fileURLToPath(new URL('worker.js', pathToFileURL(built)));

/** Milliseconds for which tinypool keeps a worker that has nothing to do: as long as it can count. */
const IDLE_TIMEOUT = 0x7fff_ffff;

async function load(): Promise<typeof Tinypool> {
  try {
    const { Tinypool } = await import('tinypool');
    return Tinypool;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const message = 'executors need the package tinypool: npm install tinypool';
    throw Object.assign(new StateError('ERR_UNSUPPORTED', message), { cause });
  }
}

export class WorkerPool {
  readonly #pool: Tinypool;
  readonly #runtime: Runtime;
  readonly #attended = new WeakSet<Worker>();
  // What is known of the end of a process, by the error that tinypool makes of it.
  readonly #ends = new WeakMap<object, Error>();
  #startError: unknown;

  private constructor(pool: Tinypool, runtime: Runtime) {
    this.#pool = pool;
    this.#runtime = runtime;
    pool.on('error', (error: unknown) => {
      // A worker died that had nothing to do. Where more is queued than workers are starting, it was to do that.
      if (pool.queueSize === 0) return;
      this.#startError = error;
      pool.cancelPendingTasks();
    });
  }

  /** @throws (rejects) StateError `ERR_UNSUPPORTED`: there is no tinypool. */
  static async open(runtime: Runtime, maxWorkers: number): Promise<WorkerPool> {
    const Pool = await load();
    const options = {
      filename: WORKER,
      name: 'run',
      runtime,
      minThreads: 0,
      maxThreads: maxWorkers,
      idleTimeout: IDLE_TIMEOUT,
      // A worker that has nothing to do is to go on with its timers and sockets.
      useAtomics: false,
      // A process would get no environment otherwise, and numbers, strings and lists alone.
      env: process.env as Record<string, string>,
      serialization: 'advanced',
    } as const;
    return new WorkerPool(new Pool(options), runtime);
  }

  /** Has a worker do something; no more at once than there may be workers. @throws (rejects) Error: the worker died. */
  async run(order: Order): Promise<Outcome> {
    const outcome: Promise<Outcome> = this.#pool.run(order);
    for (const worker of this.#pool.threads) this.#attend(worker);
    try {
      return await outcome;
    } catch (thrown) {
      const error = (thrown as Error).name === 'CancelError' ? this.#startError : thrown;
      throw this.#ends.get(error as object) ?? error;
    }
  }

  /** Ends the workers. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #attend(worker: Worker): void {
    if (this.#attended.has(worker)) return;
    this.#attended.add(worker);
    let fatal: unknown = null;
    worker.once('error', (error: unknown) => {
      fatal = error;
    });
    worker.once('exit', (code: number | null, signal?: string | null) => {
      const error = died(code, signal);
      // tinypool looks at the exit of a process, and says nothing of it; to that of a thread it is blind.
      if (this.#pool.threads.includes(worker)) worker.emit('error', error);
      else if (this.#runtime === 'child_process' && fatal instanceof Error) this.#ends.set(fatal, error);
    });
  }
}

function died(code: number | null, signal: string | null | undefined): Error {
  const how = signal ?? `exit code ${code}`;
  const error = new Error(`the worker died (${how}) before it had a result`);
  return Object.assign(error, { code: 'ERR_WORKER_DIED' });
}
