/** What idle registrations cost: epoll nothing, as the kernel and the selector count it. */
import {
  AF_UNIX,
  createSelector,
  EVENT_READ,
  EVENT_WRITE,
  type Selector,
  SOCK_DGRAM,
  Socket,
  selectorBackends,
} from 'iomux';
import { describe, expect, it } from 'vitest';

const MANY = 9_000;
const FEW = 10;
const WAITS = 200;
const byte = Buffer.alloc(1);

/** A registration that can be made ready, between sockets that have nothing to say. */
class Crowd implements Disposable {
  readonly idle: Socket[] = [];
  readonly #pair = Socket.pair();

  constructor(
    readonly selector: Selector<Socket>,
    count: number,
  ) {
    const [near] = this.#pair;
    for (let i = 1; i < count; i++) {
      if (i === count >> 1) selector.register(near, EVENT_READ, near);
      const socket = new Socket(AF_UNIX, SOCK_DGRAM);
      this.idle.push(socket);
      selector.register(socket, EVENT_READ, socket);
    }
  }

  get near(): Socket {
    return this.#pair[0];
  }

  say(): void {
    this.#pair[1].send(byte);
  }

  /** The median of what a wait takes that finds one socket ready, in milliseconds. */
  medianWait(): number {
    const times = Array.from({ length: WAITS }, () => {
      this.say();
      const start = performance.now();
      const delivered = this.selector.dispatch(0, () => {});
      const elapsed = performance.now() - start;
      expect(delivered).toBe(1);
      this.near.recv(byte);
      return elapsed;
    });
    return times.sort((a, b) => a - b)[WAITS >> 1] as number;
  }

  [Symbol.dispose](): void {
    for (const socket of [...this.idle, ...this.#pair]) socket.close();
  }
}

describe.skipIf(!selectorBackends().includes('epoll'))(`epoll selector, ${MANY} idle registrations`, () => {
  it('delivers what is ready and meets nothing else', () => {
    using selector = createSelector<Socket>('epoll');
    using crowd = new Crowd(selector, MANY);
    expect(selector.getMap().size).toBe(MANY);
    const before = selector.stats;
    const seen: (readonly [Socket, number])[] = [];
    for (let i = 0; i < WAITS; i++) {
      crowd.say();
      expect(selector.dispatch(null, (key, events) => seen.push([key.data, events]))).toBe(1);
      crowd.near.recv(byte);
    }
    expect(seen).toEqual(Array.from({ length: WAITS }, () => [crowd.near, EVENT_READ]));
    expect(selector.select(0)).toEqual([]);
    expect(selector.stats).toEqual({
      waits: before.waits + WAITS + 1,
      emptyWaits: before.emptyWaits + 1,
      events: before.events + WAITS,
      staleEvents: 0,
      rebuilds: 0,
    });
  });

  it('delivers all of them in one wait when all are ready, each once', () => {
    using selector = createSelector<Socket>('epoll');
    using crowd = new Crowd(selector, MANY);
    for (const socket of crowd.idle) selector.modify(socket, EVENT_READ | EVENT_WRITE, socket);
    const seen: Socket[] = [];
    expect(selector.dispatch(0, (key) => seen.push(key.data))).toBe(crowd.idle.length);
    expect(new Set(seen)).toEqual(new Set(crowd.idle));
  });

  it('spends no processor time while nothing happens', () => {
    using selector = createSelector<Socket>('epoll');
    using _crowd = new Crowd(selector, MANY);
    const duration = 500;
    selector.select(1);
    const before = process.cpuUsage();
    expect(selector.select(duration)).toEqual([]);
    const { user, system } = process.cpuUsage(before);
    // Other threads of this process may have something to do; a wait that looks around again and again uses it all.
    expect((user + system) / 1000).toBeLessThan(duration / 2);
  });

  it('waits about as long with them as with a few', () => {
    using crowded = createSelector<Socket>('epoll');
    using quiet = createSelector<Socket>('epoll');
    using many = new Crowd(crowded, MANY);
    using few = new Crowd(quiet, FEW);
    // In turns, so that a busy machine slows both; the first turn is for the compiler.
    const turns = Array.from({ length: 6 }, () => [many.medianWait(), few.medianWait()] as const).slice(1);
    const best = (which: 0 | 1) => Math.min(...turns.map((turn) => turn[which]));
    // To look at each of them would take hundreds of times as long.
    expect(best(0)).toBeLessThanOrEqual(5 * best(1));
  });
});
