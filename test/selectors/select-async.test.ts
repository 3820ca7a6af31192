/** selectAsync(): a wait that leaves the thread to Node's loop, by each host, on each backend. */
import { closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import {
  type Backend,
  createSelector,
  EVENT_INVALID,
  EVENT_PRIORITY,
  EVENT_READ,
  EVENT_WRITE,
  Reactor,
  type ReadyKey,
  type Selector,
  type SelectorCapabilities,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { timed } from '../support/expecting.js';
import { GatedWorkers } from '../support/gate.js';
import { describeHosts } from '../support/hosts.js';
import { descriptorCount, expectNoLeak } from '../support/leaks.js';
import { ForeignFile } from '../support/numbers.js';
import { drain, readableSockets, send, socketPair } from '../support/pairs.js';
import { type Outcome, outcomeOf, startFixture } from '../support/processes.js';
import { refusal } from '../support/refusals.js';
import { rejection } from '../support/rejections.js';
import { successor } from '../support/successor.js';
import { blocked, exitOf, startWorker, TERMINATE_LIMIT, terminate } from '../support/workers.js';

/** A wait that lasts this long was missed. */
const LOST = 10_000;
/** Long enough for what should not happen. */
const MOMENT = 20;
const FIXTURE = 'async-waits.mjs';

function nothing(): void {}

function capabilitiesOf(backend: Backend): SelectorCapabilities {
  using selector = createSelector(backend);
  return selector.capabilities;
}

/** Whether a promise is pending after a moment. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  return (await Promise.race([promise, sleep(MOMENT, isPending)])) === isPending;
}

/** Waits: fails where nothing came. */
async function nextReady<T>(selector: Selector<T>): Promise<ReadyKey<T>[]> {
  const start = performance.now();
  const ready = await selector.selectAsync(LOST);
  expect(performance.now() - start).toBeLessThan(LOST);
  return ready;
}

/** What a wait that is under way brings: fails where it does not end. */
async function endOf<T>(waiting: Promise<T>): Promise<T> {
  const end = await Promise.race([waiting, sleep(LOST, endOf, { ref: false })]);
  if (end === endOf) throw new Error('the wait did not end');
  return end as T;
}

/** The same: the data of what is ready. */
async function next<T>(selector: Selector<T>): Promise<T[]> {
  return (await nextReady(selector)).map(([{ data }]) => data);
}

describeHosts((setting, open) => {
  const { backend } = setting;
  const { priority } = capabilitiesOf(backend);

  describe('a wait', () => {
    it('brings what is ready, with the very key', async () => {
      const selector = open();
      const [near, far] = socketPair();
      const key = selector.register(near, EVENT_READ | EVENT_WRITE, { any: 'data' });
      selector.register(socketPair()[0], EVENT_READ);
      send(far);
      const ready = await selector.selectAsync();
      expect(ready).toEqual([[key, EVENT_READ | EVENT_WRITE]]);
      expect(ready[0]?.[0]).toBe(key);
    });

    it('brings what becomes ready meanwhile, and Node goes on', async () => {
      const selector = open<string>();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 'near');
      const waiting = next(selector);
      const others = await Promise.all([
        readFile(new URL(import.meta.url), 'utf8').then(() => 'file'),
        sleep(2, 'timer'),
        immediate('immediate'),
      ]);
      expect(others).toEqual(['file', 'timer', 'immediate']);
      expect(await isPending(waiting)).toBe(true);
      send(far);
      expect(await waiting).toEqual(['near']);
    });

    it('brings all of many at once', async () => {
      const selector = open<number>();
      for (const [index, socket] of readableSockets(300).entries()) {
        selector.register(socket, EVENT_READ, index);
      }
      const ready = await next(selector);
      expect(ready.sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, index) => index));
    });

    it.each([0.25, 1, 3.1, 20])('is never shorter than its timeout: %d ms', async (timeout) => {
      const selector = open();
      selector.register(socketPair()[0], EVENT_READ);
      for (let i = 0; i < 5; i++) {
        const start = performance.now();
        expect(await selector.selectAsync(timeout)).toEqual([]);
        expect(performance.now() - start).toBeGreaterThanOrEqual(timeout);
      }
    });

    it.each([0, -1, -Infinity])('of %d ms only looks', async (timeout) => {
      const selector = open<string>();
      expect(await selector.selectAsync(timeout)).toEqual([]);
      const [near] = readableSockets(1);
      selector.register(near as never, EVENT_READ, 'ready');
      expect((await selector.selectAsync(timeout)).map(([{ data }]) => data)).toEqual(['ready']);
    });

    it('keeps the timeout of the last one, not of those before', async () => {
      const selector = open<string>();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 'near');
      for (const timeout of [5, 1_000_000]) {
        send(far);
        await selector.selectAsync(timeout);
        drain(near);
      }
      const waiting = selector.selectAsync();
      expect(await isPending(waiting)).toBe(true);
      const start = performance.now();
      selector.wakeup();
      expect(await waiting).toEqual([]);
      expect(await selector.selectAsync(5)).toEqual([]);
      expect(performance.now() - start).toBeGreaterThanOrEqual(5);
    });

    it('does not end with a reaction to it: what is set there is for the next', async () => {
      const selector = open<number>();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 1);
      for (let turn = 0; turn < 100; turn++) {
        send(far);
        expect(await next(selector)).toEqual([1]);
        drain(near);
      }
      expect(selector.select(0)).toEqual([]);
    });

    it('hears of what is registered, changed and unregistered meanwhile', async () => {
      const selector = open<string>();
      const [first, other] = socketPair();
      const [second] = readableSockets(1);
      const waiting = selector.selectAsync(LOST);
      await sleep(2);
      selector.register(first, EVENT_READ, 'first');
      expect(await isPending(waiting)).toBe(true);
      selector.modify(first, EVENT_READ | EVENT_WRITE, 'changed');
      expect((await waiting).map(([{ data }]) => data)).toEqual(['changed']);
      selector.modify(first, EVENT_READ);
      const again = selector.selectAsync(LOST);
      await sleep(2);
      selector.unregister(first);
      send(other);
      expect(await isPending(again)).toBe(true);
      selector.register(second as never, EVENT_READ, 'second');
      expect((await again).map(([{ data }]) => data)).toEqual(['second']);
    });

    it('counts as any other in the statistics, and does not spin', async () => {
      const selector = open();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ);
      const waiting = selector.selectAsync();
      await sleep(50);
      send(far);
      await waiting;
      const { waits, events, staleEvents } = selector.stats;
      expect([events, staleEvents]).toEqual([1, 0]);
      expect(waits).toBeLessThan(10);
    });
  });

  it.runIf(priority)('does not spin where something is ready that it does not report', async () => {
    const selector = open();
    const [near, far] = socketPair();
    selector.register(near, EVENT_PRIORITY);
    far.close();
    // Some do report that the other end is gone, at once.
    const start = performance.now();
    await selector.selectAsync(200);
    // One look for each millisecond, after some that might have been chance: not as many as the thread can do.
    expect(selector.stats.waits).toBeLessThan(performance.now() - start + 100);
  });

  describe('a wake', () => {
    it('ends the wait with nothing', async () => {
      const selector = open();
      selector.register(socketPair()[0], EVENT_READ);
      const waiting = selector.selectAsync();
      await sleep(2);
      selector.wakeup();
      expect(await waiting).toEqual([]);
      expect(await isPending(selector.selectAsync(MOMENT * 5))).toBe(true);
    });

    it('before it ends the next one, once', async () => {
      const selector = open();
      for (let i = 0; i < 1_000; i++) selector.wakeup();
      expect(await selector.selectAsync(LOST)).toEqual([]);
      const waiting = selector.selectAsync(LOST);
      expect(await isPending(waiting)).toBe(true);
      selector.wakeup();
      expect(await waiting).toEqual([]);
    });

    it('is not lost where all that was left of a batch is stale', async () => {
      const selector = open();
      const sockets = readableSockets(2);
      for (const socket of sockets) selector.register(socket, EVENT_READ, undefined, { mode: 'oneshot' });
      let first: unknown;
      const dispatch = () =>
        selector.dispatch(0, ({ fileobj }) => {
          first = fileobj;
          throw new Error('of a handler');
        });
      expect(dispatch).toThrow('of a handler');
      for (const socket of sockets) if (socket !== first) selector.unregister(socket);
      selector.wakeup();
      expect(await endOf(selector.selectAsync())).toEqual([]);
      // And it is spent.
      expect(await isPending(selector.selectAsync(MOMENT * 5))).toBe(true);
    });

    it('hides nothing that is ready', async () => {
      const selector = open<string>();
      selector.register(readableSockets(1)[0] as never, EVENT_READ, 'ready');
      selector.wakeup();
      expect(await next(selector)).toEqual(['ready']);
    });

    it('of many threads is never lost', async () => {
      const selector = open();
      const [threads, count] = [8, 10_000];
      const waker = selector.waker.handle;
      const wakers = new GatedWorkers('posting-worker.mjs', threads, { how: 'wakes', waker, count });
      await wakers.ready();
      const ended = wakers.ended();
      wakers.open();
      let late = 0;
      // What was counted before a wake that a wait took is seen after it: a lost one would leave this waiting.
      while (wakers.done < threads * count) {
        const start = performance.now();
        expect(await selector.selectAsync(LOST)).toEqual([]);
        if (performance.now() - start >= LOST) late++;
      }
      expect(late).toBe(0);
      expect(await ended).toEqual(Array.from({ length: threads }, () => 0));
    });
  });

  describe('a signal', () => {
    it('that is aborted ends the wait with its reason, and the selector goes on', async () => {
      const selector = open<string>();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 'near');
      for (let i = 0; i < 3; i++) {
        const controller = new AbortController();
        const reason = new Error('enough');
        setTimeout(() => controller.abort(reason), 2);
        await expect(selector.selectAsync(null, { signal: controller.signal })).rejects.toBe(reason);
      }
      send(far);
      expect(await next(selector)).toEqual(['near']);
    });

    it('that is aborted does not cut the next wait short that holds the thread', async () => {
      const selector = open();
      selector.register(socketPair()[0], EVENT_READ);
      const controller = new AbortController();
      const waiting = rejection(() => selector.selectAsync(10, { signal: controller.signal }));
      // At once: on a busy machine any sleep may outlast the deadline, and the wait would have ended by that.
      controller.abort('enough');
      expect(await waiting).toContain('enough');
      // The deadline of the wait that is over passes as well.
      await sleep(20);
      for (let i = 0; i < 2; i++) {
        const [ready, elapsed] = timed(() => selector.select(40));
        expect(ready).toEqual([]);
        expect(elapsed).toBeGreaterThanOrEqual(40);
      }
    });

    it('that was aborted before begins nothing', async () => {
      const selector = open<string>();
      selector.register(readableSockets(1)[0] as never, EVENT_READ, 'ready');
      const signal = AbortSignal.abort('too late');
      await expect(selector.selectAsync(0, { signal })).rejects.toBe('too late');
      expect(selector.stats.waits).toBe(0);
      expect(await next(selector)).toEqual(['ready']);
    });

    it('that is aborted later does not end the next wait', async () => {
      const selector = open();
      const controller = new AbortController();
      expect(await selector.selectAsync(1, { signal: controller.signal })).toEqual([]);
      const waiting = selector.selectAsync(LOST);
      controller.abort();
      expect(await isPending(waiting)).toBe(true);
      selector.wakeup();
      expect(await waiting).toEqual([]);
    });

    it('that is aborted in the moment of an event loses none', async () => {
      const selector = open<string>();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 'near', selectorMode(selector, 'edge', 'oneshot'));
      const controller = new AbortController();
      const waiting = rejection(() => selector.selectAsync(null, { signal: controller.signal }));
      send(far);
      controller.abort('enough');
      expect(await waiting).toContain('no Error but enough');
      expect(await next(selector)).toEqual(['near']);
    });
  });

  describe('one waiter at a time', () => {
    it('refuses a second one, and the first goes on', async () => {
      const selector = open<string>();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 'near');
      const waiting = next(selector);
      expect(await rejection(() => selector.selectAsync(1))).toBe('StateError ERR_RUNNING');
      expect(await rejection(() => selector.selectAsync(0))).toBe('StateError ERR_RUNNING');
      send(far);
      expect(await waiting).toEqual(['near']);
    });

    it('refuses one that would hold the thread, but not a look', async () => {
      const selector = open<string>();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 'near');
      const waiting = next(selector);
      const calls = [
        () => selector.select(),
        () => selector.select(1),
        () => selector.dispatch(undefined, nothing),
        () => selector.dispatch(0.1, nothing),
      ];
      expect(calls.map(refusal)).toEqual(calls.map(() => 'StateError ERR_HOSTED'));
      expect(selector.select(0)).toEqual([]);
      expect(selector.dispatch(-1, nothing)).toBe(0);
      expect(await isPending(waiting)).toBe(true);
      expect(calls.map(refusal)).toEqual(calls.map(() => 'StateError ERR_HOSTED'));
      send(far);
      expect(selector.select(0)).toHaveLength(1);
      expect(await waiting).toEqual(['near']);
      // Nobody waits now.
      expect(selector.select(1)).toHaveLength(1);
      expect(selector.select()).toHaveLength(1);
    });

    it('goes on after a look that took a wake or the event itself', async () => {
      const selector = open<string>();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 'near', { mode: 'oneshot' });
      const waiting = next(selector);
      await sleep(2);
      send(far);
      expect(selector.select(0)).toHaveLength(1);
      expect(await isPending(waiting)).toBe(true);
      selector.rearm(near);
      expect(await waiting).toEqual(['near']);
    });

    it('ends in its time after a look that came when the time was over', async () => {
      const selector = open();
      selector.register(socketPair()[0], EVENT_READ);
      const waiting = selector.selectAsync(10);
      const overdue = performance.now() + 30;
      while (performance.now() < overdue);
      expect(selector.select(0)).toEqual([]);
      expect(await endOf(waiting)).toEqual([]);
    });

    it('is refused beside a reactor, and a reactor beside it', async () => {
      const selector = open();
      const reactor = new Reactor({ selector });
      const running = reactor.run();
      expect(await rejection(() => selector.selectAsync(1))).toBe('StateError ERR_HOSTED');
      reactor.stop();
      await running;
      const waiting = selector.selectAsync();
      expect(await rejection(() => reactor.run())).toBe('StateError ERR_HOSTED');
      expect(refusal(() => reactor.runOnce())).toBe('StateError ERR_HOSTED');
      expect(reactor.state).toBe('idle');
      selector.wakeup();
      expect(await waiting).toEqual([]);
      reactor.callSoon(() => reactor.stop());
      await reactor.run();
    });

    it('may alternate with waits that hold the thread', async () => {
      const selector = open<string>();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 'near');
      for (let i = 0; i < 10; i++) {
        send(far);
        expect(await next(selector)).toEqual(['near']);
        expect(selector.select()).toHaveLength(1);
        drain(near);
        expect(selector.select(1)).toEqual([]);
        expect(await selector.selectAsync(1)).toEqual([]);
      }
    });
  });

  describe('nothing is lost', () => {
    it('of what comes between two waits', async () => {
      const selector = open<string>();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 'near', selectorMode(selector, 'edge', 'level'));
      for (let i = 0; i < 20; i++) {
        send(far);
        // As long as Node's loop may take to notice that nobody waits any more.
        if (i % 2 === 0) await sleep(1);
        expect(await next(selector)).toEqual(['near']);
        drain(near);
        await immediate();
      }
    });

    it('of a oneshot registration, which comes once each time it is armed', async () => {
      const selector = open<string>();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 'near', { mode: 'oneshot' });
      send(far);
      expect(await next(selector)).toEqual(['near']);
      expect(await selector.selectAsync(MOMENT)).toEqual([]);
      const waiting = next(selector);
      await sleep(2);
      selector.rearm(near);
      expect(await waiting).toEqual(['near']);
    });

    it('of an edge, which comes once', async () => {
      const selector = open<string>();
      if (!selector.capabilities.modes.includes('edge')) return;
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 'near', { mode: 'edge' });
      send(far);
      expect(await next(selector)).toEqual(['near']);
      expect(await selector.selectAsync(MOMENT)).toEqual([]);
      const waiting = next(selector);
      await sleep(2);
      send(far);
      expect(await waiting).toEqual(['near']);
      selector.rearm(near);
      expect(await next(selector)).toEqual(['near']);
    });

    it('of a batch whose handler threw: the rest comes first', async () => {
      const selector = open<number>();
      for (const [index, socket] of readableSockets(3).entries()) {
        selector.register(socket, EVENT_READ, index, selectorMode(selector, 'edge', 'oneshot'));
      }
      const seen: number[] = [];
      const dispatch = () =>
        selector.dispatch(0, ({ data }) => {
          seen.push(data);
          throw new Error('of a handler');
        });
      expect(dispatch).toThrow('of a handler');
      expect(seen).toHaveLength(1);
      seen.push(...(await next(selector)));
      expect(seen.sort()).toEqual([0, 1, 2]);
    });

    it('of a registration whose descriptor was closed and its number taken', async () => {
      const selector = open<string>();
      const [near] = socketPair();
      const fd = near.detach();
      selector.register(fd, EVENT_READ, 'old');
      closeSync(fd);
      const [stranger, other] = socketPair();
      const reused = [stranger, other].find((socket) => socket.fileno() === fd);
      if (reused === undefined) throw new Error(`number ${fd} was not used again`);
      // Poll and select cannot tell the two apart.
      if (refusal(() => selector.register(reused, EVENT_READ, 'new')) !== 'nothing') return;
      const ready = await selector.selectAsync(LOST);
      expect(ready.map(([{ data }, events]) => [data, events])).toEqual([
        ['old', EVENT_INVALID | EVENT_READ],
      ]);
      send(reused === stranger ? other : stranger);
      expect(await next(selector)).toEqual(['new']);
    });

    it('of a registration whose number is taken under the wait', async () => {
      const selector = open<string>();
      const file = new ForeignFile(socketPair()[0].detach());
      const { fd } = file;
      selector.register(file, EVENT_READ, 'old');
      const waiting = selector.selectAsync();
      await sleep(2);
      closeSync(fd);
      file.fd = -1;
      const [near, far] = successor(fd);
      selector.register(near, EVENT_READ, 'new');
      const ready = await endOf(waiting);
      expect(ready.map(([{ data }, events]) => [data, events])).toEqual([
        ['old', EVENT_INVALID | EVENT_READ],
      ]);
      send(far);
      expect(await next(selector)).toEqual(['new']);
    });

    it('of a descriptor that is closed under the wait: it is reported, or silent', async () => {
      const selector = open<string>();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 'near');
      const [closed] = socketPair();
      const fd = closed.detach();
      selector.register(fd, EVENT_READ, 'closed');
      const waiting = selector.selectAsync(LOST);
      await sleep(2);
      closeSync(fd);
      // A thread that polls is not told of it before it polls again.
      send(far);
      const ready = await waiting;
      const seen = new Map(ready.map(([{ data }, events]) => [data, events]));
      expect(seen.get('near')).toBe(EVENT_READ);
      if (selector.capabilities.pollable) selector.unregister(fd);
      else if (!seen.has('closed')) {
        const [[key, events] = []] = (await nextReady(selector)).filter(([{ data }]) => data === 'closed');
        expect([key?.data, events]).toEqual(['closed', EVENT_INVALID | EVENT_READ]);
      } else expect(seen.get('closed')).toBe(EVENT_INVALID | EVENT_READ);
      expect(selector.getMap().size).toBe(1);
    });
  });

  describe('a close', () => {
    it('ends the wait, and the selector with all it had', async () => {
      const before = descriptorCount();
      const selector = open();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ);
      const waiting = rejection(() => selector.selectAsync());
      await sleep(2);
      selector.close();
      expect(await waiting).toBe('StateError ERR_CLOSED');
      expect(await rejection(() => selector.selectAsync())).toBe('StateError ERR_CLOSED');
      for (const socket of [near, far]) socket.close();
      await expectNoLeak(before);
    });

    it('in the same moment as an event ends it with either, and once', async () => {
      const selector = open<string>();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 'near');
      const waiting = rejection(() => selector.selectAsync());
      send(far);
      selector.close();
      expect(await waiting).toBe('StateError ERR_CLOSED');
      await sleep(2);
    });

    it('of many selectors, each after a wait, leaves nothing behind', async () => {
      const before = descriptorCount();
      for (let i = 0; i < 20; i++) {
        const selector = open();
        await selector.selectAsync(0);
        const waiting = rejection(() => selector.selectAsync());
        if (i % 2 === 0) await immediate();
        selector.close();
        expect(await waiting).toBe('StateError ERR_CLOSED');
      }
      await expectNoLeak(before);
    });
  });

  it('refuses bad arguments, and waits for nothing', async () => {
    const selector = open();
    const wait = selector.selectAsync.bind(selector) as (...args: unknown[]) => Promise<unknown>;
    for (const timeout of ['1', {}, true, 1n]) {
      expect(await rejection(() => wait(timeout))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    }
    expect(await rejection(() => wait(Number.NaN))).toBe('RangeError ERR_OUT_OF_RANGE');
    for (const options of [null, 1, 'signal', { signal: {} }, { signal: 1 }]) {
      expect(await rejection(() => wait(1, options))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    }
    expect(selector.stats.waits).toBe(0);
  });

  describe('a process', () => {
    const outcome = (scene: string): Promise<Outcome> =>
      outcomeOf(startFixture(FIXTURE, [JSON.stringify({ ...setting, scene })]), 20_000);

    it.each([
      ['an event', 'event', '1\n'],
      ['a timeout', 'timeout', '0\n'],
      ['a wake', 'wakeup', '0\n'],
      ['an abort', 'aborted', 'AbortError\n'],
      ['a close', 'closed', 'ERR_CLOSED\n'],
    ])('lives until the wait is ended by %s', async (_, scene, stdout) => {
      expect(await outcome(scene)).toEqual({ code: 0, signal: null, stdout, stderr: '' });
    });

    it('ends when nobody waits any more, whatever is ready', async () => {
      expect(await outcome('after')).toEqual({ code: 0, signal: null, stdout: 'waited\nexit\n', stderr: '' });
    });

    // No more descriptors than a process may have open are taken by poll(): one that has more has lowered the limit.
    it.runIf(backend === 'poll' && process.platform === 'linux')(
      'is told of an error of the thread that waits',
      async () => {
        expect(await outcome('more descriptors than the limit')).toEqual({
          code: 0,
          signal: null,
          stdout: 'EINVAL\nEINVAL\n',
          stderr: '',
        });
      },
    );

    it('ends while it waits as it was told', async () => {
      for (const scene of ['process.exit() while it waits', 'process.exit() in the reaction']) {
        expect(await outcome(scene)).toEqual({ code: 7, signal: null, stdout: '', stderr: '' });
      }
      const failed = await outcome('an exception while it waits');
      expect(failed).toMatchObject({ code: 1, signal: null });
      expect(failed.stderr).toContain('Error: thrown while it waits');
    });
  });

  describe('a worker', () => {
    it.each([
      ['event', [1]],
      ['timeout', [0]],
      ['wakeup', [0]],
      ['aborted', ['AbortError']],
      ['closed', ['ERR_CLOSED']],
    ])('waits as the main thread does: %s', async (scene, expected) => {
      const before = descriptorCount();
      const worker = startWorker(FIXTURE, { ...setting, scene });
      const messages: unknown[] = [];
      worker.on('message', (message) => messages.push(message));
      expect(await exitOf(worker)).toBe(0);
      expect(messages).toEqual(expected);
      await expectNoLeak(before);
    });

    it.each(['at rest', 'in a storm'])('is terminated %s', async (scene) => {
      const before = descriptorCount();
      const worker = startWorker(FIXTURE, { ...setting, scene });
      await blocked(worker);
      expect(await terminate(worker)).toBeLessThan(TERMINATE_LIMIT);
      await expectNoLeak(before);
    });

    it('ends with its process.exit() while it waits', async () => {
      const before = descriptorCount();
      const worker = startWorker(FIXTURE, { ...setting, scene: 'process.exit() while it waits' });
      expect(await exitOf(worker)).toBe(7);
      await expectNoLeak(before);
    });
  });

  /** The first of some modes that the backend has. */
  function selectorMode(
    selector: Selector<never> | Selector<string> | Selector<number>,
    ...modes: ('edge' | 'oneshot' | 'level')[]
  ) {
    const mode = modes.find((candidate) => selector.capabilities.modes.includes(candidate));
    if (mode === undefined) throw new Error(`${backend} has none of ${modes}`);
    return { mode };
  }
});
