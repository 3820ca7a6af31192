/** A wait set, called directly: results smaller than what is ready, and a wait that is resumed. */
import { closeSync } from 'node:fs';
import { constants as os } from 'node:os';
import { constants, EVENT_INVALID, EVENT_READ, type Socket, selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { native } from '../../lib/native/load.js';
import { isEmulated } from '../support/emulation.js';
import { timed } from '../support/expecting.js';
import { drain, readableSockets, socketPair } from '../support/pairs.js';

/** Beside the count: the wait has ended, whatever was reported. */
const ENDED = 0x4000_0000;
const { errno } = os;
const { EPOLL_CTL_ADD = 0, EPOLLIN = 0, EPOLLONESHOT = 0 } = constants;

/** What a selector's kernel set asks of the addon, and nothing beside it. */
class BareWaitSet implements Disposable {
  readonly shared = new Int32Array(new SharedArrayBuffer(12));
  readonly #id: number;
  readonly #epfd: number | undefined;

  constructor(backend: string) {
    const open = (native as unknown as Record<string, (shared: Int32Array) => number>)[`${backend}Open`];
    this.#id = open?.(this.shared) ?? -1;
    if (backend === 'epoll') this.#epfd = native.epollDescriptor?.(this.#id);
  }

  add(fd: number, generation: number, oneshot = false): void {
    const status =
      this.#epfd === undefined
        ? native.waitSetControl(this.#id, fd, generation, EVENT_READ, 0, Number(oneshot))
        : native.epollControl?.(
            this.#epfd,
            EPOLL_CTL_ADD,
            fd,
            generation,
            EPOLLIN | (oneshot ? EPOLLONESHOT : 0),
          );
    expect(status).toBe(0);
  }

  get id(): number {
    return this.#id;
  }

  /** The triples of one wait that does not block and has room for `room` of them. */
  take(room: number): number[][] {
    const results = new Int32Array(3 * room + 2);
    const count = native.waitSetWait(this.#id, results.buffer, 0);
    expect([...results.subarray(3 * count)].filter((word) => word !== 0)).toEqual([]);
    return Array.from({ length: count }, (_, index) => [...results.subarray(3 * index, 3 * index + 3)]);
  }

  remove(fd: number): number {
    return native.waitSetRemove(this.#id, fd);
  }

  get handle(): number {
    return native.waitSetWaker(this.#id);
  }

  dump(into: Int32Array): number {
    return native.waitSetDump(this.#id, into);
  }

  wait(milliseconds: number): number {
    return native.waitSetWait(this.#id, new ArrayBuffer(12), milliseconds);
  }

  resume(): number {
    return native.waitSetResume(this.#id, new ArrayBuffer(12));
  }

  [Symbol.dispose](): void {
    native.waitSetClose(this.#id);
  }
}

function sorted(triples: number[][]): number[][] {
  return triples.sort(([one = 0], [other = 0]) => one - other);
}

function triplesOf(sockets: readonly Socket[], events = EVENT_READ): number[][] {
  return sorted(sockets.map((socket, index) => [socket.fileno(), index, events]));
}

for (const backend of selectorBackends().filter((name) => !isEmulated(name))) {
  describe(`a wait set of ${backend}, called directly`, () => {
    for (const room of [1, 3, 64, 99, 100]) {
      it(`gives each of 100 ready descriptors its turn where there is room for ${room}`, () => {
        using set = new BareWaitSet(backend);
        const sockets = readableSockets(100);
        for (const [generation, socket] of sockets.entries()) set.add(socket.fileno(), generation);
        const seen: number[][] = [];
        // As many as fit, whatever was reported before: whole rounds, each of which may begin anywhere.
        for (let wait = 0; wait < sockets.length; wait++) {
          const triples = set.take(room);
          expect(triples).toHaveLength(room);
          seen.push(...triples);
        }
        const times = new Map(sockets.map((socket) => [socket.fileno(), 0]));
        for (const [fd = -1] of seen) times.set(fd, (times.get(fd) ?? 0) + 1);
        expect([...times.values()]).toEqual(sockets.map(() => room));
        expect(sorted([...new Map(seen.map((triple) => [triple[0], triple])).values()])).toEqual(
          triplesOf(sockets),
        );
      });
    }

    it('has a number that no other gets, even after its end', () => {
      const numbers = Array.from({ length: 5 }, () => {
        using set = new BareWaitSet(backend);
        return set.id;
      });
      expect(new Set(numbers).size).toBe(5);
      using last = new BareWaitSet(backend);
      for (const id of numbers) {
        expect(native.waitSetWait(id, new ArrayBuffer(12), 0)).toBe(-errno.EBADF);
        native.waitSetClose(id);
      }
      expect(last.take(1)).toEqual([]);
    });

    it('reports each oneshot registration once, also those for which there was no room at first', () => {
      using set = new BareWaitSet(backend);
      const sockets = readableSockets(5);
      for (const [generation, socket] of sockets.entries()) set.add(socket.fileno(), generation, true);
      const seen = [...set.take(2), ...set.take(2), ...set.take(2)];
      expect(sorted(seen)).toEqual(triplesOf(sockets));
      expect(set.take(2)).toEqual([]);
    });

    it.skipIf(backend === 'epoll' || backend === 'kqueue')(
      'reports each closed descriptor once, also those for which there was no room at first',
      () => {
        using set = new BareWaitSet(backend);
        const sockets = readableSockets(5);
        const expected = triplesOf(sockets, EVENT_INVALID);
        for (const [generation, socket] of sockets.entries()) set.add(socket.fileno(), generation);
        for (const socket of sockets) closeSync(socket.detach());
        const seen = [...set.take(2), ...set.take(2), ...set.take(2)];
        expect(sorted(seen)).toEqual(expected);
        expect(set.take(2)).toEqual([]);
        // Nor is any of them said again with the next one.
        const [late] = readableSockets(1) as [Socket];
        set.add(late.fileno(), 5);
        const fd = late.detach();
        closeSync(fd);
        expect(set.take(2)).toEqual([[fd, 5, EVENT_INVALID]]);
      },
    );

    it.skipIf(backend === 'epoll')('shows no more registrations than there is room for', () => {
      using set = new BareWaitSet(backend);
      const sockets = readableSockets(5);
      for (const [generation, socket] of sockets.entries()) set.add(socket.fileno(), generation);
      for (const room of [0, 1, 2, 5, 6]) {
        const memory = new Int32Array(24).fill(-7);
        const count = Math.min(room, 5);
        for (const spare of [0, 1, 2]) {
          expect(set.dump(memory.subarray(0, 3 * room + spare))).toBe(count);
          expect([...memory.subarray(3 * count)].filter((word) => word !== -7)).toEqual([]);
        }
      }
    });

    it.skipIf(backend === 'epoll')('says so where there is nothing to remove', () => {
      using set = new BareWaitSet(backend);
      const [low, high] = readableSockets(2).map((socket) => socket.fileno()) as [number, number];
      set.add(high, 1);
      for (const fd of [low, high + 1, 1_000_000]) expect(set.remove(fd)).toBe(-errno.ENOENT);
      expect(set.remove(high)).toBe(0);
      expect(set.remove(high)).toBe(-errno.ENOENT);
      expect(set.take(1)).toEqual([]);
    });

    it('counts its senders in and out, and wakes nobody once it is closed', () => {
      const set = new BareWaitSet(backend);
      const { handle, shared } = set;
      expect(native.wakerWake(handle, shared)).toBe(1);
      expect([...shared.subarray(0, 2)]).toEqual([2, 0]);
      expect(set.wait(1000)).toBe(ENDED);
      set[Symbol.dispose]();
      for (let wake = 0; wake < 3; wake++) {
        expect(native.wakerWake(handle, shared)).toBe(0);
        expect([...shared.subarray(0, 2)]).toEqual([3, 0]);
      }
    });

    it('resumes a wait until the end of its own time', () => {
      using set = new BareWaitSet(backend);
      const [near, far] = socketPair();
      set.add(near.fileno(), 1);
      far.send(Buffer.from('x'));
      const start = performance.now();
      expect(set.wait(1000)).toBe(1);
      drain(near);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 900);
      const [outcome, elapsed] = timed(() => set.resume());
      expect(outcome & ~ENDED).toBe(0);
      expect(performance.now() - start).toBeGreaterThanOrEqual(1000);
      // A whole time of its own would be as long as this.
      expect(elapsed).toBeLessThan(1000);
    });

    it('does not resume a wait whose time is over, whatever is ready', () => {
      using set = new BareWaitSet(backend);
      set.add(readableSockets(1)[0]?.fileno() as number, 1);
      for (const milliseconds of [0, 1]) {
        expect(set.wait(milliseconds)).toBe(1);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
        expect(set.resume()).toBe(ENDED);
      }
    });
  });
}
