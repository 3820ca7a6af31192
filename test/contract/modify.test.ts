/** Changing a registration: what counts as a change, and what a refused one leaves behind. */
import { closeSync } from 'node:fs';
import {
  createSelector,
  EVENT_PRIORITY,
  EVENT_READ,
  EVENT_WRITE,
  Socket,
  selectorBackends,
  type TriggerMode,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { ForeignFile, reuse } from '../support/numbers.js';
import { send, socketPair } from '../support/pairs.js';
import { refusal } from '../support/refusals.js';

for (const backend of selectorBackends()) {
  describe(`${backend} selector, modify`, () => {
    it('makes a new key and leaves the old one as it was', () => {
      using selector = createSelector<string>(backend);
      const [near] = socketPair();
      const old = selector.register(near, EVENT_READ, 'old');
      const changed = selector.modify(near, EVENT_WRITE, 'new');
      expect(old).toMatchObject({ events: EVENT_READ, data: 'old' });
      expect(changed).toEqual({
        fileobj: near,
        fd: near.fileno(),
        events: EVENT_WRITE,
        mode: 'level',
        data: 'new',
      });
      expect(selector.getKey(near)).toBe(changed);
      expect(selector.select(0)).toEqual([[changed, EVENT_WRITE]]);
    });

    it('reports the old interest no longer', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ | EVENT_WRITE);
      selector.modify(near, EVENT_READ);
      expect(selector.select(0)).toEqual([]);
      send(far);
      expect(selector.select(0).map(([, events]) => events)).toEqual([EVENT_READ]);
      selector.modify(near, EVENT_WRITE);
      expect(selector.select(0).map(([, events]) => events)).toEqual([EVENT_WRITE]);
    });

    it('keeps the object that was registered when it is called with the number', () => {
      using selector = createSelector(backend);
      const [near] = socketPair();
      selector.register(near, EVENT_READ);
      expect(selector.modify(near.fileno(), EVENT_WRITE).fileobj).toBe(near);
    });

    it('refuses an object that was closed, and watches no stranger that got its number', () => {
      using selector = createSelector(backend);
      const [near] = socketPair();
      const fd = near.detach();
      const file = new ForeignFile(fd);
      const key = selector.register(file, EVENT_READ, undefined, { mode: 'oneshot' });
      closeSync(fd);
      file.fd = -1;
      const stranger = reuse(fd, () => new Socket());
      for (const change of [
        () => selector.modify(key.fileobj, EVENT_WRITE),
        () => selector.modify(fd, EVENT_WRITE),
        () => selector.rearm(key.fileobj),
        () => selector.rearm(fd),
      ]) {
        expect(refusal(change)).toBe('SystemError EBADF');
      }
      expect(selector.getKey(file)).toBe(key);
      selector.unregister(file);
      stranger.close();
    });

    it('returns the identical key where nothing changes', () => {
      using selector = createSelector<number>(backend);
      const [near] = socketPair();
      const key = selector.register(near, EVENT_READ, Number.NaN);
      expect(selector.modify(near, EVENT_READ, Number.NaN)).toBe(key);
      expect(selector.modify(near, EVENT_READ, Number.NaN, { mode: 'level' })).toBe(key);
      expect(selector.modify(near, EVENT_READ, Number.NaN, { exclusive: false })).toBe(key);
      expect(selector.modify(near, EVENT_READ, -0)).not.toBe(key);
      expect(Object.is(selector.modify(near, EVENT_READ, 0).data, 0)).toBe(true);
    });

    it('compares data by identity', () => {
      using selector = createSelector<object>(backend);
      const [near] = socketPair();
      const key = selector.register(near, EVENT_READ, {});
      const data = {};
      const changed = selector.modify(near, EVENT_READ, data);
      expect(changed).not.toBe(key);
      expect(changed.data).toBe(data);
    });

    it('forgets the data that is left out', () => {
      using selector = createSelector<string>(backend);
      const [near] = socketPair();
      selector.register(near, EVENT_READ, 'data');
      expect(selector.modify(near, EVENT_WRITE).data).toBeUndefined();
    });

    it('asks the kernel nothing where only the data changes', () => {
      using selector = createSelector<string>(backend);
      const [near] = socketPair();
      const fd = near.detach();
      selector.register(fd, EVENT_READ, 'old');
      // On a closed descriptor any system call would fail.
      closeSync(fd);
      expect(selector.modify(fd, EVENT_READ, 'new').data).toBe('new');
      selector.unregister(fd);
    });

    it('keeps the mode where it is left out', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, undefined, { mode: 'oneshot' });
      expect(selector.modify(near, EVENT_READ | EVENT_WRITE).mode).toBe('oneshot');
      send(far);
      expect(selector.select(0)).toHaveLength(1);
      expect(selector.select(0)).toEqual([]);
    });

    it('changes the mode', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, undefined, { mode: 'oneshot' });
      send(far);
      expect(selector.select(0)).toHaveLength(1);
      const level = selector.modify(near, EVENT_READ, undefined, { mode: 'level' });
      expect(level.mode).toBe('level');
      expect(selector.select(0)).toEqual([[level, EVENT_READ]]);
      expect(selector.select(0)).toEqual([[level, EVENT_READ]]);
      const oneshot = selector.modify(near, EVENT_READ, undefined, { mode: 'oneshot' });
      expect(selector.select(0)).toEqual([[oneshot, EVENT_READ]]);
      expect(selector.select(0)).toEqual([]);
    });

    it('arms a fired oneshot registration where the interest changes', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, undefined, { mode: 'oneshot' });
      send(far);
      selector.select(0);
      selector.modify(near, EVENT_READ | EVENT_WRITE);
      expect(selector.select(0).map(([, events]) => events)).toEqual([EVENT_READ | EVENT_WRITE]);
      expect(selector.select(0)).toEqual([]);
    });

    it('leaves a fired oneshot registration mute where only the data changes', () => {
      using selector = createSelector<string>(backend);
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 'old', { mode: 'oneshot' });
      send(far);
      selector.select(0);
      selector.modify(near, EVENT_READ, 'new');
      expect(selector.select(0)).toEqual([]);
      selector.rearm(near);
      expect(selector.select(0).map(([key]) => key.data)).toEqual(['new']);
    });

    it('leaves the registration as it was when it is refused', () => {
      using selector = createSelector<string>(backend);
      const [near, far] = socketPair();
      const key = selector.register(near, EVENT_READ, 'data');
      const unknownMode = { mode: 'sometimes' as TriggerMode };
      for (const [call, expected] of [
        [() => selector.modify(near, 0), 'TypeError ERR_INVALID_ARG_VALUE'],
        [() => selector.modify(near, 16), 'TypeError ERR_INVALID_ARG_VALUE'],
        [() => selector.modify(near, 999_999), 'TypeError ERR_INVALID_ARG_VALUE'],
        [() => selector.modify(near, '1' as never), 'TypeError ERR_INVALID_ARG_TYPE'],
        [() => selector.modify(near, EVENT_WRITE, 'x', unknownMode), 'TypeError ERR_INVALID_ARG_VALUE'],
        [() => selector.modify(near, EVENT_WRITE, 'x', null as never), 'TypeError ERR_INVALID_ARG_TYPE'],
      ] as const) {
        expect(refusal(call)).toBe(expected);
        expect(selector.getKey(near)).toBe(key);
      }
      selector.verify();
      expect(selector.select(0)).toEqual([]);
      send(far);
      expect(selector.select(0)).toEqual([[key, EVENT_READ]]);
    });

    it('leaves the registration as it was when the backend cannot do what is asked', () => {
      using selector = createSelector<string>(backend);
      const { modes, exclusive, priority } = selector.capabilities;
      const [near] = socketPair();
      const key = selector.register(near, EVENT_READ, 'data');
      const refuse = (call: () => unknown) => {
        expect(refusal(call)).toBe('StateError ERR_UNSUPPORTED');
        expect(selector.getKey(near)).toBe(key);
        selector.verify();
      };
      if (!modes.includes('edge')) refuse(() => selector.modify(near, EVENT_READ, 'x', { mode: 'edge' }));
      if (!exclusive) refuse(() => selector.modify(near, EVENT_READ, 'x', { exclusive: true }));
      if (!priority) refuse(() => selector.modify(near, EVENT_PRIORITY, 'x'));
      if (exclusive) {
        refuse(() => selector.modify(near, EVENT_READ, 'x', { exclusive: true, mode: 'oneshot' }));
        refuse(() => selector.modify(near, EVENT_READ | EVENT_PRIORITY, 'x', { exclusive: true }));
      }
    });

    it('refuses a file that is not registered', () => {
      using selector = createSelector(backend);
      const [near] = socketPair();
      expect(refusal(() => selector.modify(near, EVENT_READ))).toBe('StateError ERR_NOT_REGISTERED');
      expect(refusal(() => selector.rearm(near))).toBe('StateError ERR_NOT_REGISTERED');
      expect(selector.getMap().size).toBe(0);
    });

    it('refuses a new interest in a descriptor that was closed, and keeps the key', () => {
      using selector = createSelector<string>(backend);
      const [near] = socketPair();
      const fd = near.detach();
      const key = selector.register(fd, EVENT_READ, 'data');
      closeSync(fd);
      expect(refusal(() => selector.modify(fd, EVENT_WRITE, 'x'))).toBe('SystemError EBADF');
      expect(selector.getKey(fd)).toBe(key);
      selector.unregister(fd);
    });
  });
}
