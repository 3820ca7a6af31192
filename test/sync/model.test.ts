/** Random sequences of operations, cancellations among them, each checked against a model after each step. */
import * as fc from 'fast-check';
import { LifoQueue, Lock, PriorityQueue, Queue, Semaphore } from 'iomux/sync';
import { describe, it } from 'vitest';
import { ConditionSession } from '../support/sync-condition-session.js';
import { drivenReactor, type Steps } from '../support/sync-futures.js';
import { PermitSession } from '../support/sync-permit-session.js';
import { type Order, QueueSession } from '../support/sync-queue-session.js';

const SEQUENCES = 120;
const LENGTH = 60;

interface Session {
  readonly steps: Steps;
  check(): void;
  end(): void;
}

/** All steps of a sequence are in one iteration, where nothing is delivered meanwhile: each result can be given back. */
function expectAgreement(open: () => Session): void {
  const driven = drivenReactor();
  const step = fc.tuple(fc.constantFrom(...Object.keys(open().steps)), fc.nat(20));
  const steps = fc.array(step, { minLength: 1, maxLength: LENGTH, size: 'max' });
  fc.assert(
    fc.property(steps, (sequence) => {
      driven.step(() => {
        const session = open();
        for (const [name, pick] of sequence) {
          session.steps[name]?.(pick);
          session.check();
        }
        session.end();
      });
    }),
    { numRuns: SEQUENCES },
  );
}

describe('any sequence of operations', () => {
  it('of a lock: one holder at most, in the order of the requests, whoever is cancelled meanwhile', () => {
    expectAgreement(() => new PermitSession(new Lock(), 1));
  });

  it.each([[0], [1], [3]])(
    'of a semaphore of %i: never more holders than permits, in the order of the requests',
    (value) => {
      expectAgreement(() => new PermitSession(new Semaphore(value), value));
    },
  );

  it('of a condition: no notification is lost, and whoever waited has the lock again', () => {
    expectAgreement(() => new ConditionSession());
  });

  const first: Order = (a, b) => a.sequence < b.sequence;
  const last: Order = (a, b) => a.sequence > b.sequence;
  const smallest: Order = (a, b) => a.item < b.item || (a.item === b.item && first(a, b));
  const greatest: Order = (a, b) => a.item > b.item || (a.item === b.item && first(a, b));
  const descending = (a: number, b: number) => b - a;

  describe.each([[0], [1], [3]])('of a queue of at most %i', (maxSize) => {
    it.each<[name: string, make: () => Queue<number>, order: Order]>([
      ['first in, first out', () => new Queue(maxSize), first],
      ['last in, first out', () => new LifoQueue(maxSize), last],
      ['the smallest first', () => new PriorityQueue(maxSize), smallest],
      ['the greatest first', () => new PriorityQueue(maxSize, descending), greatest],
    ])('gives each item once, %s, and loses none', (_, make, order) => {
      expectAgreement(() => new QueueSession(make(), maxSize, order));
    });
  });
});
