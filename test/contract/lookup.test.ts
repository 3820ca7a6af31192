/** Finding keys: getKey, and the live view of all. */
import { createSelector, EVENT_READ, EVENT_WRITE, Socket, selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { socketPair } from '../support/pairs.js';
import { refusal } from '../support/refusals.js';

for (const backend of selectorBackends()) {
  describe(`${backend} selector, lookup`, () => {
    it('finds a key by object and by number', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      const key = selector.register(near, EVENT_READ);
      expect(selector.getKey(near)).toBe(key);
      expect(selector.getKey(near.fileno())).toBe(key);
      expect(selector.getKey({ fd: near.fileno() })).toBe(key);
      expect(refusal(() => selector.getKey(far))).toBe('StateError ERR_NOT_REGISTERED');
      expect(refusal(() => selector.getKey(999_999))).toBe('StateError ERR_NOT_REGISTERED');
    });

    it('has a map that shows every change at once', () => {
      using selector = createSelector<string>(backend);
      const [near, far] = socketPair();
      const map = selector.getMap();
      expect(map.size).toBe(0);
      expect([...map]).toEqual([]);
      const key = selector.register(near, EVENT_READ, 'near');
      expect(map.size).toBe(1);
      expect(map.get(near.fileno())).toBe(key);
      expect(map.has(near.fileno())).toBe(true);
      expect(map.has(far.fileno())).toBe(false);
      expect(map.get(far.fileno())).toBeUndefined();
      const changed = selector.modify(near, EVENT_WRITE, 'changed');
      expect(map.get(near.fileno())).toBe(changed);
      selector.unregister(near);
      expect(map.size).toBe(0);
      expect(map.has(near.fileno())).toBe(false);
      expect(selector.getMap()).toBe(map);
    });

    it('has a map that iterates as a Map does', () => {
      using selector = createSelector<string>(backend);
      const [near, far] = socketPair();
      const keys = [selector.register(near, EVENT_READ, 'a'), selector.register(far, EVENT_READ, 'b')].sort(
        (one, other) => one.fd - other.fd,
      );
      const map = selector.getMap();
      const entries = keys.map((key) => [key.fd, key] as const);
      expect([...map]).toEqual(entries);
      expect([...map.entries()]).toEqual(entries);
      expect([...map.keys()]).toEqual(keys.map((key) => key.fd));
      expect([...map.values()]).toEqual(keys);
      const seen: unknown[] = [];
      const receiver = {};
      map.forEach(function (this: unknown, key, fd, owner) {
        seen.push([fd, key]);
        expect(owner).toBe(map);
        expect(this).toBe(receiver);
      }, receiver);
      expect(seen).toEqual(entries);
      expect(new Map(map)).toEqual(new Map(entries));
    });

    it('has a map that files are looked up in as well as numbers', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      const key = selector.register(near, EVENT_READ);
      const map = selector.getMap() as ReadonlyMap<unknown, unknown>;
      expect(map.get(near)).toBe(key);
      expect(map.has(near)).toBe(true);
      expect(map.has(far)).toBe(false);
    });

    it('has a map that nobody can write to', () => {
      using selector = createSelector(backend);
      const [near] = socketPair();
      selector.register(near, EVENT_READ);
      const map = selector.getMap() as Map<number, unknown>;
      for (const method of ['set', 'delete', 'clear'] as const) expect(map[method]).toBeUndefined();
      expect(() => Map.prototype.delete.call(map, near.fileno())).toThrow(TypeError);
      expect(map.size).toBe(1);
    });

    it('survives registering and unregistering while its map is iterated', () => {
      using selector = createSelector(backend);
      const pairs = Array.from({ length: 4 }, () => socketPair());
      for (const [near] of pairs) selector.register(near, EVENT_READ);
      const visited: number[] = [];
      for (const [fd] of selector.getMap()) {
        visited.push(fd);
        selector.unregister(fd);
      }
      expect(visited.sort()).toEqual(pairs.map(([near]) => near.fileno()).sort());
      expect(selector.getMap().size).toBe(0);
    });

    it('tells selectors apart', () => {
      using one = createSelector(backend);
      using other = createSelector(backend);
      const [near] = socketPair();
      one.register(near, EVENT_READ);
      expect(other.getMap().size).toBe(0);
      expect(refusal(() => other.getKey(near))).toBe('StateError ERR_NOT_REGISTERED');
    });

    it('does not confuse a socket with another that got its number', () => {
      using selector = createSelector(backend);
      const old = new Socket();
      const fd = old.fileno();
      selector.register(old, EVENT_READ);
      old.close();
      using fresh = new Socket();
      expect(fresh.fileno()).toBe(fd);
      expect(refusal(() => selector.getKey(fresh))).toBe('StateError ERR_NOT_REGISTERED');
      expect(refusal(() => selector.getKey(old))).toBe('StateError ERR_NOT_REGISTERED');
    });
  });
}
