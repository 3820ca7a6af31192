/** Delivering a batch: what handlers may do to it, and what a handler that throws does not. */
import { closeSync } from 'node:fs';
import {
  createSelector,
  EVENT_READ,
  EVENT_WRITE,
  type SelectorKey,
  type Socket,
  selectorBackends,
  type TriggerMode,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { timed } from '../support/expecting.js';
import { reuse } from '../support/numbers.js';
import { drain, readableSockets, send, socketPair } from '../support/pairs.js';
import { refusal } from '../support/refusals.js';

const READY = 5;
const ALL: readonly number[] = [...Array(READY).keys()];

const ascending = (numbers: readonly number[]) => [...numbers].sort((one, other) => one - other);

for (const backend of selectorBackends()) {
  const { modes } = createSelector(backend).capabilities;

  /** A selector of `READY` sockets, each with something to read; its data are their numbers. */
  function selectorOfReady(mode: TriggerMode = 'level') {
    const selector = createSelector<number>(backend);
    const sockets = readableSockets(READY);
    for (const [index, socket] of sockets.entries()) {
      selector.register(socket, EVENT_READ, index, { mode });
    }
    return { selector, sockets, [Symbol.dispose]: () => selector.close() };
  }

  describe(`${backend} selector, dispatch`, () => {
    it('calls the handler once for each ready key and counts them', () => {
      using scene = selectorOfReady();
      const seen: number[] = [];
      const count = scene.selector.dispatch(0, (key, events) => {
        expect(events).toBe(EVENT_READ);
        expect(scene.selector.getKey(key.fileobj)).toBe(key);
        seen.push(key.data);
      });
      expect(count).toBe(READY);
      expect(ascending(seen)).toEqual(ALL);
    });

    it('returns 0 and calls nobody where nothing is ready', () => {
      using selector = createSelector(backend);
      const [near] = socketPair();
      selector.register(near, EVENT_READ);
      expect(
        selector.dispatch(0, () => {
          throw new Error('called');
        }),
      ).toBe(0);
    });

    it('does not deliver what an earlier handler of the batch unregistered', () => {
      using scene = selectorOfReady();
      const { selector, sockets } = scene;
      const seen: number[] = [];
      const count = selector.dispatch(0, ({ data }) => {
        seen.push(data);
        for (const [index, socket] of sockets.entries()) if (index !== data) selector.unregister(socket);
      });
      expect(count).toBe(1);
      expect(seen).toHaveLength(1);
      expect(selector.getMap().size).toBe(1);
      expect(selector.stats).toMatchObject({ events: 1, staleEvents: READY - 1, rebuilds: 0 });
      expect(selector.dispatch(0, ({ data }) => seen.push(data))).toBe(1);
      expect(new Set(seen).size).toBe(1);
    });

    it('does not deliver what an earlier handler of the batch closed', () => {
      using scene = selectorOfReady();
      const { selector, sockets } = scene;
      const count = selector.dispatch(0, ({ data }) => {
        for (const [index, socket] of sockets.entries()) if (index !== data) socket.close();
      });
      expect(count).toBe(1);
      expect(selector.stats).toMatchObject({ staleEvents: READY - 1, rebuilds: 0 });
      selector.verify();
    });

    it('lets a handler unregister and close its own file', () => {
      using scene = selectorOfReady();
      const { selector } = scene;
      expect(
        selector.dispatch(0, (key) => {
          selector.unregister(key.fileobj);
          (key.fileobj as Socket).close();
        }),
      ).toBe(READY);
      expect(selector.getMap().size).toBe(0);
      expect(selector.select(0)).toEqual([]);
    });

    it.each(['idle', 'ready'] as const)(
      'does not deliver the event of a closed socket to an %s one that got its number',
      (state) => {
        using selector = createSelector<string>(backend);
        const sockets = readableSockets(3);
        for (const [index, socket] of sockets.entries())
          selector.register(socket, EVENT_READ, `old ${index}`);
        const seen: string[] = [];
        let successor: Socket | undefined;
        const count = selector.dispatch(0, (key) => {
          seen.push(key.data);
          if (successor !== undefined) return;
          const victim = sockets.find((socket) => socket !== key.fileobj) as Socket;
          const fd = victim.fileno();
          victim.close();
          successor = reuse(fd, () => {
            const [one, other] = socketPair();
            if (state === 'ready') send(other);
            return one;
          });
          selector.register(successor, EVENT_READ, 'new');
        });
        expect(count).toBe(2);
        expect(seen).not.toContain('new');
        expect(selector.stats).toMatchObject({ staleEvents: 1, rebuilds: 0 });
        const next = selector.select(0).map(([key]) => key.data);
        expect(next).toHaveLength(state === 'ready' ? 3 : 2);
        expect(next.includes('new')).toBe(state === 'ready');
        expect(next).toEqual(expect.arrayContaining(seen));
      },
    );

    it('does not deliver the old event of a file that was registered anew in the batch', () => {
      using scene = selectorOfReady();
      const { selector, sockets } = scene;
      let renewed: SelectorKey<number> | undefined;
      selector.dispatch(0, (key) => {
        expect(key).not.toBe(renewed);
        if (renewed !== undefined) return;
        const other = sockets.find((socket) => socket !== key.fileobj) as Socket;
        selector.unregister(other);
        renewed = selector.register(other, EVENT_READ, 99);
      });
      expect(selector.select(0).map(([key]) => key)).toContain(renewed);
    });

    it('delivers under the new key what was modified in the batch, and only for the new interest', () => {
      using selector = createSelector<string>(backend);
      const sockets = readableSockets(2);
      for (const socket of sockets) selector.register(socket, EVENT_READ | EVENT_WRITE, 'old');
      const seen: [string, number][] = [];
      selector.dispatch(0, (key, events) => {
        seen.push([key.data, events]);
        for (const socket of sockets) selector.modify(socket, EVENT_WRITE, 'new');
      });
      expect(seen).toEqual([
        ['old', EVENT_READ | EVENT_WRITE],
        ['new', EVENT_WRITE],
      ]);
    });

    it('does not deliver an event in which nobody is interested any more', () => {
      using scene = selectorOfReady();
      const { selector, sockets } = scene;
      const chunk = Buffer.alloc(65_536);
      const seen: number[] = [];
      selector.dispatch(0, ({ data }) => {
        seen.push(data);
        for (const socket of sockets) {
          while (socket.send(chunk) > 0);
          selector.modify(socket, EVENT_WRITE);
        }
      });
      expect(seen).toHaveLength(1);
      expect(selector.select(0)).toEqual([]);
    });

    it('does not deliver a file that was registered in the batch before the next wait', () => {
      using scene = selectorOfReady();
      const { selector } = scene;
      const [late] = readableSockets(1);
      const seen: number[] = [];
      expect(
        selector.dispatch(0, ({ data }) => {
          seen.push(data);
          if (seen.length === 1) selector.register(late as Socket, EVENT_READ, 99);
        }),
      ).toBe(READY);
      expect(seen).not.toContain(99);
      expect(selector.select(0).map(([key]) => key.data)).toContain(99);
    });

    it('lets handlers use everything but a wait', () => {
      using scene = selectorOfReady();
      const { selector } = scene;
      const [near] = socketPair();
      expect(
        selector.dispatch(0, (key) => {
          expect(refusal(() => selector.select(0))).toBe('StateError ERR_RUNNING');
          expect(refusal(() => selector.dispatch(0, () => {}))).toBe('StateError ERR_RUNNING');
          selector.verify();
          expect(selector.getMap().get(key.fd)).toBe(key);
          expect(selector.stats.waits).toBe(1);
          selector.modify(near, EVENT_READ, selector.register(near, EVENT_READ, 7).data);
          selector.rearm(near);
          selector.unregister(near);
        }),
      ).toBe(READY);
      // The refusals left nothing behind.
      expect(selector.select(0)).toHaveLength(READY);
    });

    it('lets a handler wait on another selector', () => {
      using scene = selectorOfReady();
      using other = createSelector(backend);
      expect(scene.selector.dispatch(0, () => expect(other.select(0)).toEqual([]))).toBe(READY);
    });

    it('can wait again after a handler threw', () => {
      using scene = selectorOfReady();
      const { selector } = scene;
      const error = new Error('of the handler');
      expect(() =>
        selector.dispatch(0, () => {
          throw error;
        }),
      ).toThrow(error);
      expect(selector.select(0)).toHaveLength(READY - 1);
      expect(selector.select(0)).toHaveLength(READY);
    });

    for (const mode of modes) {
      it.each(ALL)(`loses no event of a ${mode} batch when handler %i throws`, (position) => {
        using scene = selectorOfReady(mode);
        const { selector, sockets } = scene;
        const seen: number[] = [];
        const handle = ({ data }: SelectorKey<number>) => {
          seen.push(data);
          if (seen.length === position + 1) throw new Error('of the handler');
        };
        expect(() => selector.dispatch(0, handle)).toThrow('of the handler');
        expect(seen).toHaveLength(position + 1);
        selector.verify();
        const rest = READY - 1 - position;
        // What is left comes first and alone; a level batch that has nothing left is followed by the next.
        expect(selector.dispatch(0, handle)).toBe(rest > 0 ? rest : mode === 'level' ? READY : 0);
        expect(ascending(seen.slice(0, READY))).toEqual(ALL);
        // Later wakes are not lost either.
        for (const socket of sockets) {
          drain(socket);
          selector.rearm(socket);
        }
        expect(selector.dispatch(0, handle)).toBe(0);
        selector.verify();
      });
    }

    it('loses no event where each handler throws', () => {
      using scene = selectorOfReady(modes.includes('edge-oneshot') ? 'edge-oneshot' : 'oneshot');
      const seen: number[] = [];
      for (const _ of ALL) {
        expect(() =>
          scene.selector.dispatch(0, ({ data }) => {
            seen.push(data);
            throw new Error(`of ${data}`);
          }),
        ).toThrow(/^of \d$/);
      }
      expect(ascending(seen)).toEqual(ALL);
      expect(scene.selector.dispatch(0, () => seen.push(-1))).toBe(0);
    });

    it('hands what a throwing handler left to select as well', () => {
      using scene = selectorOfReady('oneshot');
      const { selector } = scene;
      let first = -1;
      expect(() =>
        selector.dispatch(0, ({ data }) => {
          first = data;
          throw new Error('of the handler');
        }),
      ).toThrow('of the handler');
      const rest = selector.select(0).map(([key]) => key.data);
      expect(ascending([first, ...rest])).toEqual(ALL);
    });

    it('does not deliver what was unregistered or closed after a handler threw', () => {
      using scene = selectorOfReady('oneshot');
      const { selector, sockets } = scene;
      let first = -1;
      expect(() =>
        selector.dispatch(0, ({ data }) => {
          first = data;
          throw new Error('of the handler');
        }),
      ).toThrow('of the handler');
      const [unregistered, closed, ...others] = ALL.filter((index) => index !== first);
      selector.unregister(sockets[unregistered ?? 0] as Socket);
      sockets[closed ?? 0]?.close();
      expect(ascending(selector.select(0).map(([key]) => key.data))).toEqual(others);
      expect(selector.stats).toMatchObject({ staleEvents: 2, rebuilds: 0 });
    });

    it('waits in full where nothing is left of the batch of a throwing handler', () => {
      using scene = selectorOfReady();
      const { selector, sockets } = scene;
      expect(() =>
        selector.dispatch(0, () => {
          throw new Error('of the handler');
        }),
      ).toThrow('of the handler');
      for (const socket of sockets) selector.unregister(socket);
      const [ready, elapsed] = timed(() => selector.select(20));
      expect(ready).toEqual([]);
      expect(elapsed).toBeGreaterThanOrEqual(20);
    });

    it('stays true to the kernel where a handler rearms a file whose event is still to come', () => {
      using scene = selectorOfReady('oneshot');
      const { selector, sockets } = scene;
      const seen: number[] = [];
      selector.dispatch(0, ({ data }) => {
        seen.push(data);
        if (seen.length > 1) return;
        for (const [index, socket] of sockets.entries()) if (index !== data) selector.rearm(socket);
      });
      selector.verify();
      selector.dispatch(0, ({ data }) => seen.push(data));
      selector.verify();
      // Whether the event before the rearming or the one after it is delivered: none is lost.
      expect(ascending([...new Set(seen)])).toEqual(ALL);
    });

    it.each([
      ['modifies a oneshot file', 'oneshot'],
      ['makes a level one oneshot', 'level'],
    ] as const)('stays true to the kernel where a handler %s whose event is still to come', (_, mode) => {
      using scene = selectorOfReady(mode);
      const { selector, sockets } = scene;
      const seen: number[] = [];
      selector.dispatch(0, ({ data }) => {
        seen.push(data);
        if (seen.length > 1) return;
        for (const [index, socket] of sockets.entries()) {
          if (index !== data) selector.modify(socket, EVENT_READ | EVENT_WRITE, index, { mode: 'oneshot' });
        }
      });
      selector.verify();
      selector.dispatch(0, ({ data }) => seen.push(data));
      selector.verify();
      expect(ascending([...new Set(seen)])).toEqual(ALL);
    });

    it('counts what it did', () => {
      using scene = selectorOfReady();
      const { selector, sockets } = scene;
      expect(selector.stats).toEqual({ waits: 0, emptyWaits: 0, events: 0, staleEvents: 0, rebuilds: 0 });
      selector.select(0);
      for (const socket of sockets) drain(socket);
      selector.select(0);
      selector.select(0);
      expect(selector.stats).toEqual({
        waits: 3,
        emptyWaits: 2,
        events: READY,
        staleEvents: 0,
        rebuilds: 0,
      });
    });

    it('survives a descriptor that is closed behind its back in the batch', () => {
      using selector = createSelector<string>(backend);
      const descriptors = readableSockets(2).map((socket) => socket.detach());
      for (const fd of descriptors) selector.register(fd, EVENT_READ);
      let closed = -1;
      const seen: number[] = [];
      selector.dispatch(0, ({ fd }) => {
        seen.push(fd);
        if (closed >= 0) return;
        closed = descriptors.find((other) => other !== fd) as number;
        closeSync(closed);
        selector.unregister(closed);
      });
      expect(seen).toHaveLength(1);
      expect(seen).not.toContain(closed);
      selector.unregister(seen[0] as number);
      closeSync(seen[0] as number);
    });
  });
}
