/** Messages from other threads to a reactor: none lost, none reordered, each a copy. */
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { type ErrorContext, EVENT_READ, Reactor, Remote } from 'iomux';
import { describe, expect, it } from 'vitest';
import { GatedWorkers } from '../support/gate.js';
import { send, socketPair } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { play, runFor, runToStop } from '../support/running.js';

const FIXTURE = 'posting-worker.mjs';
const THREADS = 8;
const COUNT = 10_000;
/** A wait that lasts this long was not woken. */
const LOST = 10_000;

interface Numbered {
  readonly sender: number;
  readonly number: number;
}

/** Takes `total` messages and stops. For each sender, how many came; throws where one is out of order. */
function takeInOrder(reactor: Reactor, total: number): number[] {
  const next: number[] = [];
  let taken = 0;
  reactor.onMessage = (value) => {
    const { sender, number } = value as Numbered;
    const expected = next[sender] ?? 0;
    if (number !== expected) throw new Error(`sender ${sender}: ${number} in place of ${expected}`);
    next[sender] = expected + 1;
    if (++taken === total) reactor.stop();
  };
  return next;
}

/** Takes `total` messages and stops. */
function take(reactor: Reactor, total: number): unknown[] {
  const taken: unknown[] = [];
  reactor.onMessage = (value) => {
    taken.push(value);
    if (taken.length === total) reactor.stop();
  };
  return taken;
}

/** Names and texts that need two bytes for each character. */
const WIDE = { ключ: 'значение', 鍵: ['値', '', '\u{1f600}'] };

