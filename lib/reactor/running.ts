/** Which reactors this thread runs. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Reactor } from './reactor.js';

let iterating: Reactor | null = null;

/**
 * For whom an async function works: it does so after each `await` as well, which nobody sees. Tasks of generators do
 * without where they can: as soon as one store is used, Node looks after each promise of the process.
 */
export const asyncWork = new AsyncLocalStorage<{ readonly reactor: Reactor }>();

let followed = false;

/** Runs `action` for somebody: what it begins asynchronously works for him as well. */
export function workFor<T>(worker: { readonly reactor: Reactor }, action: () => T): T {
  followed = true;
  return asyncWork.run(worker, action);
}

/** Whether it must be known for whom promises work: it is where it costs nothing more, or could be mistaken. */
export function followsWork(): boolean {
  return followed || hosted.size > 1;
}

/** Those that live in Node's loop, in the order in which their runs began. */
export const hosted = new Set<Reactor>();

/** The one that is at work: it holds the thread, or has its turn in Node's loop. */
export function iteratingReactor(): Reactor | null {
  return iterating;
}

/** A reactor begins to work. @returns the one that did before, for {@link leave}. */
export function enter(reactor: Reactor): Reactor | null {
  const outer = iterating;
  iterating = reactor;
  return outer;
}

export function leave(outer: Reactor | null): void {
  iterating = outer;
}
