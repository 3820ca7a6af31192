/** Workers that are processes of their own. */
import { Executor, type ExecutorOptions } from './executor.js';

/**
 * An {@link Executor} whose workers are processes: a crash of native code, or memory that runs out, ends one worker alone.
 * They inherit environment and working directory.
 */
export class ProcessPoolExecutor extends Executor {
  /** @throws as {@link Executor}. */
  constructor(options?: ExecutorOptions) {
    super('child_process', options);
  }
}
