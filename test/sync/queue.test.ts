/** Queues: each item once, in order, to those who wait in the order in which they came; closed, they end in order. */
import { setImmediate as immediate } from 'node:timers/promises';
import { LifoQueue, PriorityQueue, Queue } from 'iomux/sync';
import { createTask, runBlocking, TimeoutError, value, waitFor } from 'iomux/tasks';
import { afterEach, describe, expect, it } from 'vitest';
import { refusal } from '../support/refusals.js';
import { drivenReactor, endDefaultReactor, failureOf, fateOf, turns } from '../support/sync-futures.js';

const FULL = 'QueueError ERR_QUEUE_FULL';
const EMPTY = 'QueueError ERR_QUEUE_EMPTY';
const CLOSED = 'QueueError ERR_QUEUE_CLOSED';
const INVALID_STATE = 'StateError ERR_INVALID_STATE';

function takeAll<T>(queue: Queue<T>): T[] {
  const taken: T[] = [];
  while (!queue.empty) taken.push(queue.getNowait());
  return taken;
}

describe.each([
  ['Queue', Queue],
  ['LifoQueue', LifoQueue],
  ['PriorityQueue', PriorityQueue],
])('a %s', (_, Kind) => {
  it.each([[-1], [1.3], [Number.NaN], [Number.POSITIVE_INFINITY]])('refuses to hold %d items', (maxSize) => {
    expect(refusal(() => new Kind(maxSize))).toBe('RangeError ERR_OUT_OF_RANGE');
  });

  it('refuses a size that is no number', () => {
    expect(refusal(() => new Kind('1' as unknown as number))).toBe('TypeError ERR_INVALID_ARG_TYPE');
  });

  it.each([
    ['0 is given', [0]],
    ['nothing is given', []],
  ])('holds any number of items where %s', (_case, args) => {
    const queue = new Kind<number>(...args);
    for (let item = 0; item < 10_000; item++) queue.putNowait(item);
    expect([queue.size, queue.full, queue.empty]).toEqual([10_000, false, false]);
    expect(takeAll(queue)).toHaveLength(10_000);
  });

  it('knows its size, whether it is full, and whether it is empty', () => {
    const queue = new Kind<number>(2);
    const state = () => [queue.size, queue.full, queue.empty, queue.closed];
    expect(state()).toEqual([0, false, true, false]);
    queue.putNowait(1);
    expect(state()).toEqual([1, false, false, false]);
    queue.putNowait(2);
    expect(state()).toEqual([2, true, false, false]);
    queue.getNowait();
    expect(state()).toEqual([1, false, false, false]);
  });

  it('refuses at once what would have to wait, and changes nothing', () => {
    const queue = new Kind<number>(1);
    expect(refusal(() => queue.getNowait())).toBe(EMPTY);
    queue.putNowait(1);
    expect(refusal(() => queue.putNowait(2))).toBe(FULL);
    expect(takeAll(queue)).toEqual([1]);
  });

  it('puts and gets at once where nothing has to wait', () => {
    drivenReactor().step(() => {
      const queue = new Kind<number>(1);
      expect([queue.put(1).result(), queue.get().result()]).toEqual([undefined, 1]);
    });
  });

  it('gives items to those who wait in the order in which they came', () => {
    drivenReactor().step(() => {
      const queue = new Kind<number>();
      const gets = [queue.get(), queue.get(), queue.get()];
      queue.putNowait(3);
      queue.put(1);
      expect(gets.map(fateOf)).toEqual(['fulfilled', 'fulfilled', 'waiting']);
      expect([gets[0]?.result(), gets[1]?.result(), queue.size]).toEqual([3, 1, 0]);
    });
  });

  it('lets those in who wait to put in the order in which they came, and nobody before them', () => {
    drivenReactor().step(() => {
      const queue = new Kind<number>(1);
      queue.putNowait(0);
      const puts = [1, 2, 3].map((item) => queue.put(item));
      expect(queue.getNowait()).toBe(0);
      expect(puts.map(fateOf)).toEqual(['fulfilled', 'waiting', 'waiting']);
      expect(refusal(() => queue.putNowait(4))).toBe(FULL);
      puts.push(queue.put(4));
      expect(takeAll(queue)).toEqual([1, 2, 3, 4]);
      expect(puts.map(fateOf)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled']);
    });
  });

  it('has the item that was handed to a cancelled one in its old place again, or gives it to the next', () => {
    runBlocking(function* () {
      const queue = new Kind<number>();
      const taken: [string, number][] = [];
      const taker = (name: string) =>
        createTask(function* () {
          taken.push([name, yield* value(queue.get())]);
        });
      const [first, second, third] = ['first', 'second', 'third'].map(taker);
      yield* turns(2);
      queue.putNowait(1);
      queue.putNowait(2);
      first?.cancel();
      yield* turns(5);
      expect(taken).toEqual([
        ['second', 2],
        ['third', 1],
      ]);
      expect([first?.cancelled(), second?.done(), third?.done()]).toEqual([true, true, true]);
      const late = taker('late');
      yield* turns(2);
      queue.putNowait(3);
      late.cancel();
      yield* turns(2);
      expect([queue.size, queue.getNowait()]).toEqual([1, 3]);
    });
  });

  it('forgets those who were cancelled while they waited', () => {
    drivenReactor().step(() => {
      const queue = new Kind<number>(1);
      for (let count = 0; count < 1000; count++) queue.get().cancel();
      queue.putNowait(1);
      for (let count = 0; count < 1000; count++) queue.put(2).cancel();
      expect(takeAll(queue)).toEqual([1]);
    });
  });

  it('loses no item where the time of a get is over', () => {
    runBlocking(function* () {
      const queue = new Kind<number>();
      try {
        yield waitFor(queue.get(), 2);
      } catch (error) {
        expect(error).toBeInstanceOf(TimeoutError);
      }
      queue.putNowait(1);
      expect(queue.size).toBe(1);
    });
  });

  it('passes over those whose reactor was closed', () => {
    const [open, closed] = [drivenReactor(), drivenReactor()];
    const queue = new Kind<number>(1);
    const lost = closed.step(() => queue.get());
    const get = open.step(() => queue.get());
    closed.reactor.close();
    queue.putNowait(1);
    expect([fateOf(lost), get.result()]).toEqual(['cancelled', 1]);
  });
});

describe('the order of', () => {
  const items = [3, 1, 2, 1];

  it.each([
    ['a Queue: first in, first out', new Queue<number>(), [3, 1, 2, 1]],
    ['a LifoQueue: last in, first out', new LifoQueue<number>(), [1, 2, 1, 3]],
    ['a PriorityQueue: the smallest first', new PriorityQueue<number>(), [1, 1, 2, 3]],
    ['a PriorityQueue: as its compare says', new PriorityQueue<number>(0, (a, b) => b - a), [3, 2, 1, 1]],
  ])('%s', (_, queue, order) => {
    for (const item of items) queue.putNowait(item);
    expect(takeAll(queue)).toEqual(order);
    expect(refusal(() => queue.getNowait())).toBe(EMPTY);
  });

  it('equal items of a PriorityQueue: which came first', () => {
    interface Job {
      readonly priority: number;
      readonly name: string;
    }
    const queue = new PriorityQueue<Job>(0, (a, b) => a.priority - b.priority);
    const names = Array.from({ length: 100 }, (_, index) => `${index}`);
    for (const name of names) queue.putNowait({ priority: Number(name) % 3, name });
    const taken = takeAll(queue).map(({ name }) => name);
    expect(taken).toEqual([0, 1, 2].flatMap((rest) => names.filter((name) => Number(name) % 3 === rest)));
  });

  it('items that came back after a cancellation: as they were put', () => {
    runBlocking(function* () {
      const queue = new Queue<number>();
      const tasks = [1, 2, 3].map(() =>
        createTask(function* () {
          return yield* value(queue.get());
        }),
      );
      yield* turns(2);
      for (const item of [1, 2, 3, 4]) queue.putNowait(item);
      for (const task of tasks.reverse()) task.cancel();
      yield* turns(2);
      expect(takeAll(queue)).toEqual([1, 2, 3, 4]);
    });
  });

  it('a long Queue, that is filled and emptied in turns', () => {
    const queue = new Queue<number>();
    let put = 0;
    let got = 0;
    for (let round = 0; round < 200; round++) {
      for (let count = 0; count < 300; count++) queue.putNowait(put++);
      for (let count = 0; count < 200 + (round % 90); count++) expect(queue.getNowait()).toBe(got++);
    }
    expect(queue.size).toBe(put - got);
    expect(takeAll(queue)).toEqual(Array.from({ length: put - got }, (_, index) => got + index));
  });
});

describe('a PriorityQueue', () => {
  it.each([[{}], [[1, 'text']], [Number.NaN], [undefined], [null], [new Date(Number.NaN)], [true]])(
    'refuses without a compare what has no order of its own: %s',
    (item) => {
      const queue = new PriorityQueue<unknown>();
      drivenReactor().step(() => {
        expect(refusal(() => queue.put(item))).toBe('TypeError ERR_INVALID_ARG_TYPE');
        expect(refusal(() => queue.putNowait(item))).toBe('TypeError ERR_INVALID_ARG_TYPE');
      });
      expect(queue.empty).toBe(true);
    },
  );

  it.each([
    [
      ['b', 'a', 'aa'],
      ['a', 'aa', 'b'],
    ],
    [
      [2n, -1n],
      [-1n, 2n],
    ],
    [
      [new Date(2), new Date(1)],
      [new Date(1), new Date(2)],
    ],
  ])('orders texts, bigints and dates', (items, order) => {
    const queue = new PriorityQueue<unknown>();
    for (const item of items) queue.putNowait(item);
    expect(takeAll(queue)).toEqual(order);
  });

  it('refuses a compare that is no function', () => {
    expect(refusal(() => new PriorityQueue(0, 1 as unknown as () => number))).toBe(
      'TypeError ERR_INVALID_ARG_TYPE',
    );
  });

  it('is as it was where its compare throws, and only the one concerned hears of it', () => {
    const compare = (a: number, b: number) => {
      if (a === 13 || b === 13) throw new RangeError('unlucky');
      return a - b;
    };
    drivenReactor().step(() => {
      const queue = new PriorityQueue<number>(4, compare);
      for (const item of [3, 1, 2]) queue.putNowait(item);
      expect(() => queue.putNowait(13)).toThrow('unlucky');
      expect(() => queue.put(13)).toThrow('unlucky');
      expect(queue.size).toBe(3);
      queue.putNowait(5);
      const [unlucky, lucky] = [queue.put(13), queue.put(0)];
      expect(queue.getNowait()).toBe(1);
      expect(unlucky.exception()).toBeInstanceOf(RangeError);
      expect(fateOf(lucky)).toBe('fulfilled');
      expect(takeAll(queue)).toEqual([0, 2, 3, 5]);
    });
  });

  it('keeps an item that comes back while its compare throws, for the next one, who hears of it', () => {
    let broken = false;
    const queue = new PriorityQueue<number>(0, (a, b) => {
      if (broken) throw new RangeError('of compare');
      return a - b;
    });
    runBlocking(function* () {
      const tasks = [1, 2].map(() =>
        createTask(function* () {
          return yield* value(queue.get());
        }),
      );
      yield* turns(2);
      for (const item of [2, 3, 1]) queue.putNowait(item);
      broken = true;
      expect(tasks.map((task) => task.cancel())).toEqual([true, true]);
      expect(queue.size).toBe(3);
      expect(() => queue.getNowait()).toThrow('of compare');
      expect(queue.size).toBe(3);
      broken = false;
      expect(takeAll(queue)).toEqual([1, 2, 3]);
    });
  });
});

describe('join() of a queue', () => {
  it('waits until each item that was put is done with', () => {
    drivenReactor().step(() => {
      const queue = new Queue<number>(1);
      expect(fateOf(queue.join())).toBe('fulfilled');
      queue.putNowait(1);
      const joins = [queue.join(), queue.join()];
      queue.put(2);
      queue.getNowait();
      queue.taskDone();
      queue.getNowait();
      expect(joins.map(fateOf)).toEqual(['waiting', 'waiting']);
      queue.taskDone();
      expect(joins.map(fateOf)).toEqual(['fulfilled', 'fulfilled']);
    });
  });

  it('is not for more items than were put', () => {
    const queue = new Queue<number>();
    expect(refusal(() => queue.taskDone())).toBe(INVALID_STATE);
    queue.putNowait(1);
    queue.taskDone();
    expect(refusal(() => queue.taskDone())).toBe(INVALID_STATE);
  });

  it('counts items that were given to somebody who waited', () => {
    drivenReactor().step(() => {
      const queue = new Queue<number>();
      queue.get();
      queue.putNowait(1);
      const join = queue.join();
      expect(fateOf(join)).toBe('waiting');
      queue.taskDone();
      expect(fateOf(join)).toBe('fulfilled');
    });
  });
});

describe('a closed queue', () => {
  afterEach(endDefaultReactor);

  it('gives what was put before, and then ends', () => {
    drivenReactor().step(() => {
      const queue = new Queue<number>();
      for (const item of [1, 2, 3]) queue.putNowait(item);
      queue.close();
      queue.close();
      expect([queue.closed, queue.size]).toEqual([true, 3]);
      expect([queue.get().result(), queue.getNowait(), queue.get().result()]).toEqual([1, 2, 3]);
      expect(failureOf(queue.get())).toBe(CLOSED);
      expect(refusal(() => queue.getNowait())).toBe(CLOSED);
    });
  });

  it('takes nothing any more, and refuses what waits to be put', () => {
    drivenReactor().step(() => {
      const queue = new Queue<number>(1);
      queue.putNowait(1);
      const waiting = queue.put(2);
      queue.close();
      expect(failureOf(waiting)).toBe(CLOSED);
      expect(failureOf(queue.put(3))).toBe(CLOSED);
      expect(refusal(() => queue.putNowait(4))).toBe(CLOSED);
      expect(takeAll(queue)).toEqual([1]);
      expect(refusal(() => queue.putNowait(5))).toBe(CLOSED);
    });
  });

  it('ends those who wait for items', () => {
    drivenReactor().step(() => {
      const queue = new Queue<number>();
      const [given, ended] = [queue.get(), queue.get()];
      queue.putNowait(1);
      queue.close();
      expect([given.result(), failureOf(ended)]).toEqual([1, CLOSED]);
    });
  });

  it('can still be joined', () => {
    drivenReactor().step(() => {
      const queue = new Queue<number>();
      queue.putNowait(1);
      queue.close();
      const join = queue.join();
      queue.taskDone();
      expect(fateOf(join)).toBe('fulfilled');
    });
  });

  it('ends iteration after its last item, of each of those who iterate', async () => {
    const queue = new Queue<number>(2);
    const seen: number[] = [];
    const consume = async () => {
      for await (const item of queue) {
        seen.push(item);
        await immediate();
      }
      return 'ended';
    };
    const consumers = [consume(), consume()];
    for (const item of [1, 2, 3, 4, 5]) await queue.put(item);
    queue.close();
    expect(await Promise.all(consumers)).toEqual(['ended', 'ended']);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('iterating over a queue', () => {
  afterEach(endDefaultReactor);

  it('leaves the items in it that it did not take', async () => {
    const queue = new Queue<number>();
    for (const item of [1, 2, 3]) queue.putNowait(item);
    for await (const item of queue) if (item === 2) break;
    expect(takeAll(queue)).toEqual([3]);
  });

  it('that is ended while it waits takes no item', async () => {
    const queue = new Queue<number>();
    const iterator = queue[Symbol.asyncIterator]();
    const next = iterator.next();
    expect(await iterator.return?.()).toEqual({ value: undefined, done: true });
    queue.putNowait(1);
    expect(await next).toEqual({ value: undefined, done: true });
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
    expect(takeAll(queue)).toEqual([1]);
  });

  it('may ask for several items at once', async () => {
    const queue = new Queue<string>();
    const iterator = queue[Symbol.asyncIterator]();
    const both = Promise.all([iterator.next(), iterator.next()]);
    queue.putNowait('a');
    queue.putNowait('b');
    expect(await both).toEqual([
      { value: 'a', done: false },
      { value: 'b', done: false },
    ]);
  });
});
