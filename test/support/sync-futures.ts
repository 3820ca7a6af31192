/** Futures of primitives whose reactor a test drives by hand, and what became of them. */
import { setImmediate as immediate } from 'node:timers/promises';
import { createSelector, defaultReactor, type Future, Reactor } from 'iomux';
import type { Coroutine } from 'iomux/tasks';
import { onTestFinished } from 'vitest';

/** Ends the reactor that is used where there is no other, before a test's end closes its selector. */
export async function endDefaultReactor(): Promise<void> {
  const reactor = defaultReactor();
  reactor.stop();
  while (reactor.state === 'hosted') await immediate();
  reactor.close();
}

/** Lets others run: so many iterations. */
export function* turns(count: number): Coroutine<void> {
  for (let turn = 0; turn < count; turn++) yield;
}

/** Runs actions inside of an iteration of a reactor, which is the current one then. */
export class Driven {
  readonly reactor = new Reactor({ selector: createSelector() });

  /** One iteration: what the action leads to happens in the next. */
  step<T>(action: () => T): T {
    const outcome: { result?: T; error?: unknown; failed: boolean } = { failed: false };
    this.reactor.callSoon(() => {
      try {
        outcome.result = action();
      } catch (error) {
        outcome.error = error;
        outcome.failed = true;
      }
    });
    this.reactor.runOnce(0);
    if (outcome.failed) throw outcome.error;
    return outcome.result as T;
  }

  [Symbol.dispose](): void {
    this.reactor.close();
  }
}

/** One that is closed when the test ends. */
export function drivenReactor(): Driven {
  const driven = new Driven();
  onTestFinished(() => driven[Symbol.dispose]());
  return driven;
}

/** What can be done with a primitive, each with a number that chooses the details. */
export type Steps = Readonly<Record<string, (pick: number) => void>>;

export type Fate = 'waiting' | 'fulfilled' | 'cancelled' | 'failed';

/** Without looking at the result, which could be given back then no more. */
export function fateOf(future: Pick<Future<unknown>, 'done' | 'cancelled' | 'fulfilled'>): Fate {
  if (!future.done()) return 'waiting';
  if (future.cancelled()) return 'cancelled';
  return future.fulfilled ? 'fulfilled' : 'failed';
}

/** Class and code of the error of a future: `'QueueError ERR_QUEUE_CLOSED'`. */
export function failureOf(future: Pick<Future<unknown>, 'exception'>): string {
  const error = future.exception() as Error & { code?: string };
  return `${error.constructor.name} ${error.code}`;
}
