/** What an acquirer holds, and gives back once. */
import { types } from 'node:util';
import { checkFunction } from '../arguments.js';
import { Description, invalidValue } from '../native/errors.js';
import { currentReactor } from '../reactor/ambient.js';
import type { Future } from '../reactor/future.js';
import type { PromiseWork } from '../reactor/promises.js';

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

/**
 * Runs `work` when it was acquired, and releases when it is done.
 *
 * @throws StateError `ERR_IN_MICROTASK`: no promise moves in this run. What it acquired would be released after the run.
 */
export function runHolding<T>(acquire: () => Future<Release>, work: () => T | PromiseLike<T>): Promise<T> {
  const { promises } = currentReactor().futures;
  promises.begin();
  return hold(acquire, work, promises);
}

async function hold<T>(
  acquire: () => Future<Release>,
  work: () => T | PromiseLike<T>,
  promises: PromiseWork,
): Promise<T> {
  let release: Release;
  try {
    checkWork(work);
    release = await acquire();
  } finally {
    promises.end();
  }
  try {
    return await work();
  } finally {
    release.release();
  }
}

function checkWork(work: () => unknown): void {
  checkFunction(work, 'work');
  if (!types.isGeneratorFunction(work)) return;
  const expected =
    'a function or an async function (in a generator: using release = yield* value(acquire()))';
  throw invalidValue('work', expected, new Description('a generator function, of which a call runs nothing'));
}
