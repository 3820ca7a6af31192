/** How long a wait lasts, and what ends it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSelector, EVENT_READ, EVENT_WRITE, Socket, selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { timed } from '../support/expecting.js';
import { readableSockets, send, socketPair } from '../support/pairs.js';
import { writeLater } from '../support/processes.js';

/** What a wait that must not wait may take on a loaded machine: it only must not hang. */
const AT_ONCE = 5_000;

for (const backend of selectorBackends()) {
  describe(`${backend} selector, waiting`, () => {
    it('does not return before its timeout', () => {
      using selector = createSelector(backend);
      for (const timeout of [0.1, 1, 3.1]) {
        const start = performance.now();
        expect(selector.select(timeout)).toEqual([]);
        expect(performance.now() - start).toBeGreaterThanOrEqual(timeout);
      }
    });

    it('returns what is ready, with the data of its registration', () => {
      using selector = createSelector<string>(backend);
      const [here, there] = Socket.pair();
      const key = selector.register(here, EVENT_READ, 'data');
      there.send(Buffer.from('x'));
      expect(selector.select()).toEqual([[key, EVENT_READ]]);
      here.close();
      there.close();
    });

    it.each([
      [0.1, 400],
      [0.999, 100],
      [3.1, 200],
    ])('is never early: %d ms, %d times', (timeout, rounds) => {
      using selector = createSelector(backend);
      selector.register(socketPair()[0], EVENT_READ);
      let earliest = Number.POSITIVE_INFINITY;
      for (let round = 0; round < rounds; round++) {
        const [ready, elapsed] = timed(() => selector.select(timeout));
        expect(ready).toEqual([]);
        earliest = Math.min(earliest, elapsed);
      }
      expect(earliest).toBeGreaterThanOrEqual(timeout);
      expect(selector.stats.emptyWaits).toBe(rounds);
    });

    it('waits although nothing was ever registered, or everything is gone again', () => {
      using selector = createSelector(backend);
      expect(timed(() => selector.select(20))[1]).toBeGreaterThanOrEqual(20);
      const [near] = socketPair();
      selector.register(near, EVENT_WRITE);
      selector.unregister(near);
      const [ready, elapsed] = timed(() => selector.select(20));
      expect(ready).toEqual([]);
      expect(elapsed).toBeGreaterThanOrEqual(20);
    });

    it('waits although all that is registered has fired', () => {
      using selector = createSelector(backend);
      for (const socket of readableSockets(3)) selector.register(socket, EVENT_READ, 0, { mode: 'oneshot' });
      expect(selector.select(20)).toHaveLength(3);
      const [ready, elapsed] = timed(() => selector.select(20));
      expect(ready).toEqual([]);
      expect(elapsed).toBeGreaterThanOrEqual(20);
    });

    it.each([0, -0, -1, -0.5, Number.NEGATIVE_INFINITY])(
      'does not wait for a timeout of %d, but reports what is ready',
      (timeout) => {
        using selector = createSelector(backend);
        const [near, far] = socketPair();
        const key = selector.register(near, EVENT_READ);
        const [ready, elapsed] = timed(() => selector.select(timeout));
        expect(ready).toEqual([]);
        expect(elapsed).toBeLessThan(AT_ONCE);
        send(far);
        expect(selector.select(timeout)).toEqual([[key, EVENT_READ]]);
      },
    );

    it.each([
      ['nothing', undefined],
      ['null', null],
      ['Infinity', Number.POSITIVE_INFINITY],
      ['more milliseconds than an int holds', 2 ** 31 + 1],
      ['more milliseconds than a clock holds', 1e300],
    ])('waits for an event however long it takes, where the timeout is %s', async (_, timeout) => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      const key = selector.register(near, EVENT_READ);
      const start = performance.now();
      await writeLater(far, 50);
      expect(selector.select(timeout)).toEqual([[key, EVENT_READ]]);
      expect(performance.now() - start).toBeGreaterThanOrEqual(50);
    });

    it('does not wait at all where something is ready', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ);
      send(far);
      const [ready, elapsed] = timed(() => selector.select(60_000));
      expect(ready).toHaveLength(1);
      expect(elapsed).toBeLessThan(AT_ONCE);
    });

    it('waits for the first, and then returns without the others', async () => {
      using selector = createSelector<string>(backend);
      const [near, far] = socketPair();
      const [idle] = socketPair();
      selector.register(idle, EVENT_READ, 'idle');
      selector.register(near, EVENT_READ, 'near');
      await writeLater(far, 50);
      expect(selector.select(60_000).map(([key]) => key.data)).toEqual(['near']);
    });

    it('is not cut short by signals', async () => {
      using selector = createSelector(backend);
      let handled = 0;
      const handler = () => {
        handled++;
      };
      process.on('SIGUSR2', handler);
      try {
        const signals = 'for i in 1 2 3 4 5; do sleep 0.02; kill -USR2 $PPID; done';
        const child = spawn('sh', ['-c', signals], { stdio: 'ignore' });
        const exit = once(child, 'exit');
        const [ready, elapsed] = timed(() => selector.select(200));
        expect(ready).toEqual([]);
        expect(elapsed).toBeGreaterThanOrEqual(200);
        await exit;
        while (handled === 0) await sleep(1);
        expect(selector.stats).toMatchObject({ waits: 1, emptyWaits: 1 });
      } finally {
        process.off('SIGUSR2', handler);
      }
    });
  });

  describe(`${backend} selector, waking`, () => {
    it('ends the next wait where none is in progress', () => {
      using selector = createSelector(backend);
      selector.register(socketPair()[0], EVENT_READ);
      selector.wakeup();
      const [ready, elapsed] = timed(() => selector.select(60_000));
      expect(ready).toEqual([]);
      expect(elapsed).toBeLessThan(AT_ONCE);
    });

    it('ends a wait without a limit', () => {
      using selector = createSelector(backend);
      selector.waker.wake();
      expect(selector.select()).toEqual([]);
      selector.waker.wake();
      expect(selector.select(null)).toEqual([]);
    });

    it('ends one wait, however often it was called before', () => {
      using selector = createSelector(backend);
      for (let call = 0; call < 10; call++) selector.wakeup();
      expect(selector.waker.wake()).toBe(true);
      expect(selector.select(60_000)).toEqual([]);
      const [ready, elapsed] = timed(() => selector.select(20));
      expect(ready).toEqual([]);
      expect(elapsed).toBeGreaterThanOrEqual(20);
    });

    it('ends one wait each time', () => {
      using selector = createSelector(backend);
      for (let round = 0; round < 5; round++) {
        selector.wakeup();
        expect(selector.select(60_000)).toEqual([]);
      }
      expect(timed(() => selector.select(10))[1]).toBeGreaterThanOrEqual(10);
    });

    it('keeps no event back, and is no event itself', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      const key = selector.register(near, EVENT_READ);
      send(far);
      selector.wakeup();
      expect(selector.select(60_000)).toEqual([[key, EVENT_READ]]);
      expect(selector.getMap().size).toBe(1);
      near.recv(Buffer.alloc(8));
      // That wait took the wake with it.
      expect(timed(() => selector.select(10))[1]).toBeGreaterThanOrEqual(10);
    });

    it('is taken by a wait that does not wait', () => {
      using selector = createSelector(backend);
      selector.wakeup();
      expect(selector.select(0)).toEqual([]);
      expect(timed(() => selector.select(10))[1]).toBeGreaterThanOrEqual(10);
    });

    it('ends the wait after a batch whose handler called it', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 0, { mode: 'oneshot' });
      send(far);
      expect(selector.dispatch(60_000, () => selector.wakeup())).toBe(1);
      const [ready, elapsed] = timed(() => selector.select(60_000));
      expect(ready).toEqual([]);
      expect(elapsed).toBeLessThan(AT_ONCE);
    });

    it('wakes no other selector', () => {
      using one = createSelector(backend);
      using other = createSelector(backend);
      one.wakeup();
      expect(timed(() => other.select(10))[1]).toBeGreaterThanOrEqual(10);
      expect(one.select(60_000)).toEqual([]);
    });
  });
}
