/** What is special to epoll: files, nesting, exclusive registrations, and registrations that outlive their number. */

import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createSelector,
  Epoll,
  EpollSelector,
  EVENT_INVALID,
  EVENT_PRIORITY,
  EVENT_READ,
  EVENT_READ_CLOSED,
  EVENT_WRITE,
  PollSelector,
  type Selector,
  Socket,
  selectorBackends,
  type TriggerMode,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { duplicate, isCloseOnExec, openDescriptors } from '../support/descriptors.js';
import { timed } from '../support/expecting.js';
import { ForeignFile, reuse } from '../support/numbers.js';
import { drain, readableSockets, send, socketPair } from '../support/pairs.js';
import { writeLater } from '../support/processes.js';
import { refusal } from '../support/refusals.js';
import { exitOf, messageOf, startWorker } from '../support/workers.js';

const EPOLLEXCLUSIVE = 1 << 28;

/** The event bits that the kernel has for `fd`, epoll's own flags included. */
function kernelBits(selector: EpollSelector, fd: number): number {
  const list = readFileSync(`/proc/self/fdinfo/${selector.fileno()}`, 'utf8');
  const [, bits] = new RegExp(`^tfd:\\s*${fd} events:\\s*([\\da-f]+)`, 'm').exec(list) ?? [];
  if (bits === undefined) throw new Error(`the kernel does not watch ${fd}`);
  return Number.parseInt(bits, 16);
}

/** A number that is closed while a duplicate keeps its file open, after `use` had it; the duplicate. */
function closedButAlive(use: (fd: number) => void): { fd: number; copy: number; peer: Socket } {
  const [near, peer] = socketPair();
  const fd = near.detach();
  const copy = duplicate(fd);
  use(fd);
  closeSync(fd);
  return { fd, copy, peer };
}

