/** Level, edge, oneshot, edge-oneshot: one scenario, the same trace on each backend that has the mode. */
import {
  createSelector,
  EVENT_READ,
  EVENT_READ_CLOSED,
  EVENT_WRITE,
  type Selector,
  type Socket,
  selectorBackends,
  type TriggerMode,
  WOULD_BLOCK,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { drain, send, socketPair } from '../support/pairs.js';

const R = EVENT_READ;
const W = EVENT_WRITE;

interface Scene {
  readonly selector: Selector;
  readonly near: Socket;
  readonly far: Socket;
}

/** After each step the selector is asked once, and what it says of `near` is a column of the trace. */
const STEPS: readonly [step: string, act: (scene: Scene) => void][] = [
  ['nothing to read', () => {}],
  ['two bytes came', ({ far }) => send(far, '..')],
  ['asked again', () => {}],
  ['one byte was read', ({ near }) => near.recv(Buffer.alloc(1))],
  ['one more came', ({ far }) => send(far)],
  ['rearmed with data waiting', ({ near, selector }) => selector.rearm(near)],
  ['asked again', () => {}],
  [
    'drained and rearmed',
    ({ near, selector }) => {
      drain(near);
      selector.rearm(near);
    },
  ],
  ['a byte came', ({ far }) => send(far)],
  [
    'drained, then interest in WRITE too',
    ({ near, selector }) => {
      drain(near);
      selector.modify(near, R | W);
    },
  ],
  ['asked again', () => {}],
  ['the peer closed', ({ far }) => far.close()],
  ['asked again', () => {}],
  ['rearmed after the close', ({ near, selector }) => selector.rearm(near)],
  ['asked again', () => {}],
];

const TRACES: Readonly<Record<TriggerMode, readonly number[]>> = {
  level: [0, R, R, R, R, R, R, 0, R, W, W, R | W, R | W, R | W, R | W],
  edge: [0, R, 0, 0, R, R, 0, 0, R, W, 0, R | W, 0, R | W, 0],
  oneshot: [0, R, 0, 0, 0, R, 0, 0, R, W, 0, 0, 0, R | W, 0],
  'edge-oneshot': [0, R, 0, 0, 0, R, 0, 0, R, W, 0, 0, 0, R | W, 0],
};

for (const backend of selectorBackends()) {
  const { modes, readClosed } = createSelector(backend).capabilities;

  describe.each(Object.keys(TRACES) as TriggerMode[])(`${backend} selector, mode %s`, (mode) => {
    it.skipIf(!modes.includes(mode))('reports what it should, step by step', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      selector.register(near, R, undefined, { mode });
      const trace = STEPS.map(([step, act]) => {
        act({ selector, near, far });
        const ready = selector.select(0);
        selector.verify();
        expect(ready.length).toBeLessThanOrEqual(1);
        return [step, (ready[0]?.[1] ?? 0) & (R | W)];
      });
      expect(trace).toEqual(STEPS.map(([step], index) => [step, TRACES[mode][index]]));
    });

    it.skipIf(!modes.includes(mode))('waits for what it does not report', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      selector.register(near, R, undefined, { mode });
      send(far);
      expect(selector.select(0)).toHaveLength(1);
      const start = performance.now();
      const again = selector.select(10);
      if (mode === 'level') expect(again).toHaveLength(1);
      else {
        expect(again).toEqual([]);
        expect(performance.now() - start).toBeGreaterThanOrEqual(10);
      }
    });
  });

  describe(`${backend} selector, modes`, () => {
    it('takes level where none is named', () => {
      using selector = createSelector(backend);
      const [near] = socketPair();
      expect(selector.register(near, R).mode).toBe('level');
      expect(selector.modify(near, W, undefined, {}).mode).toBe('level');
    });

    it('keeps the modes of several files apart', () => {
      using selector = createSelector<string>(backend);
      for (const mode of modes) {
        const [near, far] = socketPair();
        send(far);
        selector.register(near, R, mode, { mode });
      }
      const names = () =>
        selector
          .select(0)
          .map(([key]) => key.data)
          .sort();
      expect(names()).toEqual([...modes].sort());
      expect(names()).toEqual(['level']);
    });

    it('keeps a fired oneshot registration: it is mute, not gone', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      const key = selector.register(near, R, undefined, { mode: 'oneshot' });
      send(far);
      selector.select(0);
      expect(selector.getKey(near)).toBe(key);
      expect(() => selector.register(near, R)).toThrow('registered already');
      selector.verify();
      expect(selector.unregister(near)).toBe(key);
      expect(selector.register(near, R).mode).toBe('level');
      expect(selector.select(0)).toHaveLength(1);
    });

    it('fires a oneshot registration once for both directions', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      selector.register(near, R | W, undefined, { mode: 'oneshot' });
      expect(selector.select(0).map(([, events]) => events)).toEqual([W]);
      send(far);
      expect(selector.select(0)).toEqual([]);
      selector.rearm(near);
      expect(selector.select(0).map(([, events]) => events)).toEqual([R | W]);
    });

    it('is mute for the second direction once the first has fired', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      while (near.send(Buffer.alloc(65_536)) !== WOULD_BLOCK);
      selector.register(near, R | W, undefined, { mode: 'oneshot' });
      send(far);
      expect(selector.select(0).map(([, events]) => events)).toEqual([R]);
      drain(far);
      expect(selector.select(0)).toEqual([]);
      selector.verify();
      selector.rearm(near);
      expect(selector.select(0).map(([, events]) => events)).toEqual([R | W]);
      expect(selector.select(0)).toEqual([]);
    });

    it.each(readClosed ? modes.filter((mode) => mode.endsWith('oneshot')) : [])(
      'does not spend mode %s on data where the end alone was asked for',
      (mode) => {
        using selector = createSelector(backend);
        const [near, far] = socketPair();
        const events = () => selector.select(0).map(([, seen]) => seen);
        selector.register(near, EVENT_READ_CLOSED, undefined, { mode });
        send(far);
        expect(events()).toEqual([]);
        selector.modify(near, EVENT_READ_CLOSED | W);
        expect(events()).toEqual([W]);
        send(far);
        expect(events()).toEqual([]);
        selector.rearm(near);
        expect(events()).toEqual([W]);
        selector.modify(near, EVENT_READ_CLOSED);
        send(far);
        expect(events()).toEqual([]);
        far.shutdown('write');
        expect(events()).toEqual([EVENT_READ_CLOSED]);
        expect(events()).toEqual([]);
        selector.rearm(near);
        expect(events()).toEqual([EVENT_READ_CLOSED]);
        expect(events()).toEqual([]);
        selector.verify();
      },
    );

    it('rearms before it fired, and twice, without reporting twice', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      selector.register(near, R, undefined, { mode: 'oneshot' });
      selector.rearm(near);
      selector.rearm(near);
      send(far);
      expect(selector.select(0)).toHaveLength(1);
      expect(selector.select(0)).toEqual([]);
    });

    it('rearms a level registration to no effect', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      const key = selector.register(near, R);
      selector.rearm(near);
      expect(selector.select(0)).toEqual([]);
      send(far);
      expect(selector.select(0)).toEqual([[key, R]]);
      expect(selector.getKey(near)).toBe(key);
    });

    it('rearms in the handler that was called for it', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      selector.register(near, R, undefined, { mode: 'oneshot' });
      send(far);
      for (let round = 0; round < 3; round++) {
        expect(selector.dispatch(0, (key) => selector.rearm(key.fileobj))).toBe(1);
        selector.verify();
      }
      expect(selector.dispatch(0, () => {})).toBe(1);
      expect(selector.dispatch(0, () => {})).toBe(0);
    });
  });
}
