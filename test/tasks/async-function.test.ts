/** Async functions as tasks: their signal, and how they end. */
import { setTimeout as nodeSleep } from 'node:timers/promises';
import { CancelledError } from 'iomux';
import { type Coroutine, createTask, sleep, type Task } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { collected } from '../support/garbage.js';
import { run } from '../support/reactors.js';
import { runFor } from '../support/running.js';
import {
  BLOCKING,
  deferred,
  ended,
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
  thenable,
  thrownAt,
} from '../support/task-scenes.js';

/** Rejects when a signal is aborted, with its reason. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

describe.each([HOSTED, BLOCKING])('an async function, in a reactor that is $mode,', (setting) => {
  it('begins in the next iteration, with a signal, and is done when it is', async () => {
    const reactor = openReactor();
    const seen: unknown[] = [];
    const task: Task<string> = createTask(
      async (signal) => {
        seen.push(signal, signal.aborted, task.state);
        await sleep(1);
        await null;
        seen.push(signal.aborted, task.state);
        return 'result';
      },
      { reactor },
    );
    task.addDoneCallback(() => reactor.stop());
    expect([seen, task.state]).toEqual([[], 'pending']);
    await run(reactor, setting);
    expect(seen).toEqual([expect.any(AbortSignal), false, 'running', false, 'running']);
    expect([task.state, task.result()]).toEqual(['done', 'result']);
  });

  it('never begins where it is cancelled before', async () => {
    let begun = false;
    await playTask(openReactor(), setting, function* () {
      const task = createTask(async () => {
        begun = true;
      });
      expect(task.cancel('too early')).toBe(true);
      yield* ended(task);
      expect(outcome(task)).toBe('cancelled by CancelledError too early');
      yield* iterations(3);
    });
    expect(begun).toBe(false);
  });

  it('hears of cancel() by its signal, with a CancelledError as the reason', async () => {
    await playTask(openReactor(), setting, function* () {
      const log: unknown[] = [];
      const task = createTask(async (signal) => {
        try {
          await aborted(signal);
        } finally {
          log.push(signal.reason);
          await sleep(1);
          log.push('is clean');
        }
      });
      yield* iterations(2);
      expect(task.cancel('no longer wanted')).toBe(true);
      expect([task.done(), task.state]).toEqual([false, 'running']);
      yield* ended(task);
      expect(log).toEqual([expect.any(CancelledError), 'is clean']);
      expect(log[0]).toMatchObject({ message: 'no longer wanted' });
      expect(task.state).toBe('cancelled');
      expect(outcome(task)).toBe('cancelled by CancelledError no longer wanted');
    });
  });

  it('may wait for the reactor, and be woken by cancel()', async () => {
    await playTask(openReactor(), setting, function* () {
      const task = createTask((signal) => sleep(HOUR, undefined, { signal }).then());
      yield* iterations(2);
      task.cancel('wake');
      yield* ended(task);
      expect(outcome(task)).toBe('cancelled by CancelledError wake');
    });
  });

  it('goes on in spite of cancel() where it does not listen: its result, or error, counts', async () => {
    await playTask(openReactor(), setting, function* () {
      const { promise, resolve } = deferred<void>();
      const returning = createTask(async () => {
        await promise;
        return 'in spite of it';
      });
      const throwing = createTask(async () => {
        await promise;
        throw new Error('in spite of it');
      });
      yield* iterations(2);
      expect([returning.cancel(), throwing.cancel()]).toEqual([true, true]);
      expect([returning.cancel('again'), throwing.cancel('again')]).toEqual([true, true]);
      yield* iterations(3);
      expect([returning.state, throwing.state]).toEqual(['running', 'running']);
      resolve();
      yield* ended(returning);
      yield* ended(throwing);
      expect([outcome(returning), returning.state]).toEqual(['result in spite of it', 'done']);
      expect([outcome(throwing), throwing.state]).toEqual(['failed with Error in spite of it', 'done']);
      expect(returning.cancel()).toBe(false);
    });
  });

  it('fails with what it throws', async () => {
    await playTask(openReactor(), setting, function* () {
      const error = new Error('of the function');
      expect(
        yield* thrownAt(() =>
          createTask(async () => {
            await sleep(0);
            throw error;
          }),
        ),
      ).toBe(error);
      expect(
        yield* thrownAt(() =>
          createTask((): Promise<void> => {
            throw error;
          }),
        ),
      ).toBe(error);
    });
  });
});

describe('an async function', () => {
  it('is cancelled by the AbortError of what it gave its signal to', async () => {
    await playTask(openReactor(), HOSTED, function* () {
      const task = createTask((signal) => nodeSleep(HOUR, 'slept', { signal }));
      yield* iterations(2);
      task.cancel('reason');
      yield* ended(task);
      expect([task.state, task.cancelled()]).toEqual(['cancelled', true]);
      expect(outcome(task)).toMatch(/^cancelled by CancelledError /);
    });
  });

  it('fails with an AbortError that is not of its own signal', async () => {
    await playTask(openReactor(), HOSTED, function* () {
      const task = createTask(() => nodeSleep(HOUR, 'slept', { signal: AbortSignal.abort() }));
      yield* ended(task);
      expect(task.state).toBe('done');
      expect(outcome(task)).toMatch(/^failed with AbortError /);
    });
  });

  it('is cancelled by a CancelledError that it lets through', async () => {
    const reactor = openReactor();
    await playTask(reactor, HOSTED, function* () {
      const future = reactor.createFuture<string>();
      const task = createTask(async () => await future);
      yield* iterations(2);
      future.cancel('of the future');
      yield* ended(task);
      expect(outcome(task)).toBe('cancelled by CancelledError of the future');
    });
  });

  it('hears of the first cancel() only', async () => {
    await playTask(openReactor(), HOSTED, function* () {
      const { promise, resolve } = deferred<void>();
      const reasons: string[] = [];
      const task = createTask(async (signal) => {
        signal.addEventListener('abort', () => reasons.push(signal.reason.message));
        await promise;
        throw signal.reason;
      });
      yield* iterations(2);
      expect([task.cancel('first'), task.cancel('second')]).toEqual([true, true]);
      resolve();
      yield* ended(task);
      expect(reasons).toEqual(['first']);
      expect(outcome(task)).toBe('cancelled by CancelledError first');
    });
  });

  it('is awaited to its end by a generator that is cancelled', async () => {
    const log: string[] = [];
    await playTask(openReactor(), HOSTED, function* () {
      const inner = createTask(async (signal) => {
        try {
          await aborted(signal);
        } finally {
          await nodeSleep(2);
          log.push('inner is clean');
        }
      });
      const outer = createTask(function* () {
        try {
          yield inner;
        } finally {
          log.push('outer goes on');
        }
      });
      yield* iterations(3);
      outer.cancel('both');
      yield* ended(outer);
      expect(outcome(outer)).toBe('cancelled by CancelledError both');
      expect(inner.state).toBe('cancelled');
    });
    expect(log).toEqual(['inner is clean', 'outer goes on']);
  });

  it('that fails is reported to the reactor where nobody looks, and not to the process', async () => {
    const reported: Reported[] = [];
    const reactor = openReactor(reported);
    await playTask(reactor, HOSTED, function* () {
      createTask(
        async () => {
          throw new Error('unseen');
        },
        { name: 'the forgotten one' },
      );
      yield sleep(1);
    });
    await collected(() => reported.length > 0);
    expect(reported).toEqual([
      [new Error('unseen'), { source: 'task', message: expect.stringContaining('the forgotten one') }],
    ]);
  });

  it('runs beside Node, in a hosted reactor', async () => {
    const order: string[] = [];
    await playTask(openReactor(), HOSTED, function* () {
      const task = createTask(async () => {
        order.push('begins');
        await nodeSleep(5);
        order.push('slept in Node');
        await sleep(1);
        order.push('slept in the reactor');
      });
      yield task;
    });
    expect(order).toEqual(['begins', 'slept in Node', 'slept in the reactor']);
  });

  it('may return a generator, whose cancellation aborts the signal, too', async () => {
    await playAlone(function* () {
      let given: AbortSignal | null = null;
      const work = (signal: AbortSignal) => {
        given = signal;
        return lasting(HOUR, 'never');
      };
      const task = createTask(work as never);
      yield* iterations(2);
      task.cancel('reason');
      yield* ended(task);
      expect(outcome(task)).toBe('cancelled by CancelledError reason');
      expect((given as AbortSignal | null)?.reason).toMatchObject({ message: 'reason' });
    });
  });

  it('does not begin in a blocking run in which no promise moves', async () => {
    await null;
    const reactor = openReactor();
    let begun = false;
    const task = createTask(
      async () => {
        begun = true;
      },
      { reactor },
    );
    // Whether it is one is known when it has run; its rejection is then nobody's.
    const other = createTask(() => Promise.reject(new Error('of nobody')), { reactor });
    reactor.runOnce(0);
    expect(begun).toBe(false);
    for (const each of [task, other]) expect(each.exception()).toMatchObject({ code: 'ERR_IN_MICROTASK' });
    await nodeSleep(1);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('of then()');
      },
      'failed with Error of then()',
    ],
    [
      'calls back twice',
      (fulfil: (value: string) => void, reject: (error: unknown) => void) => {
        fulfil('once');
        fulfil('twice');
        reject(new Error('thrice'));
      },
      'result once',
    ],
  ])('keeps no promise waiting where the then() of what it returns %s', async (_, then, expected) => {
    const reactor = openReactor();
    const task = createTask((() => thenable(then)) as never, { reactor });
    const yielding = createTask(
      function* (): Coroutine<string> {
        return yield thenable(then);
      },
      { reactor },
    );
    await runFor(reactor, HOSTED, 5);
    expect(outcome(task)).toBe(expected);
    expect(outcome(yielding)).toBe(expected);
    expect(await keepsPromise(reactor)).toBe(false);
    void reactor.createFuture<void>().then();
    expect(await keepsPromise(reactor)).toBe(true);
  });
});
