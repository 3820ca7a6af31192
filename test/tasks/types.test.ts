/** The types of tasks: what is inferred, and what the compiler refuses. */
import { Future } from 'iomux';
import {
  asCompleted,
  type Coroutine,
  createTask,
  currentTask,
  gather,
  run,
  runBlocking,
  shield,
  sleep,
  type Task,
  TaskGroup,
  timeout,
  value,
  wait,
  waitFor,
} from 'iomux/tasks';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { BLOCKING, iterations, lasting, openReactor, playAlone, playTask } from '../support/task-scenes.js';

describe('the type of', () => {
  it('a task is that of what its work returns', async () => {
    const reactor = openReactor();
    const ofGenerator = createTask(lasting(1, 'result'), { reactor });
    expectTypeOf(ofGenerator).toEqualTypeOf<Task<string>>();
    const ofFunction = createTask(() => lasting(1, 7), { reactor });
    expectTypeOf(ofFunction).toEqualTypeOf<Task<number>>();
    const inferred = createTask(
      function* () {
        yield;
        return { its: 'result' };
      },
      { reactor },
    );
    expectTypeOf(inferred).toEqualTypeOf<Task<{ its: string }>>();
    const ofAsync = createTask(
      async (signal) => {
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
        return true;
      },
      { reactor },
    );
    expectTypeOf(ofAsync).toEqualTypeOf<Task<boolean>>();
    const ofNothing = createTask(iterations(1), { reactor });
    expectTypeOf(ofNothing).toEqualTypeOf<Task<void>>();
    expectTypeOf(ofNothing.state).toEqualTypeOf<'pending' | 'running' | 'done' | 'cancelled'>();
    await playTask(reactor, BLOCKING, function* () {
      const results = yield* value(gather([ofGenerator, ofFunction, inferred, ofAsync, ofNothing]));
      expect(results).toEqual(['result', 7, { its: 'result' }, true, undefined]);
    });
  });

  it('value() is that of what is awaited', async () => {
    await playAlone(function* () {
      expectTypeOf(yield* value(sleep(0, 'slept'))).toEqualTypeOf<string>();
      expectTypeOf(yield* value(Promise.resolve(7))).toEqualTypeOf<number>();
      expectTypeOf(yield* value(createTask(lasting(1, true)))).toEqualTypeOf<boolean>();
      expectTypeOf(yield* value(sleep(0))).toEqualTypeOf<void>();
    });
  });

  it('gather() is a tuple, of values or of values and errors', async () => {
    await playAlone(function* () {
      const [task, future] = [createTask(lasting(1, 'result')), sleep(0, 7)];
      const gathered = gather([task, future, Promise.resolve(true), null] as const);
      expectTypeOf(gathered).toEqualTypeOf<Future<[string, number, boolean, null]>>();
      expectTypeOf(gather([task, future])).toEqualTypeOf<Future<[string, number]>>();
      const outcomes = gather([task, future] as const, { returnExceptions: true });
      expectTypeOf(outcomes).toEqualTypeOf<Future<[string | Error, number | Error]>>();
      const list = gather([1, 2].map((number) => createTask(lasting(number, number))));
      expectTypeOf(list).toEqualTypeOf<Future<number[]>>();
      expect(yield list).toEqual([1, 2]);
      expect(yield gathered).toEqual(['result', 7, true, null]);
      expect(yield outcomes).toEqual(['result', 7]);
    });
  });

  it('what waits is that of what it waits for', async () => {
    await playAlone(function* () {
      const task = createTask(lasting(2, 'result'));
      expectTypeOf(waitFor(task, 1_000)).toEqualTypeOf<Future<string>>();
      expectTypeOf(shield(task)).toEqualTypeOf<Future<string>>();
      expectTypeOf(wait([task])).toEqualTypeOf<
        Future<{ done: Set<Future<string>>; pending: Set<Future<string>> }>
      >();
      for (const future of asCompleted([task])) expectTypeOf(future).toEqualTypeOf<Future<string>>();
      expectTypeOf(timeout(1_000, () => lasting(1, 7))).toEqualTypeOf<Future<number>>();
      expectTypeOf(timeout(1_000, async ({ deadline }) => deadline)).toEqualTypeOf<Future<number>>();
      const group = new TaskGroup();
      expectTypeOf(group.createTask(lasting(1, true))).toEqualTypeOf<Task<boolean>>();
      expectTypeOf(group.createTask(async () => 7)).toEqualTypeOf<Task<number>>();
      expectTypeOf(group.join()).toEqualTypeOf<Future<void>>();
      yield task;
      yield* iterations(3);
    });
  });

  it('a program is that of its work', async () => {
    const blocking = runBlocking(() => lasting(1, 'result'));
    expectTypeOf(blocking).toEqualTypeOf<string>();
    const hosted = run(async () => 7);
    expectTypeOf(hosted).toEqualTypeOf<Promise<number>>();
    const ofGenerator = run(() => lasting(1, true));
    expectTypeOf(ofGenerator).toEqualTypeOf<Promise<boolean>>();
    expect([blocking, await hosted, await ofGenerator]).toEqual(['result', 7, true]);
  });

  it('a task of something is one of anything: lists may mix them', async () => {
    await playAlone(function* () {
      const [text, number] = [createTask(lasting(1, 'text')), createTask(lasting(1, 7))];
      const list: Future<unknown>[] = [text, number];
      expectTypeOf(text).toExtend<Future<unknown>>();
      expectTypeOf(text).toExtend<PromiseLike<string | number>>();
      expectTypeOf(currentTask()).toEqualTypeOf<Task<unknown> | null>();
      const { done } = yield* value(wait<unknown>([text, number]));
      expect([...done]).toEqual(list);
      for (const future of list) expect(future).toBeInstanceOf(Future);
    });
  });

  it('what is wrong is an error already when it is compiled', () => {
    const refused: readonly (() => unknown)[] = [
      // @ts-expect-error a promise is no work
      () => createTask(Promise.resolve()),
      // @ts-expect-error a program that holds the thread is a generator function
      () => runBlocking(async () => {}),
      // @ts-expect-error nothing to await
      () => waitFor(7, 1),
      // @ts-expect-error a promise is no Future
      () => wait([Promise.resolve()]),
      // @ts-expect-error there is no such mode
      () => wait([sleep(0)], { returnWhen: 'SECOND_COMPLETED' }),
      // @ts-expect-error a number is no awaitable
      (): Coroutine<void> => createCoroutine(),
    ];
    // They are not called: it is the compiler who refuses them.
    expect(refused).toHaveLength(6);
  });
});

function* createCoroutine() {
  yield 7;
}
