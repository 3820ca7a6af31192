/** Workers that are threads of this process. */
import { Executor, type ExecutorOptions } from './executor.js';

/**
 * An {@link Executor} whose workers are threads: quick to start, and a SharedArrayBuffer among the arguments is shared.
 * Buffers arrive as Uint8Arrays.
 *
 * @example
 * ```ts
 * await using executor = new ThreadPoolExecutor({ maxWorkers: 2 });
 * const key = await executor.submit('node:crypto', 'scryptSync', 'password', 'salt', 64);
 * ```
 */
export class ThreadPoolExecutor extends Executor {
  /** @throws as {@link Executor}. */
  constructor(options?: ExecutorOptions) {
    super('worker_threads', options);
  }
}
