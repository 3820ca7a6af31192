/** shield(): what goes on when nobody waits for it any more. */
import { asCompleted, createTask, gather, shield } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { collected } from '../support/garbage.js';
import { runFor } from '../support/running.js';
import {
  BLOCKING,
  ended,
  failing,
  failingLater,
  HOSTED,
  HOUR,
  iterations,
  keepsPromise,
  lasting,
  openReactor,
  outcome,
  playAlone,
  playTask,
  type Reported,
  thrownAt,
} from '../support/task-scenes.js';

describe('shield()', () => {
  it('has the result or the error of what is inside', async () => {
    await playAlone(function* () {
      const error = new Error('of the task');
      expect(yield shield(createTask(lasting(3, 'result')))).toBe('result');
      expect(yield shield(Promise.resolve('promise'))).toBe('promise');
      expect(yield* thrownAt(() => shield(createTask(failingLater(3, error))))).toBe(error);
      const done = createTask(lasting(1, 'done'));
      yield done;
      expect(yield shield(done)).toBe('done');
    });
  });

  it('leaves what is inside alone when it is cancelled', async () => {
    await playAlone(function* () {
      const inner = createTask(lasting(9, 'inner'));
      const shielded = shield(inner);
      yield* iterations(2);
      expect(shielded.cancel('outside')).toBe(true);
      expect(outcome(shielded)).toBe('cancelled by CancelledError outside');
      expect(inner.state).toBe('running');
      expect(yield inner).toBe('inner');
      expect(outcome(shielded)).toBe('cancelled by CancelledError outside');
    });
  });

  it('leaves what is inside alone when the task is cancelled that waits', async () => {
    await playAlone(function* () {
      const inner = createTask(lasting(9, 'inner'));
      const outer = createTask(function* () {
        yield shield(inner);
      });
      yield* iterations(3);
      outer.cancel('outside');
      yield* ended(outer);
      expect(outcome(outer)).toBe('cancelled by CancelledError outside');
      expect(inner.state).toBe('running');
      expect(yield inner).toBe('inner');
    });
  });

  it('is cancelled when what is inside is', async () => {
    await playAlone(function* () {
      const inner = createTask(lasting(HOUR, 'never'));
      const shielded = shield(inner);
      yield* iterations(2);
      inner.cancel('inside');
      yield* ended(shielded);
      expect(shielded.cancelled()).toBe(true);
      expect(outcome(shielded)).toBe('cancelled by CancelledError inside');
    });
  });

  it('keeps an error to itself that comes when nobody waits any more', async () => {
    const reported: Reported[] = [];
    const reactor = openReactor(reported);
    await playTask(reactor, BLOCKING, function* () {
      (() => shield(createTask(failingLater(3, new Error('too late')))).cancel())();
      yield* iterations(6);
      createTask(failing('the probe'));
      yield* iterations(3);
    });
    await collected(() => reported.length > 0);
    expect(reported.map(([error]) => error)).toEqual(['the probe']);
  });

  it.each([
    ['shield()', (promise: Promise<unknown>) => shield(promise).cancel()],
    ['asCompleted()', (promise: Promise<unknown>) => asCompleted([promise], { timeout: 1 })],
    [
      'gather()',
      (promise: Promise<unknown>) => {
        gather([createTask(failing(new Error('of a part'))), promise]).addDoneCallback(() => {});
      },
    ],
  ])('of a promise, as %s, keeps none waiting when it has ended', async (_, begin) => {
    const reactor = openReactor();
    reactor.callSoon(() => {
      begin(new Promise(() => {}));
    });
    await runFor(reactor, HOSTED, 10);
    expect(await keepsPromise(reactor)).toBe(false);
  });
});
