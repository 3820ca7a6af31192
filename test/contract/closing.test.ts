/** The end: of a selector, and of the sockets in it. */
import { closeSync } from 'node:fs';
import {
  createSelector,
  EVENT_READ,
  EVENT_WRITE,
  type Selector,
  Socket,
  selectorBackends,
  Waker,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { openDescriptors } from '../support/descriptors.js';
import { expectGivenBack } from '../support/emulation.js';
import { readableSockets, send, socketPair } from '../support/pairs.js';
import { refusal } from '../support/refusals.js';

for (const backend of selectorBackends()) {
  describe(`${backend} selector, closing`, () => {
    it('is closed once, and again to no effect', () => {
      const selector = createSelector(backend);
      expect(selector.closed).toBe(false);
      selector.close();
      expect(selector.closed).toBe(true);
      expect(selector.close()).toBeUndefined();
      expect(selector.closed).toBe(true);
    });

    it('leaves the registered descriptors open', () => {
      const selector = createSelector(backend);
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ);
      selector.close();
      send(far);
      expect(near.recv(Buffer.alloc(8))).toBe(1);
    });

    it('gives its own descriptors back', () => {
      const before = openDescriptors();
      for (let round = 0; round < 20; round++) {
        using selector = createSelector(backend);
        selector.select(0);
      }
      expectGivenBack(before);
    });

    it('is closed by using, also when the block throws', () => {
      let selector: Selector | undefined;
      expect(() => {
        using scoped = createSelector(backend);
        selector = scoped;
        throw new Error('of the block');
      }).toThrow('of the block');
      expect(selector?.closed).toBe(true);
    });

    it('refuses every method afterwards, with one error', () => {
      const selector = createSelector(backend);
      const [near] = socketPair();
      selector.register(near, EVENT_READ);
      selector.close();
      const calls: Record<string, () => unknown> = {
        register: () => selector.register(near, EVENT_READ),
        modify: () => selector.modify(near, EVENT_WRITE),
        rearm: () => selector.rearm(near),
        unregister: () => selector.unregister(near),
        getKey: () => selector.getKey(near),
        getMap: () => selector.getMap(),
        'select without waiting': () => selector.select(0),
        'select without limit': () => selector.select(),
        dispatch: () => selector.dispatch(0, () => {}),
        wakeup: () => selector.wakeup(),
        fileno: () => selector.fileno(),
        verify: () => selector.verify(),
        'register with bad arguments': () => selector.register('x' as never, 0),
      };
      const refusals = Object.entries(calls).map(([name, call]) => [name, refusal(call)]);
      expect(refusals).toEqual(Object.keys(calls).map((name) => [name, 'StateError ERR_CLOSED']));
    });

    it('still says what it was', () => {
      const selector = createSelector(backend);
      selector.select(0);
      selector.close();
      expect(selector.backend).toBe(backend);
      expect(selector.stats.waits).toBe(1);
      expect(selector.capabilities.modes).toContain('level');
    });

    it('empties the map that was asked for before', () => {
      const selector = createSelector(backend);
      const [near] = socketPair();
      selector.register(near, EVENT_READ);
      const map = selector.getMap();
      selector.close();
      expect(map.size).toBe(0);
      expect([...map]).toEqual([]);
      expect(map.get(near.fileno())).toBeUndefined();
    });

    it('tells wakers, and lets them be', () => {
      const selector = createSelector(backend);
      const { waker } = selector;
      expect(waker.wake()).toBe(true);
      selector.close();
      expect(waker.wake()).toBe(false);
      expect(Waker.from(waker.handle).wake()).toBe(false);
    });

    it('stops a batch when a handler closes it', () => {
      const selector = createSelector(backend);
      for (const socket of readableSockets(5)) selector.register(socket, EVENT_READ);
      let calls = 0;
      const count = selector.dispatch(0, () => {
        calls++;
        selector.close();
      });
      expect([count, calls]).toEqual([1, 1]);
      expect(selector.closed).toBe(true);
      // The rest is not looked at: whom it was about, the set that is gone could not be asked any more.
      expect(selector.stats).toMatchObject({ events: 1, staleEvents: 0 });
      expect(refusal(() => selector.select(0))).toBe('StateError ERR_CLOSED');
    });

    it('lets the exception of a handler that closed it through', () => {
      const selector = createSelector(backend);
      for (const socket of readableSockets(5)) selector.register(socket, EVENT_READ);
      expect(() =>
        selector.dispatch(0, () => {
          selector.close();
          throw new Error('of the handler');
        }),
      ).toThrow('of the handler');
      expect(refusal(() => selector.dispatch(0, () => {}))).toBe('StateError ERR_CLOSED');
    });

    it('registers nothing with a selector that the fileno() of the file closed', () => {
      const selector = createSelector(backend);
      const map = selector.getMap();
      const [near] = socketPair();
      const closing = {
        fileno() {
          selector.close();
          return near.fileno();
        },
      };
      expect(refusal(() => selector.register(closing, EVENT_READ))).toBe('StateError ERR_CLOSED');
      expect(map.size).toBe(0);
    });

    it('can be closed with a batch half delivered', () => {
      const selector = createSelector(backend);
      for (const socket of readableSockets(5)) selector.register(socket, EVENT_READ, 0, { mode: 'oneshot' });
      expect(() =>
        selector.dispatch(0, () => {
          throw new Error('of the handler');
        }),
      ).toThrow('of the handler');
      selector.close();
      expect(selector.closed).toBe(true);
    });
  });

  describe(`${backend} selector, sockets that close`, () => {
    it('lets a socket leave when it closes', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      const fd = near.fileno();
      selector.register(near, EVENT_READ);
      send(far);
      near.close();
      expect(selector.getMap().size).toBe(0);
      expect(refusal(() => selector.getKey(near))).toBe('StateError ERR_NOT_REGISTERED');
      expect(refusal(() => selector.getKey(fd))).toBe('StateError ERR_NOT_REGISTERED');
      selector.verify();
      expect(selector.select(0)).toEqual([]);
    });

    it('lets a socket leave that was registered by its number, or by another object', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      const fd = far.fileno();
      selector.register(near.fileno(), EVENT_READ);
      selector.register({ fileno: () => fd }, EVENT_READ);
      near.close();
      far.close();
      expect(selector.getMap().size).toBe(0);
      selector.verify();
    });

    it('lets a socket leave every selector, whatever their backend', () => {
      const [near] = socketPair();
      const selectors = [backend, backend, ...selectorBackends()].map((name) => createSelector(name));
      for (const [index, selector] of selectors.entries()) {
        selector.register(index % 2 === 0 ? near : near.fileno(), EVENT_READ | EVENT_WRITE);
      }
      near.close();
      for (const selector of selectors) {
        expect(selector.getMap().size).toBe(0);
        expect(selector.select(0)).toEqual([]);
        selector.close();
      }
    });

    it('leaves others in when one socket leaves', () => {
      using selector = createSelector<string>(backend);
      const [near, far] = socketPair();
      const [other, peer] = socketPair();
      selector.register(near, EVENT_READ, 'near');
      selector.register(other, EVENT_READ, 'other');
      send(far);
      send(peer);
      near.close();
      expect(selector.select(0).map(([key]) => key.data)).toEqual(['other']);
    });

    it('lets a socket leave that gives its descriptor away', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ);
      const fd = near.detach();
      expect(near.closed).toBe(true);
      expect(selector.getMap().size).toBe(0);
      send(far);
      expect(selector.select(0)).toEqual([]);
      // The descriptor itself is open, and can be watched by its new owner.
      expect(selector.register(fd, EVENT_READ).fd).toBe(fd);
      expect(selector.select(0)).toHaveLength(1);
      selector.unregister(fd);
      closeSync(fd);
    });

    it('is not left by a socket that is closed already, when its number belongs to another', () => {
      using selector = createSelector(backend);
      const old = new Socket();
      const fd = old.fileno();
      old.close();
      const [near] = socketPair();
      const key = selector.register(near, EVENT_READ);
      expect(near.fileno()).toBe(fd);
      old.close();
      expect(selector.getKey(near)).toBe(key);
    });

    it('has nothing to leave once the selector is closed', () => {
      const selector = createSelector(backend);
      const [near] = socketPair();
      selector.register(near, EVENT_READ);
      selector.close();
      expect(near.close()).toBeUndefined();
      expect(near.closed).toBe(true);
    });

    it('is left by sockets that close while they are oneshot and mute', () => {
      using selector = createSelector(backend);
      const sockets = readableSockets(3);
      for (const socket of sockets) selector.register(socket, EVENT_READ, 0, { mode: 'oneshot' });
      expect(selector.select(0)).toHaveLength(3);
      for (const socket of sockets) socket.close();
      expect(selector.getMap().size).toBe(0);
      selector.verify();
    });
  });
}
