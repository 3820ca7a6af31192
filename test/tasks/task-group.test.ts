/** TaskGroup: tasks that end together. */
import { setTimeout as nodeSleep } from 'node:timers/promises';
import { type Coroutine, createTask, currentTask, sleep, type Task, TaskGroup } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { collected } from '../support/garbage.js';
import { refusal } from '../support/refusals.js';
import { play } from '../support/running.js';
import {
  BLOCKING,
  cleaning,
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
  thrownAt,
} from '../support/task-scenes.js';

const CLOSED = 'StateError ERR_CLOSED';

/** The failures that a group tells of. */
function* failuresOf(group: TaskGroup): Coroutine<string[]> {
  const error = yield* thrownAt(() => group.join());
  expect(error).toBeInstanceOf(AggregateError);
  expect(error.message).not.toBe('');
  return (error as AggregateError).errors.map(({ message }) => message);
}

describe('a TaskGroup', () => {
  it('waits for all of its members', async () => {
    await playAlone(function* () {
      const group = new TaskGroup();
      const members = [group.createTask(lasting(1, 'fast')), group.createTask(() => lasting(9, 'slow'))];
      expect(yield group.join()).toBeUndefined();
      expect(members.map(outcome)).toEqual(['result fast', 'result slow']);
    });
  });

  it('makes tasks as createTask() does', async () => {
    const reactor = openReactor();
    const group = new TaskGroup();
    const member: Task<string> = group.createTask(lasting(1, 'result'), { reactor, name: 'the member' });
    expect([member.name, member.reactor, member.state]).toEqual(['the member', reactor, 'pending']);
    expect(refusal(() => group.createTask(7 as never, { reactor }))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    await playTask(reactor, BLOCKING, function* () {
      yield group.join();
      expect(member.result()).toBe('result');
    });
  });

  it('is left at once where it has no members, or all of them have ended', async () => {
    await playAlone(function* () {
      expect(yield new TaskGroup().join()).toBeUndefined();
      const group = new TaskGroup();
      const member = group.createTask(lasting(1, 'result'));
      yield member;
      yield* iterations(3);
      expect(yield group.join()).toBeUndefined();
    });
  });

  it('cancels the others when one fails, and waits for their end', async () => {
    const log: string[] = [];
    await playAlone(function* () {
      const group = new TaskGroup();
      const siblings = [group.createTask(cleaning(log, 'a', 2)), group.createTask(cleaning(log, 'b', 6))];
      const failed = group.createTask(failingLater(3, new Error('of the member')));
      expect(yield* failuresOf(group)).toEqual(['of the member']);
      expect(siblings.map(({ state }) => state)).toEqual(['cancelled', 'cancelled']);
      expect(outcome(failed)).toBe('failed with Error of the member');
    });
    expect(log.slice(-2)).toEqual(['a is clean', 'b is clean']);
    expect(log).toHaveLength(6);
  });

  it('cancels the others also while nobody waits for it yet', async () => {
    await playAlone(function* () {
      const group = new TaskGroup();
      const sibling = group.createTask(lasting(HOUR, 'never'));
      group.createTask(failingLater(1, new Error('of the member')));
      yield* iterations(8);
      expect(sibling.state).toBe('cancelled');
      expect(yield* failuresOf(group)).toEqual(['of the member']);
    });
  });

  it('tells of every failure, in the order in which they came', async () => {
    await playAlone(function* () {
      const group = new TaskGroup();
      const cleaningBadly = function* (rounds: number, message: string): Coroutine<void> {
        try {
          yield sleep(HOUR);
        } finally {
          yield* failingLater(rounds, new Error(message));
        }
      };
      group.createTask(cleaningBadly(8, 'third'));
      group.createTask(cleaningBadly(2, 'second'));
      group.createTask(failingLater(2, new Error('first')));
      expect(yield* failuresOf(group)).toEqual(['first', 'second', 'third']);
    });
  });

  it('tells each who joins', async () => {
    await playAlone(function* () {
      const group = new TaskGroup();
      group.createTask(failingLater(4, new Error('of the member')));
      const join = function* (): Coroutine<string[]> {
        return yield* failuresOf(group);
      };
      const joining = [createTask(join), createTask(join)];
      for (const task of joining) expect(yield task).toEqual(['of the member']);
      expect(yield* failuresOf(group)).toEqual(['of the member']);
    });
  });

  it('does not take a cancelled member for a failed one', async () => {
    await playAlone(function* () {
      const group = new TaskGroup();
      const [cancelled, other] = [
        group.createTask(lasting(HOUR, 'never')),
        group.createTask(lasting(9, 'other')),
      ];
      yield* iterations(2);
      cancelled.cancel('it alone');
      yield group.join();
      expect(outcome(cancelled)).toBe('cancelled by CancelledError it alone');
      expect(outcome(other)).toBe('result other');
    });
  });

  it('cancels all of its members when it is cancelled; that is no failure', async () => {
    const log: string[] = [];
    await playAlone(function* () {
      const group = new TaskGroup();
      group.createTask(cleaning(log, 'a', 2));
      group.createTask(cleaning(log, 'b', 4));
      yield* iterations(2);
      expect(group.cancel('all of you')).toBeUndefined();
      group.cancel();
      expect(yield group.join()).toBeUndefined();
      expect(log.slice(-1)).toEqual(['b is clean']);
    });
    expect(log).toContain('a is clean');
  });

  it('gives its members the reason', async () => {
    const log: string[] = [];
    await playAlone(function* () {
      const group = new TaskGroup();
      group.createTask(cleaning(log, 'a'));
      yield* iterations(2);
      group.cancel('all of you');
      yield group.join();
    });
    expect(log[1]).toBe('a gets all of you');
  });

  it('lets its members create members, and waits for them, too', async () => {
    await playAlone(function* () {
      const group = new TaskGroup();
      const results: number[] = [];
      const spawn = function* (depth: number): Coroutine<void> {
        yield* iterations(2);
        if (depth > 0) group.createTask(spawn(depth - 1));
        results.push(depth);
      };
      group.createTask(spawn(4));
      yield group.join();
      expect(results).toEqual([4, 3, 2, 1, 0]);
    });
  });

  it('takes no task once it was left, has failed or was cancelled', async () => {
    await playAlone(function* () {
      let begun = false;
      // biome-ignore lint/correctness/useYield: it must not even begin.
      const never = function* (): Coroutine<void> {
        begun = true;
      };
      const left = new TaskGroup();
      left.createTask(lasting(1, 'result'));
      yield left.join();
      expect(refusal(() => left.createTask(never))).toBe(CLOSED);

      const cancelled = new TaskGroup();
      cancelled.createTask(lasting(3, 'result'));
      cancelled.cancel();
      expect(refusal(() => cancelled.createTask(never))).toBe(CLOSED);
      yield cancelled.join();
      expect(refusal(() => cancelled.createTask(never))).toBe(CLOSED);

      const failed = new TaskGroup();
      failed.createTask(failing(new Error('of the member')));
      yield* iterations(4);
      expect(refusal(() => failed.createTask(never))).toBe(CLOSED);
      yield* failuresOf(failed);
      expect(refusal(() => failed.createTask(never))).toBe(CLOSED);
      yield* iterations(3);
      expect(begun).toBe(false);
    });
  });

  it('is cancelled by cancelling join(), which ends as cancelled when all have ended', async () => {
    const log: string[] = [];
    await playAlone(function* () {
      const group = new TaskGroup();
      group.createTask(cleaning(log, 'a', 2));
      group.createTask(cleaning(log, 'b', 5));
      const joining = group.join();
      yield* iterations(2);
      expect(joining.cancel('enough')).toBe(true);
      expect(joining.done()).toBe(false);
      yield* ended(joining);
      expect(outcome(joining)).toBe('cancelled by CancelledError enough');
    });
    expect(log.slice(-2)).toEqual(['a is clean', 'b is clean']);
    expect(log[2]).toBe('a gets enough');
  });

  it('ends before a cancelled task goes on that was joining it', async () => {
    const log: string[] = [];
    await playAlone(function* () {
      const task = createTask(function* () {
        const group = new TaskGroup();
        group.createTask(cleaning(log, 'a', 4));
        try {
          yield group.join();
        } finally {
          log.push('outer goes on');
        }
      });
      yield* iterations(4);
      task.cancel('outer');
      yield* ended(task);
      expect(outcome(task)).toBe('cancelled by CancelledError outer');
    });
    expect(log).toEqual(['a waits', 'a gets outer', 'a is clean', 'outer goes on']);
  });

  it('keeps the errors of its members from being reported, but not that it failed', async () => {
    const reported: Reported[] = [];
    const reactor = openReactor(reported);
    await playTask(reactor, BLOCKING, function* () {
      yield* (function* () {
        const group = new TaskGroup();
        group.createTask(failing(new Error('joined')));
        yield* failuresOf(group);
      })();
      (() => {
        const group = new TaskGroup();
        group.createTask(failing(new Error('not joined')));
      })();
      yield* iterations(4);
    });
    await collected(() => reported.length > 0);
    expect(reported).toHaveLength(1);
    expect(JSON.stringify(reported, errorsToo)).toContain('not joined');
  });

  it('refuses a member that would wait for its own end', async () => {
    await playAlone(function* () {
      const group = new TaskGroup();
      const member = group.createTask(function* (): Coroutine<string> {
        return refusal(() => group.join());
      });
      yield group.join();
      expect(yield member).toBe('StateError ERR_INVALID_STATE');
    });
  });

  it('can be waited for in one reactor when its members are of another', async () => {
    const [reactor, other] = [openReactor(), openReactor()];
    const running = other.run();
    await playTask(reactor, HOSTED, function* () {
      const group = new TaskGroup();
      const member = group.createTask(
        function* () {
          yield;
          yield;
          return 'result';
        },
        { reactor: other },
      );
      yield group.join();
      expect(outcome(member)).toBe('result result');
      const failed = new TaskGroup();
      const failing = failed.createTask(failingLater(1, new Error('of the member')), { reactor: other });
      while (!failing.done()) yield sleep(1);
      yield sleep(1);
      expect(yield* failuresOf(failed)).toEqual(['of the member']);
    });
    other.stop();
    await running;
  });

  it('tells of the error that came of cancelling a member', async () => {
    await playAlone(function* () {
      const group = new TaskGroup();
      const error = new Error('of the clean-up');
      const member = group.createTask(function* () {
        yield createTask(function* () {
          try {
            yield sleep(HOUR);
          } finally {
            yield* failing(error);
          }
        });
      });
      yield* iterations(3);
      group.cancel();
      const thrown = yield* thrownAt(() => group.join());
      expect((thrown as unknown as AggregateError).errors).toEqual([error]);
      expect(member.cancelled()).toBe(true);
    });
  });

  it('is left at the end of a block by await using', async () => {
    const reactor = openReactor();
    await play(reactor, HOSTED, async () => {
      const order: string[] = [];
      {
        await using group = new TaskGroup();
        const work = async () => {
          await nodeSleep(2);
          await sleep(1);
          order.push(currentTask()?.name ?? 'none');
        };
        group.createTask(work, { reactor, name: 'first' });
        group.createTask(work, { reactor, name: 'second' });
        order.push('block');
      }
      order.push('left');
      expect(order).toEqual(['block', 'first', 'second', 'left']);
    });
  });

  it('throws its failures at the end of such a block', async () => {
    const reactor = openReactor();
    await play(reactor, HOSTED, async () => {
      const leave = async () => {
        await using group = new TaskGroup();
        group.createTask(failingLater(2, new Error('of the member')), { reactor });
        group.createTask((signal) => sleep(HOUR, undefined, { signal }).then(), { reactor });
      };
      const error = await leave().catch((reason) => reason);
      expect(error).toBeInstanceOf(AggregateError);
      expect(error.errors).toEqual([new Error('of the member')]);
    });
  });
});

function errorsToo(_: string, value: unknown): unknown {
  if (value instanceof AggregateError) return [value.message, ...value.errors.map(String)];
  return value instanceof Error ? String(value) : value;
}
