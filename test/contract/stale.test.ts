/** Descriptors that are closed behind the selector's back, and numbers that come to mean another file. */
import { closeSync } from 'node:fs';
import {
  createSelector,
  EVENT_INVALID,
  EVENT_PRIORITY,
  EVENT_READ,
  EVENT_WRITE,
  type Selector,
  Socket,
  selectorBackends,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { isEmulated } from '../support/emulation.js';
import { timed } from '../support/expecting.js';
import { ForeignFile, reuse } from '../support/numbers.js';
import { readableSockets, send, socketPair } from '../support/pairs.js';
import { refusal } from '../support/refusals.js';

const INVALID_READ = EVENT_INVALID | EVENT_READ;

/** A connected socket that got the number `fd`, which is free, and its peer. */
function successor(fd: number): [near: Socket, peer: Socket] {
  const peers = new Map<Socket, Socket>();
  const near = reuse(fd, () => {
    const [one, other] = socketPair();
    peers.set(one, other);
    return one;
  });
  return [near, peers.get(near) as Socket];
}

/** Closes three files behind the selector's back, and registers ones that got their numbers. */
function replaceThree(selector: Selector<string>): void {
  const files = readableSockets(3).map((socket) => new ForeignFile(socket.detach()));
  for (const [index, file] of files.entries()) selector.register(file, EVENT_READ, `old ${index}`);
  for (const file of files) {
    const { fd } = file;
    closeSync(fd);
    file.fd = -1;
    const successor = reuse(fd, () => socketPair()[0]);
    selector.register(successor, EVENT_WRITE, 'new', { mode: 'oneshot' });
  }
}

for (const backend of selectorBackends()) {
  /** poll and select are handed the descriptors by us and see that one is closed; epoll and kqueue forget it. */
  const tells = backend === 'poll' || backend === 'select';

  describe(`${backend} selector, descriptors closed behind its back`, () => {
    it.runIf(tells)('reports INVALID once with the direction that was asked for, and drops the key', () => {
      using selector = createSelector(backend);
      const fd = socketPair()[0].detach();
      const key = selector.register(fd, EVENT_READ);
      closeSync(fd);
      expect(selector.select(1000)).toEqual([[key, INVALID_READ]]);
      expect(selector.getMap().size).toBe(0);
      expect(refusal(() => selector.unregister(fd))).toBe('StateError ERR_NOT_REGISTERED');
      selector.verify();
      const [again, elapsed] = timed(() => selector.select(5));
      expect(again).toEqual([]);
      expect(elapsed).toBeGreaterThanOrEqual(5);
    });

    it.runIf(tells)('has dropped the key before its handler is called', () => {
      using selector = createSelector(backend);
      const fd = socketPair()[0].detach();
      selector.register(fd, EVENT_WRITE);
      closeSync(fd);
      const seen: number[] = [];
      selector.dispatch(0, (key, events) => {
        seen.push(events);
        expect(refusal(() => selector.getKey(key.fd))).toBe('StateError ERR_NOT_REGISTERED');
        // The number is free to be registered at once.
        const [near] = socketPair();
        selector.register(near, EVENT_READ);
      });
      expect(seen).toEqual([EVENT_INVALID | EVENT_WRITE]);
      expect(selector.getMap().size).toBe(1);
    });

    it.runIf(tells)('reports each of several closed ones once', () => {
      using selector = createSelector(backend);
      const closed = readableSockets(10).map((socket) => socket.detach());
      for (const fd of closed) selector.register(fd, EVENT_READ, undefined, { mode: 'oneshot' });
      for (const fd of closed) closeSync(fd);
      const reported: number[] = [];
      for (let round = 0; round < 10 && reported.length < closed.length; round++) {
        for (const [{ fd }, events] of selector.select(0)) {
          expect(events).toBe(INVALID_READ);
          reported.push(fd);
        }
      }
      expect(reported.sort()).toEqual(closed.sort());
      expect(selector.select(0)).toEqual([]);
      expect(selector.getMap().size).toBe(0);
    });

    it.runIf(!tells)('falls silent, keeps the key until it is unregistered, and waits on', () => {
      using selector = createSelector(backend);
      const fd = readableSockets(1)[0]?.detach() as number;
      const key = selector.register(fd, EVENT_READ);
      closeSync(fd);
      const [ready, elapsed] = timed(() => selector.select(5));
      expect(ready).toEqual([]);
      expect(elapsed).toBeGreaterThanOrEqual(5);
      expect(selector.unregister(fd)).toBe(key);
    });

    it('goes on serving the other descriptors', () => {
      using selector = createSelector<string>(backend);
      const fd = socketPair()[0].detach();
      const [ready, idle] = [readableSockets(3), socketPair()[0]];
      for (const [index, socket] of ready.entries()) selector.register(socket, EVENT_READ, `ready ${index}`);
      selector.register(idle, EVENT_READ, 'idle');
      selector.register(fd, EVENT_READ, 'closed');
      closeSync(fd);
      const seen = selector.select(1000).filter(([, events]) => events === EVENT_READ);
      expect(seen.map(([key]) => key.data).sort()).toEqual(['ready 0', 'ready 1', 'ready 2']);
      expect(selector.select(0).filter(([, events]) => events === EVENT_READ)).toHaveLength(3);
      if (!tells) selector.unregister(fd);
      expect(selector.getMap().size).toBe(4);
    });

    it('lets go of a descriptor that its handler closes behind its back', () => {
      using selector = createSelector(backend);
      const descriptors = readableSockets(3).map((socket) => socket.detach());
      for (const fd of descriptors) selector.register(fd, EVENT_READ);
      expect(
        selector.dispatch(0, ({ fd }) => {
          closeSync(fd);
          selector.unregister(fd);
        }),
      ).toBe(3);
      selector.verify();
      expect(selector.select(0)).toEqual([]);
      expect(selector.stats.rebuilds).toBe(0);
    });

    it('does not take a closed number for a free one', () => {
      using selector = createSelector(backend);
      const fd = socketPair()[0].detach();
      const key = selector.register(fd, EVENT_READ);
      closeSync(fd);
      expect(['StateError ERR_ALREADY_REGISTERED', 'SystemError EBADF']).toContain(
        refusal(() => selector.register(fd, EVENT_READ)),
      );
      expect(selector.getKey(fd)).toBe(key);
      selector.unregister(fd);
    });
  });

  describe(`${backend} selector, numbers that were reused`, () => {
    it('replaces the key of an object that has lost its descriptor, and reports it', () => {
      using selector = createSelector<string>(backend);
      const old = new ForeignFile(socketPair()[0].detach());
      const { fd } = old;
      const oldKey = selector.register(old, EVENT_READ, 'old');
      closeSync(fd);
      old.fd = -1;
      using fresh = reuse(fd, () => new Socket());
      const newKey = selector.register(fresh, EVENT_WRITE, 'new');
      expect(newKey.fd).toBe(fd);
      expect(selector.getKey(fd)).toBe(newKey);
      expect(selector.getMap().size).toBe(1);
      selector.verify();
      const ready = selector.select(0);
      expect(ready.filter(([key]) => key === oldKey)).toEqual([[oldKey, INVALID_READ]]);
      // A socket that was never connected hangs up at once: its own event comes too.
      expect(ready.filter(([key]) => key === newKey)).toHaveLength(1);
      expect(selector.select(0).map(([key]) => key)).toEqual([newKey]);
    });

    it.runIf(!tells && !isEmulated(backend))(
      'replaces the key of a bare number that the kernel has forgotten, and reports it',
      () => {
        using selector = createSelector<string>(backend);
        const fd = socketPair()[0].detach();
        const oldKey = selector.register(fd, EVENT_READ, 'old');
        closeSync(fd);
        const [near, peer] = successor(fd);
        const newKey = selector.register(near, EVENT_READ, 'new');
        expect(selector.select(0)).toEqual([[oldKey, INVALID_READ]]);
        expect(selector.select(0)).toEqual([]);
        send(peer);
        expect(selector.select(0)).toEqual([[newKey, EVENT_READ]]);
      },
    );

    it.runIf(!tells && !isEmulated(backend))(
      'refuses to change a key whose number is of another file now',
      () => {
        using selector = createSelector<string>(backend);
        const fd = socketPair()[0].detach();
        const key = selector.register(fd, EVENT_READ, 'old');
        closeSync(fd);
        reuse(fd, () => socketPair()[0]);
        expect(refusal(() => selector.modify(fd, EVENT_WRITE, 'new'))).toBe('SystemError ENOENT');
        expect(selector.getKey(fd)).toBe(key);
        expect(selector.select(0)).toEqual([]);
        expect(selector.unregister(fd)).toBe(key);
      },
    );

    it('reports a replaced key at once, though nothing is ready', () => {
      using selector = createSelector<string>(backend);
      const old = new ForeignFile(socketPair()[0].detach());
      const { fd } = old;
      // Of the interest, the directions alone: nothing is known of the rest.
      const priority = selector.capabilities.priority ? EVENT_PRIORITY : 0;
      selector.register(old, EVENT_READ | EVENT_WRITE | priority, 'old');
      closeSync(fd);
      old.fd = -1;
      const near = reuse(fd, () => socketPair()[0]);
      selector.register(near, EVENT_READ, 'new');
      const ready = selector.select();
      expect(ready.map(([key, events]) => [key.data, events])).toEqual([
        ['old', EVENT_INVALID | EVENT_READ | EVENT_WRITE],
      ]);
      expect(selector.stats.events).toBe(1);
    });

    it('loses neither replaced keys nor events when a handler throws at one of them', () => {
      using selector = createSelector<string>(backend);
      replaceThree(selector);
      const seen: string[] = [];
      for (let round = 0; round < 12; round++) {
        try {
          selector.dispatch(0, ({ data }) => {
            seen.push(data);
            throw new Error('of the handler');
          });
        } catch {
          // Each call delivers one and throws.
        }
      }
      expect(seen.sort()).toEqual(['new', 'new', 'new', 'old 0', 'old 1', 'old 2']);
    });

    it('reports no more replaced keys once a handler has closed it', () => {
      const selector = createSelector<string>(backend);
      replaceThree(selector);
      const seen: string[] = [];
      const count = selector.dispatch(0, ({ data }) => {
        seen.push(data);
        selector.close();
      });
      expect([count, seen]).toEqual([1, ['old 0']]);
    });

    it('keeps the stale key where its replacement is refused', () => {
      using selector = createSelector<string>(backend);
      const old = new ForeignFile(socketPair()[0].detach());
      const { fd } = old;
      const key = selector.register(old, EVENT_READ, 'old');
      closeSync(fd);
      old.fd = -1;
      expect(refusal(() => selector.register(fd, EVENT_READ, 'new'))).toBe('SystemError EBADF');
      expect(refusal(() => selector.register(fd, 0, 'new'))).toBe('TypeError ERR_INVALID_ARG_VALUE');
      expect(selector.getKey(fd)).toBe(key);
      expect(selector.getKey(old)).toBe(key);
      // Nor has the set lost it: where a closed descriptor is reported, it is still.
      expect(selector.select(0)).toEqual(tells ? [[key, INVALID_READ]] : []);
      if (!tells) selector.unregister(old);
    });

    it('keeps what the fileno() of the old file registers in the midst of its replacement', () => {
      using selector = createSelector<string>(backend);
      const old = new ForeignFile(socketPair()[0].detach());
      const { fd } = old;
      selector.register(old, EVENT_READ, 'old');
      closeSync(fd);
      const [near, peer] = successor(fd);
      old.fileno = () => {
        if (selector.getKey(fd).data === 'old') {
          selector.unregister(fd);
          selector.register(fd, EVENT_READ, 'inner');
        }
        return -1;
      };
      expect(refusal(() => selector.register(near, EVENT_WRITE, 'outer'))).toBe(
        'StateError ERR_ALREADY_REGISTERED',
      );
      selector.verify();
      send(peer);
      expect(selector.select(0).map(([key, events]) => [key.data, events])).toEqual([['inner', EVENT_READ]]);
    });

    it('does not confuse a key with the file that got its number', () => {
      using selector = createSelector<string>(backend);
      const [near, far] = Socket.pair();
      const fd = near.fileno();
      selector.register(near, EVENT_READ, 'old');
      send(far);
      near.close();
      const successor = reuse(fd, () => socketPair()[0]);
      expect(selector.getMap().has(fd)).toBe(false);
      const key = selector.register(successor, EVENT_READ, 'new');
      expect(selector.select(0)).toEqual([]);
      expect(selector.getKey(fd)).toBe(key);
      far.close();
    });
  });
}
