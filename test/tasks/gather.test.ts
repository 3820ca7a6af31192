/** gather(): several results as one. */
import { setTimeout as nodeSleep } from 'node:timers/promises';
import { CancelledError, Future } from 'iomux';
import { type Coroutine, createTask, gather, sleep, value } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { thrownBy } from '../support/expecting.js';
import { collected } from '../support/garbage.js';
import {
  BLOCKING,
  cleaning,
  deferred,
  ended,
  failing,
  failingLater,
  HOSTED,
  HOUR,
  iterations,
  lasting,
  openReactor,
  outcome,
  playAlone,
  playTask,
  type Reported,
  thenable,
  thrownAt,
} from '../support/task-scenes.js';

describe('gather()', () => {
  it('gives the results in the order of the arguments, whatever order they come in', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const future = reactor.createFuture<string>();
      reactor.callLater(1, () => future.setResult('future'));
      const results = yield gather([
        createTask(lasting(9, 'slow')),
        createTask(lasting(1, 'fast')),
        future,
        Promise.resolve('promise'),
        thenable<string>((fulfil) => fulfil('thenable')),
        'plain',
        7,
        undefined,
        null,
      ]);
      expect(results).toEqual(['slow', 'fast', 'future', 'promise', 'thenable', 'plain', 7, undefined, null]);
    });
  });

  it('of nothing is an empty array', async () => {
    await playAlone(function* () {
      expect(yield gather([])).toEqual([]);
      expect(yield gather([], { returnExceptions: true })).toEqual([]);
      expect(yield gather(['plain'])).toEqual(['plain']);
    });
  });

  it('waits once for what is there twice', async () => {
    await playAlone(function* () {
      const task = createTask(lasting(2, { its: 'result' }));
      const [first, between, second] = yield gather([task, 'between', task]);
      expect(first).toEqual({ its: 'result' });
      expect(second).toBe(first);
      expect(between).toBe('between');
    });
  });

  it('takes what is done already', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const future = reactor.createFuture<string>();
      future.setResult('done');
      expect(yield gather([future])).toEqual(['done']);
    });
  });

  it('fails with the first error at once, and leaves the others alone', async () => {
    await playAlone(function* () {
      const slow = createTask(lasting(20, 'slow'));
      const error = yield* thrownAt(() =>
        gather([
          slow,
          createTask(failingLater(2, new Error('first'))),
          createTask(failingLater(9, new Error('second'))),
        ]),
      );
      expect(error.message).toBe('first');
      expect(slow.state).toBe('running');
      expect(yield slow).toBe('slow');
    });
  });

  it('keeps later errors to itself', async () => {
    const reported: Reported[] = [];
    const reactor = openReactor(reported);
    await playTask(reactor, BLOCKING, function* () {
      const failed = yield* thrownAt(() =>
        gather([1, 2, 3].map((count) => createTask(failingLater(count, new Error(`error ${count}`))))),
      );
      expect(failed.message).toBe('error 1');
      yield* iterations(10);
      createTask(failing('the probe'));
      yield* iterations(3);
    });
    await collected(() => reported.length > 0);
    expect(reported.map(([error]) => error)).toEqual(['the probe']);
  });

  it('keeps later rejections to itself', async () => {
    const { promise, reject } = deferred<void>();
    await playTask(openReactor(), HOSTED, function* () {
      yield* thrownAt(() => gather([Promise.reject(new Error('first')), promise]));
      reject(new Error('second'));
      yield sleep(1);
      yield nodeSleep(1);
    });
  });

  it('gives errors as results where that is asked for', async () => {
    await playAlone(function* () {
      const cancelled = createTask(lasting(HOUR, 'never'));
      const gathered = gather(
        [
          createTask(lasting(3, 'result')),
          createTask(failingLater(1, new Error('of the task'))),
          cancelled,
          'plain',
        ],
        { returnExceptions: true },
      );
      yield* iterations(2);
      cancelled.cancel('of the test');
      const [result, error, cancellation, plain]: unknown[] = yield gathered;
      expect([result, plain]).toEqual(['result', 'plain']);
      expect(error).toEqual(new Error('of the task'));
      expect(cancellation).toBeInstanceOf(CancelledError);
      expect((cancellation as Error).message).toBe('of the test');
    });
  });

  it('fails, but is not cancelled, where one of its parts is', async () => {
    await playAlone(function* () {
      const [cancelled, other] = [createTask(lasting(HOUR, 1)), createTask(lasting(9, 2))];
      const gathered = gather([cancelled, other]);
      yield* iterations(2);
      cancelled.cancel('of the part');
      const error = yield* thrownAt(() => gathered);
      expect(error).toBeInstanceOf(CancelledError);
      expect(error.message).toBe('of the part');
      expect(gathered.cancelled()).toBe(false);
      expect(yield other).toBe(2);
    });
  });

  it.each([false, true])(
    'cancels all of its parts when it is cancelled, and waits until they have ended: returnExceptions %s',
    async (returnExceptions) => {
      const log: string[] = [];
      await playAlone(function* () {
        const tasks = [createTask(cleaning(log, 'a', 2)), createTask(cleaning(log, 'b', 5))];
        const gathered = gather<readonly unknown[]>([...tasks, 'plain', new Promise(() => {})], {
          returnExceptions: returnExceptions as true,
        });
        yield* iterations(3);
        expect(gathered.cancel('of all')).toBe(true);
        expect(gathered.done()).toBe(false);
        yield* ended(gathered);
        expect(tasks.map(({ state }) => state)).toEqual(['cancelled', 'cancelled']);
        expect(gathered.cancelled()).toBe(true);
        expect(outcome(gathered)).toBe('cancelled by CancelledError of all');
        expect(gathered.cancel()).toBe(false);
      });
      expect(log).toEqual([
        'a waits',
        'b waits',
        'a gets of all',
        'b gets of all',
        'a is clean',
        'b is clean',
      ]);
    },
  );

  it('ends as cancelled also where a part does not mind', async () => {
    await playAlone(function* () {
      const stubborn = createTask(function* () {
        yield* thrownAt(() => sleep(HOUR));
        yield* iterations(3);
        return 'in spite of it';
      });
      const gathered = gather([stubborn, createTask(cleaning([], 'other'))]);
      yield* iterations(3);
      gathered.cancel();
      yield* ended(gathered);
      expect(gathered.cancelled()).toBe(true);
      expect(outcome(stubborn)).toBe('result in spite of it');
    });
  });

  it('cannot be cancelled once all is done', async () => {
    await playAlone(function* () {
      const gathered = gather([createTask(lasting(1, 'result'))]);
      yield gathered;
      expect(gathered.cancel()).toBe(false);
      expect(outcome(gathered)).toBe('result result');
    });
  });

  it('is cleaned up before a task that waits for it goes on', async () => {
    const log: string[] = [];
    await playAlone(function* () {
      const task = createTask(function* (): Coroutine<unknown> {
        try {
          return yield gather([createTask(cleaning(log, 'a', 1)), createTask(cleaning(log, 'b', 4))]);
        } finally {
          log.push('outer goes on');
        }
      });
      yield* iterations(4);
      task.cancel('all of it');
      yield* ended(task);
      expect(outcome(task)).toBe('cancelled by CancelledError all of it');
    });
    expect(log.slice(-3)).toEqual(['a is clean', 'b is clean', 'outer goes on']);
  });

  it('gives back the results that are there when it is cancelled, at whichever moment', async () => {
    const reactor = openReactor();
    for (let moment = 0; moment < 9; moment++) {
      await playTask(reactor, BLOCKING, function* () {
        const returned: string[] = [];
        const received: string[] = [];
        const futures = ['one lock', 'other lock'].map(
          () => new Future<string>(reactor.futures, null, (value) => returned.push(value)),
        );
        const task = createTask(function* () {
          received.push(...(yield* value(gather(futures))));
          yield* iterations(20);
        });
        yield* iterations(3);
        futures[0]?.setResult('one lock');
        yield;
        futures[1]?.setResult('other lock');
        yield* iterations(moment);
        task.cancel();
        yield* ended(task);
        yield* iterations(5);
        expect([...received, ...returned].sort()).toEqual(['one lock', 'other lock']);
      });
    }
  });

  it('refuses a generator, and says what to do', async () => {
    await playAlone(function* () {
      const coroutine = lasting(1, 'result');
      const before = createTask(lasting(1, 'result'));
      const error = thrownBy(() => gather([before, coroutine]));
      expect(error).toBeInstanceOf(TypeError);
      expect(error.code).toBe('ERR_INVALID_ARG_TYPE');
      expect(error.message).toContain('createTask');
      expect(yield before).toBe('result');
    });
  });

  it("refuses another reactor's future", async () => {
    const foreign = openReactor().createFuture<string>();
    await playAlone(function* () {
      const own = createTask(lasting(3, 'its result'));
      expect(yield* thrownAt(() => gather([own, foreign]))).toBeInstanceOf(TypeError);
      expect(yield own).toBe('its result');
    });
    expect(foreign.done()).toBe(false);
  });
});
