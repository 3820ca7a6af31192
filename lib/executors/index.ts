/** Work that blocks, off the reactor's thread. */
export { Executor, type ExecutorOptions } from './executor.js';
export { ProcessPoolExecutor } from './process-pool.js';
export { ThreadPoolExecutor } from './thread-pool.js';
