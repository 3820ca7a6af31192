/** Many at once: more ready than the first results array holds, and numbers beyond FD_SETSIZE. */
import { createSelector, EVENT_READ, EVENT_WRITE, Socket, selectorBackends, type TriggerMode } from 'iomux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isEmulated } from '../support/emulation.js';
import { drain, send } from '../support/pairs.js';

/** Pairs, so twice as many descriptors; the highest are far beyond FD_SETSIZE, 1,024. */
const PAIRS = 1500;
const FD_SETSIZE = 1024;

// Opened once: making them costs more than all the rest.
const pairs: [near: Socket, far: Socket][] = [];

beforeAll(() => {
  for (let index = 0; index < PAIRS; index++) pairs.push(Socket.pair());
});

afterAll(() => {
  for (const pair of pairs) for (const socket of pair) socket.close();
});

for (const backend of selectorBackends()) {
  const { modes } = createSelector(backend).capabilities;
  const most = isEmulated(backend) ? 500 : PAIRS;

  describe(`${backend} selector, many descriptors`, () => {
    it.each(modes)('reports 500 that are ready in mode %s, all in one wait', (mode: TriggerMode) => {
      using selector = createSelector<number>(backend);
      const some = pairs.slice(0, 500);
      for (const [index, [near]] of some.entries()) {
        selector.register(near, EVENT_WRITE, index, { mode });
      }
      const seen = new Set(selector.select(0).map(([key]) => key.data));
      expect(seen.size).toBe(500);
      expect(selector.select(0)).toHaveLength(mode === 'level' ? 500 : 0);
      selector.verify();
    });

    it('reports exactly the ready half of thousands, once each', () => {
      using selector = createSelector<number>(backend);
      // A near end has nothing to read, a far end has room to write.
      for (const [index, [near, far]] of pairs.slice(-most).entries()) {
        selector.register(near, EVENT_READ, index);
        selector.register(far, EVENT_WRITE, index);
      }
      expect(selector.getMap().size).toBe(2 * most);
      expect(Math.max(...selector.getMap().keys())).toBeGreaterThan(2 * FD_SETSIZE);
      const ready = selector.select(0);
      expect(ready).toHaveLength(most);
      expect(new Set(ready.map(([key]) => key.data)).size).toBe(most);
      expect(ready.every(([, events]) => events === EVENT_WRITE)).toBe(true);
      selector.verify();
    });

    it('reports one descriptor beyond FD_SETSIZE, alone and not as another', () => {
      using selector = createSelector<string>(backend);
      const [near, far] = pairs.at(-1) as [Socket, Socket];
      expect(near.fileno()).toBeGreaterThan(FD_SETSIZE);
      for (const [other] of pairs.slice(0, 10)) selector.register(other, EVENT_READ, 'low');
      const key = selector.register(near, EVENT_READ, 'high');
      expect(selector.select(0)).toEqual([]);
      send(far);
      expect(selector.select(0)).toEqual([[key, EVENT_READ]]);
      drain(near);
      expect(selector.select(0)).toEqual([]);
      expect(selector.unregister(near)).toBe(key);
      selector.verify();
    });

    it('takes each number on both sides of a word of bits', () => {
      using selector = createSelector(backend);
      const borders = pairs.flat().filter((socket) => [0, 1, 31, 32, 62, 63].includes(socket.fileno() % 64));
      for (const socket of borders) selector.register(socket, EVENT_WRITE);
      const seen = selector.select(0).map(([key]) => key.fd);
      expect(seen.sort()).toEqual(borders.map((socket) => socket.fileno()).sort());
    });

    it('grows while it is in use', () => {
      using selector = createSelector<number>(backend);
      for (const size of [1, 64, 65, 128, 129, Math.min(most, 1000)]) {
        for (let index = selector.getMap().size; index < size; index++) {
          selector.register(pairs[index]?.[0] as Socket, EVENT_WRITE, index);
        }
        expect(new Set(selector.select(0).map(([key]) => key.data)).size).toBe(size);
      }
    });

    it('shrinks to nothing again', () => {
      using selector = createSelector(backend);
      const some = pairs.slice(0, most);
      for (const [near] of some) selector.register(near, EVENT_WRITE);
      for (const [index, [near]] of some.entries()) if (index % 2 === 0) selector.unregister(near);
      selector.verify();
      expect(selector.select(0)).toHaveLength(most / 2);
      for (const fd of [...selector.getMap().keys()].reverse()) selector.unregister(fd);
      selector.verify();
      expect(selector.select(1)).toEqual([]);
    });

    it('lets handlers register more than the batch had', () => {
      using selector = createSelector<number>(backend);
      selector.register(pairs[0]?.[0] as Socket, EVENT_WRITE, 0);
      const count = selector.dispatch(0, () => {
        for (const [index, [near]] of pairs.slice(1, 301).entries()) {
          selector.register(near, EVENT_WRITE, index + 1);
        }
      });
      expect(count).toBe(1);
      expect(selector.select(0)).toHaveLength(301);
    });

    it('loses nothing of a large batch whose handlers throw again and again', () => {
      using selector = createSelector<number>(backend);
      for (const [index, [near]] of pairs.slice(0, 200).entries()) {
        selector.register(near, EVENT_WRITE, index, { mode: 'oneshot' });
      }
      const seen: number[] = [];
      for (let round = 0; round < 40; round++) {
        try {
          selector.dispatch(0, ({ data }) => {
            seen.push(data);
            if (seen.length % 7 === 0) throw new Error('of the handler');
          });
        } catch {
          // The next call delivers the rest.
        }
      }
      expect(seen.sort((one, other) => one - other)).toEqual([...Array(200).keys()]);
    });
  });
}