describe.skipIf(!selectorBackends().includes('epoll'))('epoll selector', () => {
  describe('files', () => {
    it('refuses a regular file and says what to do instead', () => {
      using selector = new EpollSelector();
      const fd = openSync(import.meta.filename, 'r');
      expect(refusal(() => selector.register(fd, EVENT_READ))).toBe('SystemError EPERM');
      expect(() => selector.register(fd, EVENT_READ)).toThrow(
        `epoll_ctl EPERM (fd ${fd}): EpollSelector cannot watch a regular file: files are always ready, ` +
          'so read it at once, or use PollSelector',
      );
      expect(selector.getMap().size).toBe(0);
      selector.verify();
      using advised = new PollSelector();
      expect(advised.register(fd, EVENT_READ).fd).toBe(fd);
      expect(advised.select()).toHaveLength(1);
      closeSync(fd);
      advised.unregister(fd);
    });

    it('names a directory and a device as what they are', () => {
      using selector = new EpollSelector();
      for (const [path, kind] of [
        ['/', 'a directory'],
        ['/dev/null', 'such a file'],
      ] as const) {
        const fd = openSync(path, 'r');
        expect(() => selector.register(fd, EVENT_READ)).toThrow(`cannot watch ${kind}`);
        closeSync(fd);
      }
    });

    it('keeps a stale key whose number a regular file has got', () => {
      using selector = new EpollSelector<string>();
      const old = new ForeignFile(socketPair()[0].detach());
      const { fd } = old;
      const key = selector.register(old, EVENT_READ, 'old');
      closeSync(fd);
      old.fd = -1;
      const file = reuse(fd, () => {
        const opened = openSync(import.meta.filename, 'r');
        return { fileno: () => opened, close: () => closeSync(opened) };
      });
      expect(refusal(() => selector.register(file, EVENT_READ, 'new'))).toBe('SystemError EPERM');
      expect(selector.getMap().get(fd)).toBe(key);
      expect(selector.select(0)).toEqual([]);
      if (selector.getMap().has(fd)) selector.unregister(old);
      file.close();
    });
  });

  describe('nesting', () => {
    it('is ready when what it watches is', () => {
      for (const backend of selectorBackends()) {
        using outer = createSelector<string>(backend);
        using inner = new EpollSelector<string>();
        if (backend === 'kqueue') continue;
        const [near, far] = socketPair();
        inner.register(near, EVENT_READ, 'near');
        const key = outer.register(inner, EVENT_READ, 'inner');
        expect(key).toMatchObject({ fileobj: inner, fd: inner.fileno() });
        expect(outer.select(0)).toEqual([]);
        send(far);
        expect(outer.select(1000)).toEqual([[key, EVENT_READ]]);
        expect(inner.select(0).map(([{ data }]) => data)).toEqual(['near']);
        drain(near);
        expect(outer.select(0)).toEqual([]);
        outer.unregister(inner);
      }
    });

    it('is not ready when it was woken while nobody waited on it', () => {
      using outer = new EpollSelector();
      using inner = new EpollSelector();
      outer.register(inner, EVENT_READ);
      inner.wakeup();
      // A selector that nobody waits on is woken without a system call, so the outer one does not hear of it.
      expect(outer.select(0)).toEqual([]);
      expect(inner.select(60_000)).toEqual([]);
      expect(outer.select(0)).toEqual([]);
      outer.unregister(inner);
    });

    it('leaves the one that watches it when it closes', () => {
      using outer = new EpollSelector();
      const inner = new EpollSelector();
      outer.register(inner, EVENT_READ);
      inner.close();
      expect(outer.getMap().size).toBe(0);
      outer.verify();
    });

    it('refuses to watch itself', () => {
      using selector = new EpollSelector();
      expect(refusal(() => selector.register(selector, EVENT_READ))).toBe('SystemError EINVAL');
      expect(selector.getMap().size).toBe(0);
      selector.verify();
    });

    it('refuses a circle', () => {
      using one = new EpollSelector();
      using other = new EpollSelector();
      one.register(other, EVENT_READ);
      expect(refusal(() => other.register(one, EVENT_READ))).toBe('SystemError ELOOP');
      expect(other.getMap().size).toBe(0);
      one.verify();
      other.verify();
      one.unregister(other);
      expect(other.register(one, EVENT_READ).fd).toBe(one.fileno());
      other.unregister(one);
    });

    it('refuses a chain that is too long, and keeps what was there', () => {
      const chain = [new EpollSelector()];
      let refused = '';
      while (chain.length < 12 && refused === '') {
        const outer = new EpollSelector();
        try {
          outer.register(chain.at(-1) as EpollSelector, EVENT_READ);
          chain.push(outer);
        } catch {
          refused = refusal(() => outer.register(chain.at(-1) as EpollSelector, EVENT_READ));
          expect(outer.getMap().size).toBe(0);
          outer.close();
        }
      }
      expect(refused).toBe('SystemError ELOOP');
      const [near, far] = socketPair();
      chain[0]?.register(near, EVENT_READ);
      send(far);
      expect(chain.at(-1)?.select(1000)).toHaveLength(1);
      for (const selector of chain.reverse()) selector.close();
    });

    it('goes on waking the one that watches it after its kernel set was rebuilt', () => {
      using outer = new EpollSelector<string>();
      using inner = new EpollSelector<string>();
      const [near, far] = socketPair();
      inner.register(near, EVENT_READ, 'near');
      const key = outer.register(inner, EVENT_READ, 'inner');
      const { fd, copy, peer } = closedButAlive((number) => inner.register(number, EVENT_READ, 'zombie'));
      inner.unregister(fd);
      send(peer);
      for (let wait = 0; wait < 3; wait++) expect(inner.select(0)).toEqual([]);
      expect(inner.stats.rebuilds).toBe(1);
      send(far);
      expect(outer.select(100)).toEqual([[key, EVENT_READ]]);
      outer.verify();
      outer.unregister(inner);
      closeSync(copy);
    });
  });

  describe('exclusive registrations', () => {
    it('are exclusive in the kernel, and stay so', () => {
      using selector = new EpollSelector<string>();
      const [near, far] = socketPair();
      const fd = near.fileno();
      selector.register(near, EVENT_READ, 'data', { exclusive: true });
      expect(kernelBits(selector, fd) & EPOLLEXCLUSIVE).toBe(EPOLLEXCLUSIVE);
      send(far);
      expect(selector.select(0).map(([, events]) => events)).toEqual([EVENT_READ]);
      selector.modify(near, EVENT_READ | EVENT_WRITE, 'data');
      expect(kernelBits(selector, fd) & EPOLLEXCLUSIVE).toBe(EPOLLEXCLUSIVE);
      expect(selector.select(0).map(([, events]) => events)).toEqual([EVENT_READ | EVENT_WRITE]);
      selector.modify(near, EVENT_READ, 'data', { exclusive: false });
      expect(kernelBits(selector, fd) & EPOLLEXCLUSIVE).toBe(0);
      selector.modify(near, EVENT_READ, 'data', { exclusive: true });
      expect(kernelBits(selector, fd) & EPOLLEXCLUSIVE).toBe(EPOLLEXCLUSIVE);
      expect(selector.select(0)).toHaveLength(1);
      selector.verify();
    });

    it('may be edge-triggered, and are rearmed', () => {
      using selector = new EpollSelector();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, undefined, { exclusive: true, mode: 'edge' });
      send(far);
      expect(selector.select(0)).toHaveLength(1);
      expect(selector.select(0)).toEqual([]);
      selector.rearm(near);
      expect(kernelBits(selector, near.fileno()) & EPOLLEXCLUSIVE).toBe(EPOLLEXCLUSIVE);
      expect(selector.select(0)).toHaveLength(1);
      expect(selector.select(0)).toEqual([]);
    });

    it('are refused for anything but READ and WRITE, level or edge', () => {
      using selector = new EpollSelector();
      const [near] = socketPair();
      const refused: [number, 'level' | 'oneshot' | 'edge-oneshot'][] = [
        [EVENT_READ_CLOSED, 'level'],
        [EVENT_READ | EVENT_READ_CLOSED, 'level'],
        [EVENT_READ | EVENT_PRIORITY, 'level'],
        [EVENT_READ, 'oneshot'],
        [EVENT_READ, 'edge-oneshot'],
      ];
      for (const [events, mode] of refused) {
        const call = () => selector.register(near, events, undefined, { mode, exclusive: true });
        expect(refusal(call)).toBe('StateError ERR_UNSUPPORTED');
        expect(selector.getMap().size).toBe(0);
      }
      selector.verify();
      // An exclusive registration cannot become what it could not have been.
      const key = selector.register(near, EVENT_READ, undefined, { exclusive: true });
      expect(refusal(() => selector.modify(near, EVENT_READ_CLOSED))).toBe('StateError ERR_UNSUPPORTED');
      expect(refusal(() => selector.modify(near, EVENT_READ, undefined, { mode: 'oneshot' }))).toBe(
        'StateError ERR_UNSUPPORTED',
      );
      expect(selector.getKey(near)).toBe(key);
      const freed = selector.modify(near, EVENT_READ_CLOSED, undefined, { exclusive: false });
      expect(freed.events).toBe(EVENT_READ_CLOSED);
    });

    it('are refused by the kernel for a selector, which changes nothing', () => {
      using outer = new EpollSelector<string>();
      using inner = new EpollSelector();
      const [near, far] = socketPair();
      inner.register(near, EVENT_READ);
      const exclusive = { exclusive: true };
      expect(refusal(() => outer.register(inner, EVENT_READ, 'x', exclusive))).toBe('SystemError EINVAL');
      expect(outer.getMap().size).toBe(0);
      const key = outer.register(inner, EVENT_READ, 'inner');
      expect(refusal(() => outer.modify(inner, EVENT_READ, 'x', exclusive))).toBe('SystemError EINVAL');
      expect(outer.getKey(inner)).toBe(key);
      outer.verify();
      send(far);
      expect(outer.select(1000)).toEqual([[key, EVENT_READ]]);
      outer.unregister(inner);
    });

    it('leave a fired oneshot registration mute where the kernel refuses to make it one', () => {
      using outer = new EpollSelector<string>();
      using inner = new EpollSelector();
      const [near, far] = socketPair();
      inner.register(near, EVENT_READ);
      const key = outer.register(inner, EVENT_READ, 'inner', { mode: 'oneshot' });
      send(far);
      expect(outer.select(1000)).toEqual([[key, EVENT_READ]]);
      const call = () => outer.modify(inner, EVENT_READ, 'x', { mode: 'level', exclusive: true });
      expect(refusal(call)).toBe('SystemError EINVAL');
      outer.verify();
      expect(outer.getKey(inner)).toBe(key);
      expect(outer.select(0)).toEqual([]);
      outer.unregister(inner);
    });

    it.each([
      ['without it each of four threads wakes', false],
      ['with it not all of them do', true],
    ])('keep a herd from one connection: %s', async (_, exclusive) => {
      using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
      const workers = Array.from({ length: 4 }, () =>
        startWorker('exclusive-waiter.mjs', { fd: listener.fileno(), exclusive, timeout: 2000 }),
      );
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      // They have said so just before they wait.
      await sleep(200);
      const answers = workers.map((worker) => once(worker, 'message'));
      using client = new Socket();
      client.connect(listener.localAddress);
      const woken = (await Promise.all(answers)).reduce((sum, [events]) => sum + Number(events), 0);
      expect(woken).toBeGreaterThanOrEqual(1);
      if (exclusive) expect(woken).toBeLessThan(4);
      else expect(woken).toBe(4);
    });
  });

  describe('verify()', () => {
    it('notices what somebody else does to the set of the kernel', () => {
      using selector = new EpollSelector();
      using shared = Epoll.fromFd(duplicate(selector));
      const [near, far] = socketPair();
      const [fd, stranger] = [near.fileno(), far.fileno()];
      const expectBroken = (how: string) =>
        expect(() => selector.verify()).toThrow(`selector invariant broken: ${how}`);
      selector.register(near, EVENT_READ, undefined, { mode: 'oneshot' });
      selector.verify();

      send(far);
      expect(shared.poll(0)).toHaveLength(1);
      expectBroken(`${fd} is watched for nothing, not for READ`);
      selector.rearm(near);
      selector.verify();

      shared.register(far, 0);
      expectBroken(`${stranger} is watched for a registration that is gone`);
      shared.unregister(far);
      selector.verify();

      shared.modify(near, 0);
      expectBroken(`${fd} is watched for a registration that is gone`);
      shared.unregister(near);
      expectBroken('0 descriptors are watched, not 1');
      selector.unregister(near);
    });
  });

  describe('registrations whose descriptor was closed while a duplicate lives', () => {
    /** A selector with one of them that has something to report, and then `count` others that have. */
    function selectorWithZombie(count: number, mode: TriggerMode = 'level') {
      const selector = new EpollSelector<string>();
      const { fd, copy, peer } = closedButAlive((number) => selector.register(number, EVENT_READ, 'zombie'));
      selector.unregister(fd);
      send(peer);
      for (const [index, other] of readableSockets(count).entries()) {
        selector.register(other, EVENT_READ, `other ${index}`, { mode });
      }
      return {
        selector,
        [Symbol.dispose]() {
          closeSync(copy);
          selector.close();
        },
      };
    }

    /** Until the selector has noticed. */
    function settle(selector: Selector<string>): void {
      for (let wait = 0; wait < 3; wait++) selector.select(0);
      selector.verify();
    }

    it('are not reported, and cost one rebuild', () => {
      using scene = selectorWithZombie(0);
      const { selector } = scene;
      for (let wait = 0; wait < 10; wait++) expect(selector.select(0)).toEqual([]);
      expect(selector.stats).toMatchObject({ events: 0, rebuilds: 1 });
      selector.verify();
    });

    it('leave the processor idle afterwards', () => {
      using scene = selectorWithZombie(0);
      const { selector } = scene;
      settle(selector);
      const { waits } = selector.stats;
      const before = process.cpuUsage();
      const [ready, elapsed] = timed(() => selector.select(300));
      const { user, system } = process.cpuUsage(before);
      expect(ready).toEqual([]);
      expect(elapsed).toBeGreaterThanOrEqual(300);
      expect(selector.stats.waits).toBe(waits + 1);
      expect(selector.stats.rebuilds).toBe(1);
      // Microseconds; a spin would take all of the 300 ms.
      expect(user + system).toBeLessThan(150_000);
    });

    it('do not end a wait before its timeout', () => {
      using scene = selectorWithZombie(0);
      const [ready, elapsed] = timed(() => scene.selector.select(30));
      expect(ready).toEqual([]);
      expect(elapsed).toBeGreaterThanOrEqual(30);
    });

    it('do not make a wait longer, when they come in the middle of it', async () => {
      const [half, whole] = [200, 400];
      let best = Number.POSITIVE_INFINITY;
      // A busy machine makes any wait longer, or the byte late: one round in which neither happens is enough.
      for (let round = 0; round < 10 && best >= whole + half / 2; round++) {
        using selector = new EpollSelector<string>();
        const { fd, copy, peer } = closedButAlive((number) =>
          selector.register(number, EVENT_READ, 'zombie'),
        );
        selector.unregister(fd);
        await writeLater(peer, half);
        const [ready, elapsed] = timed(() => selector.select(whole));
        expect(ready).toEqual([]);
        expect(elapsed).toBeGreaterThanOrEqual(whole);
        if (selector.stats.rebuilds === 1) best = Math.min(best, elapsed);
        closeSync(copy);
      }
      expect(best).toBeLessThan(whole + half / 2);
    });

    it('take no other event its place, however full the results are', () => {
      for (const count of [1, 63, 64, 65, 128]) {
        using scene = selectorWithZombie(count);
        const { selector } = scene;
        const counts = [0, 1, 2].map(() => selector.select(1000).length);
        expect(counts).toEqual([count, count, count]);
        expect(selector.stats.rebuilds).toBe(1);
        selector.verify();
      }
    });

    it.each(['edge', 'oneshot', 'edge-oneshot'] as const)(
      'lose no event of mode %s, however full the results are',
      (mode) => {
        for (const count of [63, 64, 65]) {
          using scene = selectorWithZombie(count, mode);
          const { selector } = scene;
          const seen = [0, 1, 2].flatMap(() => selector.select(0).map(([key]) => key.data));
          expect(new Set(seen).size).toBe(count);
          if (mode !== 'edge') expect(seen).toHaveLength(count);
          selector.verify();
        }
      },
    );

    it('can be many, and still cost one rebuild', () => {
      using selector = new EpollSelector<string>();
      const [near, far] = socketPair();
      selector.register(near, EVENT_READ, 'near');
      const zombies = Array.from({ length: 10 }, () =>
        closedButAlive((fd) => selector.register(fd, EVENT_READ, 'zombie')),
      );
      for (const { fd } of zombies) if (selector.getMap().has(fd)) selector.unregister(fd);
      for (const { peer } of zombies) send(peer);
      settle(selector);
      expect(selector.stats.rebuilds).toBe(1);
      send(far);
      expect(selector.select(0).map(([key]) => key.data)).toEqual(['near']);
      for (const { copy } of zombies) closeSync(copy);
    });

    it('do not reach the file that got the number', () => {
      using selector = new EpollSelector<string>();
      const { fd, copy, peer } = closedButAlive((number) => selector.register(number, EVENT_READ, 'old'));
      const successor = reuse(fd, () => socketPair()[0]);
      const key = selector.register(successor, EVENT_READ, 'new');
      send(peer);
      const seen = [0, 1, 2].flatMap(() => selector.select(0));
      expect(seen.map(([{ data }, events]) => [data, events])).toEqual([['old', EVENT_INVALID | EVENT_READ]]);
      expect(selector.getKey(fd)).toBe(key);
      expect(selector.stats.rebuilds).toBeLessThanOrEqual(1);
      selector.verify();
      closeSync(copy);
    });

    it('leave modes as they were when the set is rebuilt', () => {
      using scene = selectorWithZombie(0);
      const { selector } = scene;
      const [fired, armed, edge] = readableSockets(3) as [Socket, Socket, Socket];
      selector.register(fired, EVENT_READ, 'fired', { mode: 'oneshot' });
      expect(selector.select(0).map(([key]) => key.data)).toEqual(['fired']);
      // Not ready any more: had the rebuild armed it, it would stay armed.
      drain(fired);
      selector.register(armed, EVENT_READ, 'armed', { mode: 'oneshot' });
      selector.register(edge, EVENT_READ, 'edge', { mode: 'edge' });
      const seen = [0, 1, 2].flatMap(() => selector.select(0).map(([key]) => key.data));
      expect(selector.stats.rebuilds).toBe(1);
      expect(seen).not.toContain('fired');
      expect(seen.filter((data) => data === 'armed')).toHaveLength(1);
      expect(seen).toContain('edge');
      selector.verify();
      selector.modify(fired, EVENT_WRITE, 'fired');
      expect(selector.select(0).map(([key]) => key.data)).toContain('fired');
    });

    it('stay exclusive when the set is rebuilt', () => {
      using scene = selectorWithZombie(0);
      const { selector } = scene;
      const [near] = socketPair();
      selector.register(near, EVENT_READ, 'near', { exclusive: true });
      settle(selector);
      expect(selector.stats.rebuilds).toBe(1);
      expect(kernelBits(selector, near.fileno()) & EPOLLEXCLUSIVE).toBe(EPOLLEXCLUSIVE);
    });

    it('report keys that turn out to be closed as well when the set is rebuilt', () => {
      using scene = selectorWithZombie(0);
      const { selector } = scene;
      const closed = socketPair()[0].detach();
      const key = selector.register(closed, EVENT_READ, 'closed');
      closeSync(closed);
      const seen = [0, 1, 2].flatMap(() => selector.select(0));
      expect(seen).toEqual([[key, EVENT_INVALID | EVENT_READ]]);
      expect(selector.getMap().size).toBe(0);
    });

    it('can be woken after the set was rebuilt', () => {
      using scene = selectorWithZombie(0);
      const { selector } = scene;
      settle(selector);
      selector.wakeup();
      expect(selector.select()).toEqual([]);
      expect(timed(() => selector.select(10))[1]).toBeGreaterThanOrEqual(10);
    });

    it('can be woken in a wait after the set was rebuilt', async () => {
      using scene = selectorWithZombie(0);
      const { selector } = scene;
      settle(selector);
      const words = new Int32Array(new SharedArrayBuffer(12));
      const handles = [selector.waker.handle];
      const worker = startWorker('waking-worker.mjs', { how: 'once', handles, words, delay: 50 });
      await messageOf(worker);
      const exit = exitOf(worker);
      Atomics.store(words, 0, 1);
      Atomics.notify(words, 0);
      const [ready, elapsed] = timed(() => selector.select(10_000));
      expect(ready).toEqual([]);
      expect(elapsed).toBeLessThan(10_000);
      expect(await exit).toBe(0);
    });

    it('leave no descriptor behind, and the set close-on-exec, where it is rebuilt', () => {
      using scene = selectorWithZombie(0);
      const before = openDescriptors();
      settle(scene.selector);
      expect(scene.selector.stats.rebuilds).toBe(1);
      expect(openDescriptors()).toEqual(before);
      expect(isCloseOnExec(scene.selector.fileno())).toBe(true);
    });
  });
});
