/** What an acquirer holds, and gives back once. */
import { checkFunction } from '../arguments.js';
import type { Future } from '../reactor/future.js';

/** What was acquired. `using` releases it. */
export interface Release extends Disposable {
  /** Gives it back. Again: nothing. */
  release(): void;
}

/** What gives something back. */
export class Holding implements Release {
  readonly #giveBack: (holding: Holding) => void;

  /** @param giveBack - is called each time; that only the first one counts is its own concern. */
  constructor(giveBack: (holding: Holding) => void) {
    this.#giveBack = giveBack;
  }

  release(): void {
    this.#giveBack(this);
  }

  [Symbol.dispose](): void {
    this.#giveBack(this);
  }
}

/** Takes back what was handed to somebody who was cancelled meanwhile. */
export function releaseAgain(release: Release): void {
  release.release();
}

/** Runs `work` when it was acquired, and releases when it is done. */
export async function runHolding<T>(
  acquire: () => Future<Release>,
  work: () => T | PromiseLike<T>,
): Promise<T> {
  checkFunction(work, 'work');
  const release = await acquire();
  try {
    return await work();
  } finally {
    release.release();
  }
}
