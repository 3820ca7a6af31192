/** Promises in a blocking run: Node moves them between its own callbacks, and in such a run there are none. */
import { StateError } from '../native/errors.js';
import { uncaught } from './errors.js';

type Tick = () => void;

/** Node's own function between two callbacks: runs what process.nextTick() queued, then promise reactions. */
function tickOfNode(): Tick | null {
  const { _tickCallback: tick } = process as NodeJS.Process & { _tickCallback?: Tick };
  return typeof tick === 'function' ? tick.bind(process) : null;
}

const tick = tickOfNode();

/**
 * Whether promises can be moved from here. Not inside a promise reaction, nor at the top level of an ES module, which
 * Node runs in one: the queue of reactions is at work then, and does not begin anew.
 */
function canMove(): boolean {
  if (tick === null) return false;
  let moved = false;
  Promise.resolve().then(() => {
    moved = true;
  });
  move();
  return moved;
}

/** Runs every tick and promise reaction that is due. What one throws is an uncaught exception. */
function move(): void {
  for (;;) {
    try {
      tick?.();
      return;
    } catch (error) {
      uncaught(error);
    }
  }
}

// Whether this thread is in a blocking run in which no promise moves. There is one such run at most.
let standing = false;

/** What a callback returned. @throws StateError `ERR_IN_MICROTASK`: a promise that will never move in this run. */
export function checkReturned(value: unknown): void {
  if (standing && typeof (value as PromiseLike<unknown> | null)?.then === 'function') throw inMicrotask();
}

/** What a reactor knows of the promises that wait for it. */
export class PromiseWork {
  readonly #onCrowd: () => void;
  #waiting = 0;
  // How many may still be settled before that is a crowd; 0: any number.
  #room = 0;

  /** @param onCrowd - called when so many were settled that they are to be moved before there are more. */
  constructor(onCrowd: () => void) {
    this.#onCrowd = onCrowd;
  }

  /** @throws StateError `ERR_IN_MICROTASK`: this is a blocking run in which no promise moves. */
  check(): void {
    if (standing) throw inMicrotask();
  }

  /** A promise begins to wait for something of the reactor. @throws as {@link PromiseWork.check}. */
  begin(): void {
    this.check();
    this.#waiting++;
  }

  end(): void {
    this.#waiting--;
    if (this.#room > 0 && --this.#room === 0) this.#onCrowd();
  }

  /** Counts anew. @param crowd - how many that are settled from now on are one; 0: none. */
  expect(crowd: number): void {
    this.#room = crowd;
  }

  /**
   * A blocking run begins.
   *
   * @param needed - whether it is for the sake of a promise.
   * @returns what moves promises in it.
   * @throws StateError `ERR_IN_MICROTASK`: they cannot be moved here, and there are some.
   */
  enter(needed: boolean): () => void {
    if (canMove()) return move;
    if (needed || this.#waiting > 0) throw inMicrotask();
    standing = true;
    return () => {};
  }

  leave(): void {
    standing = false;
  }
}

/**
 * Tells what becomes of an awaitable, once. Until then, or until it is stopped, it counts among what waits.
 *
 * @returns what stops it: whether there was something to stop.
 * @throws as {@link PromiseWork.check}.
 */
export function follow<T>(
  awaitable: PromiseLike<T>,
  promises: PromiseWork,
  fulfil: (value: T) => void,
  reject: (error: unknown) => void,
): () => boolean {
  let waiting = true;
  const stop = () => {
    if (!waiting) return false;
    waiting = false;
    promises.end();
    return true;
  };
  const fail = (error: unknown) => {
    if (stop()) reject(error);
  };
  promises.begin();
  try {
    awaitable.then((value) => {
      if (stop()) fulfil(value);
    }, fail);
  } catch (error) {
    fail(error);
  }
  return stop;
}

function inMicrotask(): StateError {
  return new StateError(
    'ERR_IN_MICROTASK',
    'a blocking run moves no promise from inside a promise reaction or the top level of an ES module: ' +
      'use `await reactor.run()`, or call it from setImmediate()',
  );
}
