/** Many tasks, of which some are cancelled at any time: whatever they had or were about to get goes on to others. */
import * as fc from 'fast-check';
import { CancelledError } from 'iomux';
import { Condition, Lock, Queue, QueueError, Semaphore } from 'iomux/sync';
import { type Coroutine, createTask, runBlocking, value, wait } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { turns } from '../support/sync-futures.js';

const RUNS = 60;
const WORKERS = 5;
const ROUNDS = 6;

/** Which task is cancelled, after so many iterations more. */
type Cancellations = readonly (readonly [worker: number, iterations: number])[];

const anyCancellations = fc.array(fc.tuple(fc.nat(WORKERS - 1), fc.nat(3)), { maxLength: 40, size: 'max' });

/** Does something several times, whether or not it is cancelled meanwhile. */
function* insistently(round: (index: number) => Coroutine<void>): Coroutine<void> {
  for (let index = 0; index < ROUNDS; index++) {
    try {
      yield* round(index);
      yield;
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
    }
  }
}

/** Runs the workers to their end, and cancels some of them meanwhile. */
function* playWith(cancellations: Cancellations, work: (worker: number) => Coroutine<void>): Coroutine<void> {
  const workers = Array.from({ length: WORKERS }, (_, worker) => createTask(work(worker)));
  yield;
  for (const [worker, iterations] of cancellations) {
    yield* turns(iterations);
    workers[worker]?.cancel();
  }
  yield wait(workers);
  for (const task of workers) task.result();
}

function holdsForAny(scene: (cancellations: Cancellations) => Coroutine<void>): void {
  fc.assert(
    fc.property(anyCancellations, (cancellations) => runBlocking(() => scene(cancellations))),
    { numRuns: RUNS },
  );
}

describe('tasks that are cancelled at any time', () => {
  it('share a lock: one holder at most, in the order of the requests, and it is free at the end', () => {
    holdsForAny(function* (cancellations) {
      const lock = new Lock();
      let holders = 0;
      let requests = 0;
      const granted: number[] = [];
      yield* playWith(cancellations, (worker) =>
        insistently(function* (round) {
          const request = requests++;
          using _ = yield* value(lock.acquire());
          granted.push(request);
          expect(++holders).toBe(1);
          try {
            yield* turns((worker + round) % 3);
          } finally {
            holders--;
          }
        }),
      );
      expect(granted).toEqual([...granted].sort((a, b) => a - b));
      expect(lock.locked).toBe(false);
    });
  });

  it('share a semaphore: never more than its permits, which are all free at the end', () => {
    holdsForAny(function* (cancellations) {
      const semaphore = new Semaphore(2);
      let holders = 0;
      yield* playWith(cancellations, (worker) =>
        insistently(function* (round) {
          using _ = yield* value(semaphore.acquire());
          expect(++holders).toBeLessThanOrEqual(2);
          try {
            yield* turns((worker + round) % 3);
          } finally {
            holders--;
          }
        }),
      );
      expect(semaphore.value).toBe(2);
    });
  });

  it('wait for a condition: each change is seen by somebody, and the lock is free at the end', () => {
    holdsForAny(function* (cancellations) {
      const lock = new Lock();
      const condition = new Condition(lock);
      let tokens = 0;
      let taken = 0;
      let given = 0;
      let ended = false;
      const giver = createTask(function* () {
        for (; !ended; given++) {
          using _ = yield* value(condition.acquire());
          tokens++;
          condition.notify();
          yield;
        }
      });
      yield* playWith(cancellations, (worker) =>
        insistently(function* () {
          using _ = yield* value(condition.acquire());
          try {
            if (worker % 2 === 0) yield condition.waitFor(() => tokens > 0);
            else while (tokens === 0) yield condition.wait();
          } finally {
            expect(lock.locked).toBe(true);
          }
          tokens--;
          taken++;
        }),
      );
      ended = true;
      yield giver;
      expect([tokens, lock.locked]).toEqual([given - taken, false]);
    });
  });

  it('pass items through a queue: none twice, none lost, and nobody waits at the end', () => {
    holdsForAny(function* (cancellations) {
      const queue = new Queue<string>(2);
      const begun: string[] = [];
      const put: string[] = [];
      const got: string[] = [];
      let producers = 3;
      function* produce(worker: number): Coroutine<void> {
        yield* insistently(function* (round) {
          const item = `${worker}.${round}`;
          begun.push(item);
          yield queue.put(item);
          put.push(item);
        });
        if (--producers === 0) queue.close();
      }
      function* consume(): Coroutine<void> {
        for (;;) {
          try {
            got.push(yield* value(queue.get()));
          } catch (error) {
            if (error instanceof QueueError) return;
            if (!(error instanceof CancelledError)) throw error;
          }
        }
      }
      yield* playWith(cancellations, (worker) => (worker < 3 ? produce(worker) : consume()));
      // One who was about to get an item when the queue was closed may have been cancelled.
      while (!queue.empty) got.push(queue.getNowait());
      expect(new Set(got).size).toBe(got.length);
      expect(put.filter((item) => !got.includes(item))).toEqual([]);
      expect(got.filter((item) => !begun.includes(item))).toEqual([]);
    });
  });
});