describeReactors((setting, open) => {
  describe('messages', () => {
    it('come from many threads, none lost and those of each in order', async () => {
      const reactor = open();
      const next = takeInOrder(reactor, THREADS * COUNT);
      const { handle } = reactor.remote;
      const senders = new GatedWorkers(FIXTURE, THREADS, { how: 'posts', handle, count: COUNT });
      await senders.ready();
      const ended = senders.ended();
      senders.open();
      await runToStop(reactor, setting);
      expect(next).toEqual(Array.from({ length: THREADS }, () => COUNT));
      expect(senders.done).toBe(THREADS * COUNT);
      expect(await ended).toEqual(Array.from({ length: THREADS }, () => 0));
      // Nothing came twice.
      await runFor(reactor, setting, 5);
      expect(next).toEqual(Array.from({ length: THREADS }, () => COUNT));
    });

    it('come while descriptors, timers and callbacks have their turn as well', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      send(far);
      let [turns, timers, callbacks] = [0, 0, 0];
      // Never read: it is ready in each iteration.
      reactor.watch(near, EVENT_READ, () => turns++);
      const timer = reactor.callLater(0, () => {
        timers++;
        timer.reschedule(0);
      });
      const again = () => {
        callbacks++;
        reactor.callSoon(again);
      };
      again();
      const count = 5_000;
      const next = takeInOrder(reactor, 2 * count);
      const senders = new GatedWorkers(FIXTURE, 2, { how: 'posts', handle: reactor.remote.handle, count });
      await senders.ready();
      senders.open();
      await runToStop(reactor, setting);
      expect(next).toEqual([count, count]);
      expect(Math.min(turns, timers, callbacks)).toBeGreaterThan(1);
    });

    it('come by handles that were sent as messages', async () => {
      const reactor = open();
      const count = 100;
      const next = takeInOrder(reactor, 3 * count);
      const senders = new GatedWorkers(FIXTURE, 3, { how: 'posts by message', count });
      await senders.ready();
      const { handle } = reactor.remote;
      for (const worker of senders.workers) worker.postMessage(handle);
      await runToStop(reactor, setting);
      expect(next).toEqual([count, count, count]);
    });

    it('are copied between threads as structured clones, and memory is moved', async () => {
      const reactor = open();
      const taken = take(reactor, 3);
      const senders = new GatedWorkers(FIXTURE, 1, { how: 'posts values', handle: reactor.remote.handle });
      await senders.ready();
      senders.open();
      await runToStop(reactor, setting);
      const [{ map, cycle }, bytes, left] = taken as [
        { map: Map<string, Set<bigint>>; cycle: { self: unknown } },
        Uint8Array,
        number,
      ];
      expect(map).toEqual(new Map([['key', new Set([1n])]]));
      expect(cycle.self).toBe(cycle);
      expect([...bytes]).toEqual([1, 2, 3]);
      expect(left).toBe(0);
    });

    it('arrive in callbacks of the next iteration, before what is ready', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const order: string[] = [];
      const { remote } = reactor;
      reactor.onMessage = (value) => {
        order.push(`message ${value} ${reactor.state}`);
        if (value === 1) remote.post(2);
      };
      reactor.watch(near, EVENT_READ, (_, watcher) => {
        order.push('watcher');
        watcher.close();
        reactor.callSoon(() => reactor.callSoon(() => reactor.stop()));
      });
      reactor.callSoon(() => order.push('callback'));
      remote.post(1);
      expect(order).toEqual([]);
      send(far);
      await runToStop(reactor, setting);
      const { mode } = setting;
      expect(order).toEqual(['callback', `message 1 ${mode}`, 'watcher', `message 2 ${mode}`]);
    });

    it('wait until there is a handler, and while there is none', async () => {
      const reactor = open();
      const { remote } = reactor;
      for (const value of ['first', 'second', 'third']) expect(remote.post(value)).toBe(true);
      await runFor(reactor, setting, 2);
      expect(reactor.onMessage).toBeNull();
      const taken: unknown[] = [];
      const handler = (value: unknown) => {
        taken.push(value);
        reactor.onMessage = null;
      };
      reactor.onMessage = handler;
      expect(reactor.onMessage).toBe(handler);
      await runFor(reactor, setting, 2);
      expect(taken).toEqual(['first']);
      remote.post('fourth');
      await play(reactor, setting, async () => {
        reactor.onMessage = (value) => void taken.push(value);
        while (taken.length < 4) await new Promise((resolve) => reactor.callLater(1, () => resolve(null)));
      });
      expect(taken).toEqual(['first', 'second', 'third', 'fourth']);
    });

    it('leave no iteration without end behind where nobody takes them', async () => {
      const reactor = open();
      reactor.onMessage = () => {};
      reactor.onMessage = null;
      reactor.remote.post('left');
      await runFor(reactor, setting, 20);
      // A reactor that was kept busy would have waited thousands of times.
      expect(reactor.selector.stats.waits).toBeLessThan(20);
    });

    it('wake a reactor that waits for nothing else, once for many', async () => {
      const reactor = open();
      const count = 1_000;
      const taken = take(reactor, count);
      reactor.callSoon(() => {
        for (let i = 0; i < count; i++) reactor.remote.post(i);
      });
      await runToStop(reactor, setting);
      expect(taken).toEqual(Array.from({ length: count }, (_, i) => i));
      expect(reactor.selector.stats.waits).toBeLessThan(count / 10);
    });

    it('are taken in part by a run that is stopped, and the rest by the next', async () => {
      const reactor = open();
      const taken: unknown[] = [];
      reactor.onMessage = (value) => {
        taken.push(value);
        reactor.stop();
      };
      for (let i = 0; i < 3_000; i++) reactor.remote.post(i);
      await runToStop(reactor, setting);
      expect(taken.length).toBeLessThan(3_000);
      while (taken.length < 3_000) await runToStop(reactor, setting);
      expect(taken).toEqual(Array.from({ length: 3_000 }, (_, i) => i));
    });

    it('whose handler throws are reported, and the others come', async () => {
      const reports: [error: unknown, context: ErrorContext][] = [];
      const reactor = open({ onError: (error, context) => reports.push([error, context]) });
      const taken: unknown[] = [];
      const error = new Error('of a message');
      reactor.onMessage = (value) => {
        taken.push(value);
        if (value === 2) throw error;
        if (value === 3) reactor.stop();
      };
      for (const value of [1, 2, 3]) reactor.remote.post(value);
      await runToStop(reactor, setting);
      expect(taken).toEqual([1, 2, 3]);
      expect(reports).toEqual([[error, expect.objectContaining({ source: 'callback' })]]);
    });

    it('are refused after the close, in every thread', async () => {
      const reactor = open();
      reactor.onMessage = () => {
        if (senders.done > 100) reactor.stop();
      };
      const { remote } = reactor;
      const senders = new GatedWorkers(FIXTURE, 2, { how: 'posts without end', handle: remote.handle });
      await senders.ready();
      const last = Promise.all(
        senders.workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))),
      );
      const ended = senders.ended();
      senders.open();
      await runToStop(reactor, setting);
      reactor.close();
      expect(remote.post('too late')).toBe(false);
      expect(Remote.from(structuredClone(remote.handle)).post('too late')).toBe(false);
      expect(await last).toEqual([false, false]);
      expect(await ended).toEqual([0, 0]);
    });
  });

  describe.runIf(setting.mode === 'blocking')('wakes', () => {
    it('come from many threads, and none is lost', async () => {
      const reactor = open();
      const waker = reactor.selector.waker.handle;
      const wakers = new GatedWorkers(FIXTURE, THREADS, { how: 'wakes', waker, count: COUNT });
      await wakers.ready();
      const ended = wakers.ended();
      wakers.open();
      let late = 0;
      // What was counted before a wake that a run took is seen after it: a lost one would leave the run waiting.
      while (wakers.done < THREADS * COUNT) {
        const start = performance.now();
        reactor.runOnce(LOST);
        if (performance.now() - start >= LOST) late++;
      }
      expect(late).toBe(0);
      expect(wakers.done).toBe(THREADS * COUNT);
      expect(await ended).toEqual(Array.from({ length: THREADS }, () => 0));
    });
  });

  describe.runIf(setting.mode === 'hosted')('messages to a reactor in Node’s loop', () => {
    it('come while it rests, from its own thread', async () => {
      const reactor = open();
      const taken = take(reactor, 3);
      const running = reactor.run();
      for (const value of [1, 2, 3]) {
        await sleep(2);
        reactor.remote.post(value);
      }
      await running;
      expect(taken).toEqual([1, 2, 3]);
    });
  });
});

