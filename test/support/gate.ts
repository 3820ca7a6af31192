/** Worker threads that get ready and start together, and what they share with the test. */
import type { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';
import { exitOf, messageOf, startWorker } from './workers.js';

/** The shared words: a gate that opens when it is 1, and a count of what was done. */
const GATE = 0;
const DONE = 1;

/** Workers of one fixture that wait at a gate. They are terminated when the test ends. */
export class GatedWorkers {
  readonly words = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  readonly workers: readonly Worker[];

  /** Each gets `workerData`, its number as `sender`, and the words. */
  constructor(fixture: string, count: number, workerData: object) {
    this.workers = Array.from({ length: count }, (_, sender) =>
      startWorker(fixture, { ...workerData, sender, words: this.words }),
    );
    onTestFinished(async () => {
      await Promise.all(this.workers.map((worker) => worker.terminate()));
    });
  }

  /** Waits until each stands at the gate. */
  async ready(): Promise<void> {
    await Promise.all(this.workers.map(messageOf));
  }

  open(): void {
    Atomics.store(this.words, GATE, 1);
    Atomics.notify(this.words, GATE);
  }

  get done(): number {
    return Atomics.load(this.words, DONE);
  }

  /** Waits until all have ended by themselves; their exit codes. */
  ended(): Promise<number[]> {
    return Promise.all(this.workers.map(exitOf));
  }
}
