/** Keys: what registering makes of a file, what a refusal leaves behind, and how a key goes again. */
import { closeSync } from 'node:fs';
import { createSelector, EVENT_INVALID, EVENT_READ, EVENT_WRITE, Socket, selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { duplicate } from '../support/descriptors.js';
import { ForeignFile, reuse } from '../support/numbers.js';
import { drain, send, socketPair } from '../support/pairs.js';
import { refusal } from '../support/refusals.js';

for (const backend of selectorBackends()) {
  describe(`${backend} selector, registration`, () => {
    it('makes a key of the object, its descriptor, the interest, the mode and the data', () => {
      using selector = createSelector<{ name: string }>(backend);
      const [near] = socketPair();
      const data = { name: 'near' };
      const key = selector.register(near, EVENT_READ, data);
      expect(key).toEqual({ fileobj: near, fd: near.fileno(), events: EVENT_READ, mode: 'level', data });
      expect(key.fileobj).toBe(near);
      expect(key.data).toBe(data);
      expect(selector.getKey(near)).toBe(key);
    });

    it('makes a key of a bare number, whose file is that number', () => {
      using selector = createSelector(backend);
      const [near] = socketPair();
      const key = selector.register(near.fileno(), EVENT_WRITE);
      expect(key.fileobj).toBe(near.fileno());
      expect(key.data).toBeUndefined();
      expect(selector.getKey(near)).toBe(key);
    });

    it('takes objects that carry their descriptor as fileno() or as fd', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      const byMethod = { fileno: () => near.fileno() };
      const byProperty = { fd: far.fileno() };
      expect(selector.register(byMethod, EVENT_READ).fileobj).toBe(byMethod);
      expect(selector.register(byProperty, EVENT_READ).fileobj).toBe(byProperty);
      expect(selector.getKey(byMethod).fd).toBe(near.fileno());
      expect(selector.getKey(byProperty).fd).toBe(far.fileno());
    });

    it('makes keys that nobody can change', () => {
      using selector = createSelector(backend);
      const [near] = socketPair();
      const made = [
        selector.register(near, EVENT_READ, 'data'),
        selector.modify(near, EVENT_WRITE, 'data'),
        selector.modify(near, EVENT_WRITE, 'more'),
      ];
      for (const key of made as { events: number; data: unknown }[]) {
        expect(() => {
          key.events = EVENT_READ | EVENT_WRITE;
        }).toThrow(TypeError);
        expect(() => {
          key.data = 'other';
        }).toThrow(TypeError);
      }
      expect(made.map(({ events, data }) => [events, data])).toEqual([
        [EVENT_READ, 'data'],
        [EVENT_WRITE, 'data'],
        [EVENT_WRITE, 'more'],
      ]);
    });

    it('makes keys that show what was registered, and can do nothing', () => {
      using selector = createSelector(backend);
      const [near] = socketPair();
      const key = selector.register(near, EVENT_READ, 'data');
      expect(Object.keys(key)).toEqual(['fileobj', 'fd', 'events', 'mode', 'data']);
      expect({ ...key }).toStrictEqual({
        fileobj: near,
        fd: near.fileno(),
        events: 1,
        mode: 'level',
        data: 'data',
      });
      const { constructor: _, ...inherited } = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(key));
      for (const [name, { value, set }] of Object.entries(inherited)) {
        expect([name, typeof value, typeof set]).toEqual([name, 'undefined', 'undefined']);
      }
    });

    it('keeps the number in the key when the object is closed', () => {
      using selector = createSelector(backend);
      const [near] = Socket.pair();
      const fd = near.fileno();
      const key = selector.register(near, EVENT_READ);
      near.close();
      expect(key.fd).toBe(fd);
      expect(near.fileno()).toBe(-1);
    });

    it('refuses a descriptor that has a key, under whatever name it comes', () => {
      using selector = createSelector<string>(backend);
      const [near, far] = socketPair();
      const key = selector.register(near, EVENT_READ, 'first');
      for (const again of [near, near.fileno(), { fd: near.fileno() }, new ForeignFile(near.fileno())]) {
        expect(refusal(() => selector.register(again, EVENT_WRITE, 'second'))).toBe(
          'StateError ERR_ALREADY_REGISTERED',
        );
      }
      expect(selector.getKey(near)).toBe(key);
      expect(selector.select(0)).toEqual([]);
      send(far);
      expect(selector.select(0)).toEqual([[key, EVENT_READ]]);
    });

    it('registers one file under two numbers, as two keys', () => {
      using selector = createSelector<string>(backend);
      const [near, far] = socketPair();
      const copy = duplicate(near);
      selector.register(near, EVENT_READ, 'original');
      selector.register(copy, EVENT_READ, 'copy');
      send(far);
      expect(
        selector
          .select(0)
          .map(([key]) => key.data)
          .sort(),
      ).toEqual(['copy', 'original']);
      selector.unregister(copy);
      closeSync(copy);
      expect(selector.select(0).map(([key]) => key.data)).toEqual(['original']);
    });

    it('registers one descriptor in several selectors', () => {
      using one = createSelector(backend);
      using other = createSelector(backend);
      const [near, far] = socketPair();
      one.register(near, EVENT_READ);
      other.register(near, EVENT_READ | EVENT_WRITE);
      send(far);
      expect(one.select(0).map(([, events]) => events)).toEqual([EVENT_READ]);
      expect(other.select(0).map(([, events]) => events)).toEqual([EVENT_READ | EVENT_WRITE]);
    });

    it('registers again what was unregistered, as a new key', () => {
      using selector = createSelector<number>(backend);
      const [near, far] = socketPair();
      const old = selector.register(near, EVENT_READ, 1);
      expect(selector.unregister(near)).toBe(old);
      const fresh = selector.register(near, EVENT_READ, 2);
      expect(fresh).not.toBe(old);
      send(far);
      expect(selector.select(0)).toEqual([[fresh, EVENT_READ]]);
    });

    it('leaves registry and kernel as they were when a register is refused', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      const [other] = socketPair();
      const key = selector.register(near, EVENT_READ);
      const closed = duplicate(near);
      closeSync(closed);
      expect(refusal(() => selector.register(closed, EVENT_READ))).toBe('SystemError EBADF');
      expect(refusal(() => selector.register(other, 0))).toBe('TypeError ERR_INVALID_ARG_VALUE');
      expect(refusal(() => selector.register(other, EVENT_READ, undefined, { mode: 'now' as 'edge' }))).toBe(
        'TypeError ERR_INVALID_ARG_VALUE',
      );
      expect([...selector.getMap()]).toEqual([[near.fileno(), key]]);
      expect(refusal(() => selector.getKey(closed))).toBe('StateError ERR_NOT_REGISTERED');
      selector.verify();
      send(far);
      expect(selector.select(0)).toEqual([[key, EVENT_READ]]);
      // What was refused can be registered as if nothing had been.
      expect(selector.register(other, EVENT_READ).fd).toBe(other.fileno());
    });

    it('hears of an event that came before the registration', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      send(far);
      const key = selector.register(near, EVENT_READ);
      expect(selector.select(0)).toEqual([[key, EVENT_READ]]);
    });
  });

  describe(`${backend} selector, unregistering`, () => {
    it('returns the key, and reports the file no longer', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      const key = selector.register(near, EVENT_READ);
      send(far);
      expect(selector.unregister(near)).toBe(key);
      expect(selector.select(0)).toEqual([]);
      expect(selector.getMap().size).toBe(0);
      expect(refusal(() => selector.unregister(near))).toBe('StateError ERR_NOT_REGISTERED');
      expect(drain(near)).toBe(1);
    });

    it('takes the number for the object, and the object for the number', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ);
      selector.register(far.fileno(), EVENT_READ);
      expect(selector.unregister(near.fileno()).fileobj).toBe(near);
      expect(selector.unregister(far).fileobj).toBe(far.fileno());
      expect(selector.getMap().size).toBe(0);
    });

    it('returns the latest key', () => {
      using selector = createSelector<string>(backend);
      const [near] = socketPair();
      selector.register(near, EVENT_READ, 'old');
      const latest = selector.modify(near, EVENT_READ, 'new');
      expect(selector.unregister(near)).toBe(latest);
    });

    it('works by number after the descriptor was closed', () => {
      using selector = createSelector(backend);
      const [near] = socketPair();
      const fd = near.detach();
      const key = selector.register(fd, EVENT_READ);
      closeSync(fd);
      expect(selector.unregister(fd)).toBe(key);
      expect(selector.select(0)).toEqual([]);
      selector.verify();
    });

    it.each([
      ['-1', () => -1],
      ['another', () => socketPair()[0].fileno()],
    ])('works by an object whose descriptor is %s by now', (_, now) => {
      using selector = createSelector(backend);
      const [near] = socketPair();
      const file = new ForeignFile(near.detach());
      const key = selector.register(file, EVENT_READ);
      const later = now();
      closeSync(file.fd);
      file.fd = later;
      expect(selector.getKey(file)).toBe(key);
      expect(selector.unregister(file)).toBe(key);
      expect(refusal(() => selector.unregister(file))).toBe('StateError ERR_NOT_REGISTERED');
      selector.verify();
    });

    it('works after the number was reused, and leaves the new file alone', () => {
      using selector = createSelector<string>(backend);
      const [near] = socketPair();
      const [watched, peer] = socketPair();
      const fd = near.detach();
      selector.register(fd, EVENT_READ, 'old');
      selector.register(watched, EVENT_READ, 'watched');
      closeSync(fd);
      using other = reuse(fd, () => new Socket());
      expect(other.fileno()).toBe(fd);
      expect(selector.unregister(fd).data).toBe('old');
      selector.verify();
      send(peer);
      expect(selector.select(0).map(([key]) => key.data)).toEqual(['watched']);
      // The new owner of the number is registered like any other.
      expect(selector.register(other, EVENT_READ, 'new').fd).toBe(fd);
    });

    it('knows nothing of a closed object that was never registered', () => {
      using selector = createSelector(backend);
      const [near] = Socket.pair();
      near.close();
      for (const call of [
        () => selector.unregister(near),
        () => selector.getKey(near),
        () => selector.modify(near, EVENT_READ),
        () => selector.rearm(near),
      ]) {
        expect(refusal(call)).toBe('StateError ERR_NOT_REGISTERED');
      }
    });

    it('reports nothing of what was closed and unregistered, however its number is used later', () => {
      using selector = createSelector(backend);
      const [near] = socketPair();
      const fd = near.detach();
      selector.register(fd, EVENT_READ);
      closeSync(fd);
      selector.unregister(fd);
      const [fresh, peer] = socketPair();
      send(peer);
      expect(fresh.closed).toBe(false);
      expect(selector.select(0).filter(([, events]) => events & EVENT_INVALID)).toEqual([]);
      expect(selector.select(0)).toEqual([]);
    });
  });
}
