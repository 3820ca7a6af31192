/** Worker threads that run a program of test/fixtures. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { fixture } from './processes.js';

/** What `worker.terminate()` may take at most: generous, for a loaded machine. */
export const TERMINATE_LIMIT = 1_000;

export function startWorker(name: string, workerData?: unknown): Worker {
  return new Worker(pathToFileURL(fixture(name)), { workerData });
}

/** The next message of a worker; where it fails instead, that error. */
export async function messageOf(worker: Worker): Promise<unknown> {
  const [message] = (await once(worker, 'message')) as [unknown];
  return message;
}

/** Waits until a worker that has said it is about to block really does. */
export async function blocked(worker: Worker): Promise<void> {
  await messageOf(worker);
  await sleep(20);
}

/** The exit code of a worker. An error that ends it is not thrown here. */
export function exitOf(worker: Worker): Promise<number> {
  return new Promise((resolve) => worker.once('exit', resolve));
}

/** Terminates a worker. Milliseconds until it was gone; Infinity where it was not within the limit. */
export async function terminate(worker: Worker): Promise<number> {
  const start = performance.now();
  const noLonger = new AbortController();
  const late = sleep(TERMINATE_LIMIT, Number.POSITIVE_INFINITY, noLonger).catch(() => 0);
  const elapsed = await Promise.race([worker.terminate().then(() => performance.now() - start), late]);
  noLonger.abort();
  return elapsed;
}
