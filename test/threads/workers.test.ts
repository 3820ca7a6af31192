/** Worker threads: several use the library at once, and each may end in its own way. */
import { closeSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import {
  constants,
  createSelector,
  EVENT_READ,
  SOCK_STREAM,
  Socket,
  selectorBackends,
  Waker,
  type WakerHandle,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { descriptorCount, expectNoLeak } from '../support/leaks.js';
import { blocked, exitOf, messageOf, startWorker, TERMINATE_LIMIT, terminate } from '../support/workers.js';

const { SOL_SOCKET = 0, SO_TYPE = 0 } = constants;

describe('two workers at once', () => {
  it('carry traffic through selectors of every backend, and neither sees what is the other’s', async () => {
    const before = descriptorCount();
    using own = createSelector();
    const [here, there] = Socket.pair();
    own.register(here, EVENT_READ);
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const workers = [0, 100].map((seed) => startWorker('traffic-worker.mjs', { seed, rounds: 400, gate }));
    const exits = workers.map(exitOf);
    await Promise.all(workers.map(messageOf));
    const results = Promise.all(workers.map(messageOf));
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    expect(await results).toEqual([selectorBackends(), selectorBackends()]);
    expect(await Promise.all(exits)).toEqual([0, 0]);
    expect(own.select(0)).toEqual([]);
    expect(own.stats).toMatchObject({ events: 0, staleEvents: 0 });
    own.verify();
    here.close();
    there.close();
    own.close();
    await expectNoLeak(before);
  });
});

describe('a wait in a worker', () => {
  it('is never early', async () => {
    const worker = startWorker('precision.mjs');
    const exit = exitOf(worker);
    expect(await messageOf(worker)).toEqual({
      ways: expect.arrayContaining([...selectorBackends(), 'select()', 'Poll.poll()']),
      early: [],
    });
    expect(await exit).toBe(0);
  });

  const calls = ['select()', 'Poll.poll()', ...(constants['EPOLLIN'] === undefined ? [] : ['Epoll.poll()'])];
  for (const way of [...selectorBackends(), ...calls]) {
    it(`is not cut short by messages that the worker does not read: ${way}`, async () => {
      const worker = startWorker('waiting-worker.mjs', { way, timeout: 200 });
      expect(await messageOf(worker)).toBe('waiting');
      const outcome = messageOf(worker) as Promise<{ found: number; elapsed: number; waits: number }>;
      const sending = setInterval(() => worker.postMessage('unread'), 10);
      const { found, elapsed, waits } = await outcome;
      clearInterval(sending);
      expect({ found, waits }).toEqual({ found: 0, waits: 1 });
      expect(elapsed).toBeGreaterThanOrEqual(200);
      // What was sent meanwhile is not lost.
      expect(await messageOf(worker)).toBe('unread');
      await terminate(worker);
    });

    it(`spends no processor time on a message that the worker does not read: ${way}`, async () => {
      const timeout = 500;
      let spent = Number.POSITIVE_INFINITY;
      // The process has other threads, which may have something to do just then; a wait that the message ended again and
      // again would use all that a busy machine has for it, each time.
      for (let round = 0; round < 10 && spent >= timeout / 5; round++) {
        const worker = startWorker('waiting-worker.mjs', { way, timeout });
        await messageOf(worker);
        worker.postMessage('unread');
        const outcome = messageOf(worker);
        const before = process.cpuUsage();
        await outcome;
        const { user, system } = process.cpuUsage(before);
        spent = (user + system) / 1000;
        await terminate(worker);
      }
      expect(spent).toBeLessThan(timeout / 5);
    });
  }
});

it.skipIf(process.platform !== 'linux')(
  'what interrupts a worker cannot be watched by it, and is not inherited',
  async () => {
    const worker = startWorker('own-descriptors.mjs');
    const interrupt = 'anon_inode:[eventpoll]: ERR_ALREADY_REGISTERED';
    expect(await messageOf(worker)).toEqual({
      epoll: expect.arrayContaining([interrupt]),
      poll: expect.arrayContaining([interrupt]),
      select: expect.arrayContaining([interrupt]),
      inherited: 0,
      left: 0,
    });
  },
);

describe('a worker that leaves everything open', () => {
  const endings: [ending: string, code: number, error?: string][] = [
    ['naturally', 0],
    ['by process.exit()', 3],
    ['by process.exit() in a handler', 3],
    ['by an exception', 1, 'thrown at the top'],
    ['by an exception in a handler', 1, 'thrown in a handler'],
    ['by a rejection', 1, 'rejected'],
    ['after waits in an exit handler', 0],
    ['with a worker of its own that blocks', 3],
  ];
  for (const [ending, code, error] of endings) {
    it(`leaves no descriptor behind where it ends ${ending}`, async () => {
      const before = descriptorCount();
      const worker = startWorker('ending-worker.mjs', { ending });
      const errors: string[] = [];
      worker.on('error', ({ message }) => errors.push(message));
      // Its error may overtake its message.
      const handles = new Promise<WakerHandle[]>((resolve) => worker.once('message', resolve));
      expect(await exitOf(worker)).toBe(code);
      expect(errors).toEqual(error === undefined ? [] : [error]);
      // Its wakers know that nobody is left to be woken.
      for (const handle of await handles) expect(Waker.from(handle).wake()).toBe(false);
      await expectNoLeak(before);
    });
  }

  it('may be followed by others, a hundred times', async () => {
    const before = descriptorCount();
    for (let i = 0; i < 25; i++) {
      const workers: Worker[] = Array.from({ length: 4 }, () =>
        startWorker('ending-worker.mjs', { ending: 'naturally' }),
      );
      expect(await Promise.all(workers.map(exitOf))).toEqual([0, 0, 0, 0]);
    }
    await expectNoLeak(before);
  });
});

describe('a worker that has closed or given away what it opened', () => {
  it('leaves alone who got those numbers since, when it ends', async () => {
    const worker = startWorker('closing-worker.mjs');
    const exit = exitOf(worker);
    const { closed, given } = (await messageOf(worker)) as { closed: number; given: number[] };
    for (const fd of given) closeSync(fd);
    const numbers = new Set([closed, ...given]);
    const strangers = Array.from({ length: 50 }, () => Socket.pair()).flat();
    const reused = strangers.filter((socket) => numbers.has(socket.fileno()));
    worker.postMessage('end');
    expect(await exit).toBe(0);
    // The kernel gives the lowest number that is free.
    expect(reused.length).toBe(numbers.size);
    for (const socket of reused) expect(socket.getOption(SOL_SOCKET, SO_TYPE)).toBe(SOCK_STREAM);
    for (const socket of strangers) socket.close();
  });
});

describe('a waker whose owner is a worker', () => {
  for (const backend of selectorBackends()) {
    it(`wakes a ${backend} selector until the worker is terminated, and then says so`, async () => {
      const worker = startWorker('woken-worker.mjs', { backend });
      const waker = Waker.from((await messageOf(worker)) as WakerHandle);
      for (let turn = 1; turn <= 20; turn++) {
        const answer = messageOf(worker);
        expect(waker.wake()).toBe(true);
        expect(await answer).toBe(turn);
      }
      expect(await terminate(worker)).toBeLessThan(TERMINATE_LIMIT);
      expect(waker.wake()).toBe(false);
    });
  }

  it('is not needed to end a worker in which another worker blocks', async () => {
    const before = descriptorCount();
    const worker = startWorker('nesting-worker.mjs');
    await blocked(worker);
    expect(await terminate(worker)).toBeLessThan(TERMINATE_LIMIT);
    await expectNoLeak(before);
  });
});