describe('post', () => {
  /** What arrives where `value` is posted. */
  function received(value: unknown, transfer?: readonly unknown[]): unknown {
    using reactor = new Reactor();
    const taken: unknown[] = [];
    reactor.onMessage = (message) => taken.push(message);
    expect(reactor.remote.post(value, transfer)).toBe(true);
    reactor.runOnce(0);
    expect(taken).toHaveLength(1);
    return taken[0];
  }

  it('copies as structuredClone() does', () => {
    const shared = { both: 'the same' };
    const values: unknown[] = [
      undefined,
      null,
      true,
      0,
      -0,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      2 ** 53,
      -(2n ** 100n),
      '',
      'text',
      'x'.repeat(100_000),
      WIDE,
      new Date(0),
      /a(b)c/giu,
      Object.assign(new Array(3), { 0: 1, 2: 3 }),
      new Map<unknown, unknown>([[{ key: 1 }, new Set(['a', new Map()])]]),
      new Error('message', { cause: new TypeError('cause') }),
      Object(1),
      Object('boxed'),
      new Int16Array([1, -1, 300]),
      new Float64Array([0.1, Number.NaN]),
      new BigInt64Array([-1n]),
      new DataView(Uint8Array.of(9, 8, 7).buffer, 1, 1),
      Uint8Array.of(1, 2, 3, 4).subarray(1, 3),
      Uint8Array.of(1, 2, 3).buffer,
      [shared, shared],
      Array.from({ length: 10_000 }, (_, i) => ({ i, even: i % 2 === 0 })),
    ];
    for (const value of values) {
      const copy = received(value);
      expect(copy).toEqual(structuredClone(value));
      if (typeof value === 'object' && value !== null) {
        expect(copy).not.toBe(value);
        expect(Object.getPrototypeOf(copy)).toBe(Object.getPrototypeOf(value));
      }
    }
    const [first, second] = received([shared, shared]) as object[];
    expect(first).toBe(second);
    expect(Object.is(received(-0), -0)).toBe(true);
  });

  it('copies circles, and what has a class as a plain object', () => {
    const circle: { self?: unknown; list: unknown[] } = { list: [] };
    circle.self = circle;
    circle.list.push(circle);
    const copy = received(circle) as typeof circle;
    expect(copy).not.toBe(circle);
    expect([copy.self, copy.list[0]]).toEqual([copy, copy]);
    expect(copy.self).toBe(copy);
    class Point {
      readonly x = 1;
    }
    const point = received(new Point()) as object;
    expect(Object.getPrototypeOf(point)).toBe(Object.prototype);
    expect(point).toEqual({ x: 1 });
  });

  it('copies at the time of the call', () => {
    using reactor = new Reactor();
    const taken: unknown[] = [];
    reactor.onMessage = (value) => taken.push(value);
    const value = { state: 'posted' };
    reactor.remote.post(value);
    value.state = 'changed';
    reactor.runOnce(0);
    expect(taken).toEqual([{ state: 'posted' }]);
  });

  it('moves the buffers of the transfer list: nobody here can use them afterwards', () => {
    const buffer = Uint8Array.of(1, 2, 3).buffer;
    const bytes = new Uint8Array(buffer);
    const kept = Uint8Array.of(4);
    expect(received({ bytes, kept }, [buffer])).toEqual({ bytes: Uint8Array.of(1, 2, 3), kept });
    expect([bytes.length, buffer.byteLength, kept.length]).toEqual([0, 0, 1]);
  });

  it('refuses what cannot be cloned or moved, and nothing arrives or is moved', () => {
    using reactor = new Reactor();
    const taken: unknown[] = [];
    reactor.onMessage = (value) => taken.push(value);
    const { remote } = reactor;
    const { port1, port2 } = new MessageChannel();
    const buffer = new ArrayBuffer(8);
    const moved = new ArrayBuffer(8);
    structuredClone(moved, { transfer: [moved] });
    const shared = new SharedArrayBuffer(8);
    const values = [() => {}, Symbol('s'), shared, new Int32Array(shared), port1, new WeakMap(), remote];
    const calls = [
      ...values.map((value) => () => remote.post(value)),
      ...values.map((value) => () => remote.post({ deep: [value], buffer }, [buffer])),
      ...values.map((value) => () => remote.post(1, [value])),
      () => remote.post(1, [buffer, port1]),
      () => remote.post(1, [moved]),
      () => remote.post(1, [buffer, buffer]),
      () => remote.post(Promise.resolve()),
    ];
    expect(calls.map(refusal)).toEqual(calls.map(() => 'TypeError ERR_INVALID_ARG_VALUE'));
    const error = new Error('of a getter');
    const throwing = {
      get property() {
        throw error;
      },
    };
    expect(() => remote.post(throwing)).toThrow('of a getter');
    expect(refusal(() => remote.post(1, 1 as never))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    expect(buffer.byteLength).toBe(8);
    for (const port of [port1, port2]) port.close();
    reactor.runOnce(0);
    expect(taken).toEqual([]);
    remote.post('the next');
    reactor.runOnce(0);
    expect(taken).toEqual(['the next']);
  });
});

describe('a handle', () => {
  it('works after a structured clone and after a message, and is the same each time', () => {
    using reactor = new Reactor();
    const taken: unknown[] = [];
    reactor.onMessage = (value) => taken.push(value);
    expect(reactor.remote).toBe(reactor.remote);
    const { handle } = reactor.remote;
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(handle);
    const posted = receiveMessageOnPort(port2)?.message;
    port1.close();
    for (const copy of [structuredClone(handle), posted, handle]) {
      expect(Remote.from(copy).post('arrived')).toBe(true);
    }
    reactor.runOnce(0);
    expect(taken).toEqual(['arrived', 'arrived', 'arrived']);
  });

  it('of one reactor is not that of another', () => {
    using first = new Reactor();
    using second = new Reactor();
    const taken: string[] = [];
    first.onMessage = (value) => taken.push(`first ${value}`);
    second.onMessage = (value) => taken.push(`second ${value}`);
    first.remote.post('message');
    second.runOnce(0);
    expect(taken).toEqual([]);
    first.runOnce(0);
    expect(taken).toEqual(['first message']);
  });

  it('of a reactor whose selector was closed reaches no other, nor does that reactor', () => {
    using first = new Reactor();
    const taken: string[] = [];
    first.onMessage = (value) => taken.push(`first ${value}`);
    const { remote } = first;
    expect(remote.post('too early')).toBe(true);
    first.selector.close();
    // It might get what the closed one had.
    using second = new Reactor();
    second.onMessage = (value) => taken.push(`second ${value}`);
    second.remote.post('for the second');
    expect(remote.post('for the first')).toBe(false);
    expect(Remote.from(remote.handle).post('for the first')).toBe(false);
    const nothing = () => {};
    const calls = [
      () => first.runOnce(0),
      () => first.callSoon(nothing),
      () => first.addSignalHandler('SIGURG', nothing),
    ];
    expect(calls.map(refusal)).toEqual(calls.map(() => 'StateError ERR_CLOSED'));
    expect(taken).toEqual([]);
    second.runOnce(0);
    expect(taken).toEqual(['second for the second']);
  });

  it('is refused where it is none', () => {
    using reactor = new Reactor();
    const { handle } = reactor.remote;
    const { waker, mailbox, posted } = handle as Record<string, unknown>;
    const none = [
      undefined,
      null,
      1,
      'handle',
      {},
      { waker, mailbox },
      { mailbox, posted },
      { waker, posted },
      { waker, mailbox, posted: new ArrayBuffer(4) },
      { waker: {}, mailbox, posted },
      { waker, mailbox: '1', posted },
    ];
    expect(none.map((value) => refusal(() => Remote.from(value)))).toEqual(
      none.map(() => 'TypeError ERR_INVALID_ARG_TYPE'),
    );
    for (const number of [0, -1, 1.5, 2 ** 32, Number.NaN]) {
      expect(refusal(() => Remote.from({ waker, mailbox: number, posted }))).toBe(
        'RangeError ERR_OUT_OF_RANGE',
      );
    }
    expect(Remote.from({ waker, mailbox: 0xffff_ffff, posted }).post('to nobody')).toBe(false);
  });

  it('of a closed reactor: a remote that was never asked for cannot be had', () => {
    using reactor = new Reactor();
    reactor.close();
    expect(refusal(() => reactor.remote)).toBe('StateError ERR_CLOSED');
    reactor.onMessage = null;
    expect(reactor.onMessage).toBeNull();
  });

  it('takes no handler that is no function', () => {
    using reactor = new Reactor();
    for (const value of [undefined, 1, 'handler', {}]) {
      expect(
        refusal(() => {
          reactor.onMessage = value as never;
        }),
      ).toBe('TypeError ERR_INVALID_ARG_TYPE');
    }
    expect(reactor.onMessage).toBeNull();
  });
});
