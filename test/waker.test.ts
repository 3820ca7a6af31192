/** Waking a wait: from its own thread, from others, and after its owner is gone. */
import { readSync, writeSync } from 'node:fs';
import { MessageChannel, receiveMessageOnPort, type Worker } from 'node:worker_threads';
import {
  createSelector,
  EVENT_READ,
  type Selector,
  Socket,
  selectorBackends,
  Waker,
  WOULD_BLOCK,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { isEmulated } from './support/emulation.js';
import { exitOf, messageOf, startWorker } from './support/workers.js';

/** A wait that lasts this long was not woken. */
const LOST = 10_000;
/** The words shared with waking-worker.mjs. */
const GATE = 0;
const SENT = 1;
const SEEN = 2;

function timed<T>(action: () => T): [result: T, elapsed: number] {
  const start = performance.now();
  const result = action();
  return [result, performance.now() - start];
}

/** Fails where the wait has come to its timeout, or has brought anything. */
function expectWoken(selector: Selector, limit = LOST): void {
  const [ready, elapsed] = timed(() => selector.select(limit));
  expect(ready).toEqual([]);
  expect(elapsed).toBeLessThan(limit);
}

/** Fails where anything ends the wait before its time. */
function expectUndisturbed(selector: Selector, timeout: number): void {
  const [ready, elapsed] = timed(() => selector.select(timeout));
  expect(ready).toEqual([]);
  expect(elapsed).toBeGreaterThanOrEqual(timeout);
}

/** Workers that are ready to wake, and start when `open` is called. */
class Wakers {
  readonly words = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
  readonly #workers: readonly Worker[];
  readonly #exits: readonly Promise<number>[];

  constructor(workers: number, how: string, selectors: readonly Selector[], options: object = {}) {
    const handles = selectors.map(({ waker }) => waker.handle);
    const data = { how, handles, words: this.words, ...options };
    this.#workers = Array.from({ length: workers }, () => startWorker('waking-worker.mjs', data));
    this.#exits = this.#workers.map(exitOf);
  }

  async ready(): Promise<void> {
    await Promise.all(this.#workers.map(messageOf));
  }

  open(): void {
    Atomics.store(this.words, GATE, 1);
    Atomics.notify(this.words, GATE);
  }

  async done(): Promise<void> {
    expect(await Promise.all(this.#exits)).toEqual(this.#workers.map(() => 0));
  }
}

for (const backend of selectorBackends()) {
  describe(`${backend} selector, waking`, () => {
    it('a wake before the wait ends it at once, and only that one', () => {
      using selector = createSelector(backend);
      selector.wakeup();
      expectWoken(selector);
      expectUndisturbed(selector, 20);
    });

    it('a wake during the wait ends it', async () => {
      using selector = createSelector(backend);
      const wakers = new Wakers(1, 'once', [selector], { delay: 50 });
      await wakers.ready();
      wakers.open();
      expectWoken(selector);
      await wakers.done();
    });

    it('a wake after the wait is for the next one', async () => {
      using selector = createSelector(backend);
      expectUndisturbed(selector, 5);
      const wakers = new Wakers(1, 'once', [selector], { delay: 0 });
      await wakers.ready();
      wakers.open();
      await wakers.done();
      expectWoken(selector);
      expectUndisturbed(selector, 20);
    });

    it('a wake is taken by a wait that does not block', () => {
      using selector = createSelector(backend);
      selector.wakeup();
      expect(selector.select(0)).toEqual([]);
      expectUndisturbed(selector, 20);
    });

    it('a wake hides nothing that is ready', () => {
      using selector = createSelector(backend);
      const [here, there] = Socket.pair();
      const key = selector.register(here, EVENT_READ);
      there.send(Buffer.from('x'));
      selector.wakeup();
      expect(selector.select()).toEqual([[key, EVENT_READ]]);
      here.recv(Buffer.alloc(1));
      expectUndisturbed(selector, 20);
      here.close();
      there.close();
    });

    it('a wake in a handler is for the next wait', () => {
      using selector = createSelector(backend);
      const [here, there] = Socket.pair();
      selector.register(here, EVENT_READ);
      there.send(Buffer.from('x'));
      selector.dispatch(null, () => {
        here.recv(Buffer.alloc(1));
        selector.wakeup();
      });
      expectWoken(selector);
      here.close();
      there.close();
    });

    it('any number of wakes end one wait', () => {
      using selector = createSelector(backend);
      for (let i = 0; i < 100_000; i++) selector.wakeup();
      expectWoken(selector);
      expectUndisturbed(selector, 20);
    });

    // What was written can be read back from an eventfd; the number in the handle of a pipe is its other end.
    const eventfd = backend !== 'kqueue' && process.env['IOMUX_PIPE_WAKER'] !== '1';
    it.skipIf(!eventfd || process.platform !== 'linux')('writes nothing while the owner is awake', () => {
      using selector = createSelector(backend);
      for (let i = 0; i < 1_000; i++) expect(selector.waker.wake()).toBe(true);
      expect(() => readSync(selector.waker.handle.fd, Buffer.alloc(8))).toThrow(/EAGAIN/);
    });

    it.skipIf(backend === 'kqueue')('a ring that comes late ends no wait early', () => {
      using selector = createSelector(backend);
      const ring = new BigUint64Array([1n]);
      for (const timeout of [0.2, 1, 30]) {
        // What a sender does that turned a wait to woken and was then held up until the wait was over.
        writeSync(selector.waker.handle.fd, ring);
        expectUndisturbed(selector, timeout);
      }
      expect(selector.stats.waits).toBe(3);
    });

    it('is not woken by the waker of another selector', () => {
      using selector = createSelector(backend);
      using other = createSelector(backend);
      other.wakeup();
      expectUndisturbed(selector, 20);
      expectWoken(other);
    });

    it('a handle works after a structured clone and after a message', () => {
      using selector = createSelector(backend);
      const { port1, port2 } = new MessageChannel();
      port1.postMessage(selector.waker.handle);
      const posted = receiveMessageOnPort(port2)?.message;
      port1.close();
      for (const handle of [structuredClone(selector.waker.handle), posted]) {
        expect(handle).toEqual(selector.waker.handle);
        expect(Waker.from(handle).wake()).toBe(true);
        expectWoken(selector);
      }
      expectUndisturbed(selector, 20);
    });

    it('a wake after the close says false, and stays so', () => {
      const selector = createSelector(backend);
      const { waker } = selector;
      const clone = Waker.from(structuredClone(waker.handle));
      expect(waker.wake()).toBe(true);
      selector.close();
      for (let i = 0; i < 3; i++) {
        expect(waker.wake()).toBe(false);
        expect(clone.wake()).toBe(false);
      }
      expect(() => selector.wakeup()).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    });

    it('none of many wakes from many threads is lost', async () => {
      using selector = createSelector(backend);
      const [workers, count] = [6, 10_000];
      const wakers = new Wakers(workers, 'burst', [selector], { count });
      await wakers.ready();
      wakers.open();
      let seen = 0;
      for (let turn = 0; seen < workers * count; turn++) {
        // A wait that does not block takes wakes as well. What was counted before a wake that a wait took is seen
        // after it: else the last of them would leave the owner blocked.
        expectWoken(selector);
        if (turn % 3 === 0) selector.select(0);
        seen = Atomics.load(wakers.words, SENT);
      }
      expect(seen).toBe(workers * count);
      await wakers.done();
    });

    it('each wake of a thread that waits for its effect arrives, and none twice', async () => {
      using selector = createSelector(backend);
      const count = 500;
      const wakers = new Wakers(1, 'in turn', [selector], { count });
      await wakers.ready();
      wakers.open();
      for (let seen = 1; seen <= count; seen++) {
        expectWoken(selector);
        expect(Atomics.load(wakers.words, SENT)).toBe(seen);
        // Nobody wakes now: the sender waits.
        expectUndisturbed(selector, 0.1);
        Atomics.store(wakers.words, SEEN, seen);
        Atomics.notify(wakers.words, SEEN);
      }
      await wakers.done();
    });

    it('a close waits for a sender that is about to ring', async () => {
      const selector = createSelector(backend);
      const wakers = new Wakers(1, 'held up', [selector], { delay: 50 });
      await wakers.ready();
      wakers.open();
      expect(Atomics.wait(wakers.words, SENT, 0, LOST)).not.toBe('timed-out');
      selector.close();
      // Not before the sender was through: the number could belong to a stranger by then.
      expect(Atomics.load(wakers.words, SEEN)).toBe(1);
      await wakers.done();
    });

    it('no wake reaches a stranger that got the number of a closed waker', async () => {
      const selectors = Array.from({ length: 150 }, () => createSelector(backend));
      const wakers = new Wakers(3, 'to the end', selectors);
      const [here, there] = Socket.pair();
      there.send(Buffer.from('x'));
      await wakers.ready();
      wakers.open();
      const strangers: Socket[] = [];
      let reused = 0;
      for (const selector of selectors) {
        const { fd } = selector.waker.handle;
        selector.register(here, EVENT_READ);
        // These waits may block, so that senders ring, but do not: the close follows hard on the ring.
        for (let i = 0; i < 20; i++) expect(selector.select(LOST).length).toBe(1);
        selector.close();
        const pair = Socket.pair();
        if (pair.some((stranger) => stranger.fileno() === fd)) reused++;
        strangers.push(...pair);
      }
      await wakers.done();
      // The emulation closes other descriptors just then, and their numbers come first.
      if (!isEmulated(backend)) expect(reused).toBeGreaterThan(0);
      const bytes = Buffer.alloc(8);
      expect(strangers.filter((stranger) => stranger.recv(bytes) !== WOULD_BLOCK)).toEqual([]);
      for (const socket of [here, there, ...strangers]) socket.close();
    });
  });
}

describe('Waker.from', () => {
  it('refuses what is no handle', () => {
    const state = new SharedArrayBuffer(12);
    const wrongTypes = [
      undefined,
      null,
      1,
      'handle',
      {},
      { fd: 1 },
      { fd: 1, state: new ArrayBuffer(12) },
      { fd: 1, state: new Int32Array(state) },
      { state },
      { fd: '1', state },
    ];
    for (const handle of wrongTypes) {
      expect(() => Waker.from(handle as never)).toThrow(
        expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }),
      );
    }
    const outOfRange = [
      { fd: -1, state },
      { fd: 1.5, state },
      { fd: Number.NaN, state },
      { fd: 2 ** 31, state },
      { fd: 1, state: new SharedArrayBuffer(0) },
      { fd: 1, state: new SharedArrayBuffer(8) },
      { fd: 1, state: new SharedArrayBuffer(16) },
    ];
    for (const handle of outOfRange) {
      expect(() => Waker.from(handle)).toThrow(
        expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }),
      );
    }
    expect(new Int32Array(state)).toEqual(new Int32Array(3));
  });
});
