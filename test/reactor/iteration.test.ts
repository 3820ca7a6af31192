/** One iteration: the callbacks queued before it, then what is ready, then the timers that are due. */
import { EVENT_READ, EVENT_WRITE, type Reactor } from 'iomux';
import { expect, it } from 'vitest';
import { collected } from '../support/garbage.js';
import { drain, readableSockets, send, socketPair } from '../support/pairs.js';
import { describeReactors, run } from '../support/reactors.js';

/** Calls `callback` in each iteration from now on, with its number from 1. */
function eachIteration(reactor: Reactor, callback: (iteration: number) => void): void {
  let iteration = 0;
  const turn = () => {
    reactor.callSoon(turn);
    callback(++iteration);
  };
  reactor.callSoon(turn);
}

/** Spins: what is due meanwhile is late. */
function spin(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

describeReactors((setting, open) => {
  it('runs callbacks first, then watchers, then timers, in whatever order they were set', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    const order: string[] = [];
    send(far);
    reactor.callLater(0, () => {
      order.push('timer');
      reactor.stop();
    });
    reactor.watch(near, EVENT_READ, () => order.push('watcher'));
    reactor.callSoon(() => order.push('callback'));
    await run(reactor, setting);
    expect(order).toEqual(['callback', 'watcher', 'timer']);
  });

  it('runs callbacks in the order in which they were queued, each once, with its arguments', async () => {
    const reactor = open();
    const seen: unknown[][] = [];
    const expected = Array.from({ length: 1_000 }, (_, index) => [index, `${index}`]);
    for (const args of expected) reactor.callSoon((...received: unknown[]) => seen.push(received), ...args);
    reactor.callSoon((...received: unknown[]) => seen.push(received));
    reactor.callSoon(() => reactor.stop());
    await run(reactor, setting);
    expect(seen).toEqual([...expected, []]);
  });

  it('runs one function as often as it was queued', async () => {
    const reactor = open();
    let called = 0;
    const callback = () => called++;
    for (let i = 0; i < 3; i++) reactor.callSoon(callback);
    reactor.callSoon(() => reactor.stop());
    await run(reactor, setting);
    expect(called).toBe(3);
  });

  it.each(['callback', 'watcher', 'timer'])(
    'leaves what a %s queues to the next iteration',
    async (source) => {
      const reactor = open();
      const [near, far] = socketPair();
      const order: string[] = [];
      send(far);
      const enter = (name: string) => {
        order.push(name);
        if (name !== source || order.includes('queued')) return;
        reactor.callSoon(() => {
          order.push('queued');
          reactor.stop();
        });
      };
      reactor.callLater(0, enter, 'timer');
      reactor.watch(near, EVENT_READ, () => enter('watcher'));
      reactor.callSoon(enter, 'callback');
      await run(reactor, setting);
      expect(order).toEqual(['callback', 'watcher', 'timer', 'queued', 'watcher']);
    },
  );

  it('runs a callback that queues itself once in each iteration, and looks for what is ready between', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    const seen: number[] = [];
    let current = 0;
    reactor.watch(near, EVENT_READ, () => {
      drain(near);
      seen.push(current);
    });
    eachIteration(reactor, (iteration) => {
      current = iteration;
      if (iteration % 10 === 0) send(far);
      if (iteration === 100) reactor.stop();
    });
    await run(reactor, setting);
    expect(seen).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
  });

  it('runs the timers that are due however many callbacks queue themselves', async () => {
    const reactor = open();
    let fired = 0;
    eachIteration(reactor, () => {});
    reactor.callLater(2, () => {
      fired++;
      reactor.callSoon(() => reactor.stop());
    });
    await run(reactor, setting);
    expect(fired).toBe(1);
  });

  it('looks for what is ready between timers that set themselves again without a delay', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    const order: string[] = [];
    send(far);
    reactor.watch(near, EVENT_READ, () => order.push('watcher'));
    const fire = () => {
      order.push('timer');
      if (order.length < 8) reactor.callLater(0, fire);
      else reactor.stop();
    };
    reactor.callLater(0, fire);
    await run(reactor, setting);
    expect(order).toEqual(Array.from({ length: 4 }, () => ['watcher', 'timer']).flat());
  });

  it('runs all timers that are due in one iteration, and those that they set in the next', async () => {
    const reactor = open();
    const order: string[] = [];
    for (const name of ['first', 'second', 'third']) {
      reactor.callLater(0, () => {
        order.push(name);
        reactor.callAt(0, () => order.push(`set by the ${name}`));
      });
    }
    eachIteration(reactor, (iteration) => {
      order.push(`iteration ${iteration}`);
      if (iteration === 3) reactor.stop();
    });
    await run(reactor, setting);
    expect(order).toEqual([
      'iteration 1',
      'first',
      'second',
      'third',
      'iteration 2',
      'set by the first',
      'set by the second',
      'set by the third',
      'iteration 3',
    ]);
  });

  it('fires a timer that became due while the callbacks and the watchers of its iteration ran', async () => {
    const reactor = open();
    const order: string[] = [];
    reactor.callLater(2, () => order.push('timer'));
    reactor.callSoon(() => {
      spin(4);
      order.push('callback');
      reactor.stop();
    });
    await run(reactor, setting);
    expect(order).toEqual(['callback', 'timer']);
  });

  it('finishes the iteration in which it is stopped', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    const order: string[] = [];
    send(far);
    reactor.callLater(0, () => order.push('timer'));
    reactor.watch(near, EVENT_READ, () => order.push('watcher'));
    reactor.callSoon(() => {
      order.push('stop');
      reactor.stop();
      reactor.callSoon(() => order.push('queued'));
    });
    reactor.callSoon(() => order.push('callback'));
    await run(reactor, setting);
    expect(order).toEqual(['stop', 'callback', 'watcher', 'timer']);
    // What was queued is the next run's,
    reactor.stop();
    await run(reactor, setting);
    // and the watcher is called once more, not twice.
    expect(order).toEqual(['stop', 'callback', 'watcher', 'timer', 'queued', 'watcher']);
  });

  it('delivers each event of the iteration in which it is stopped once, and none of them again', async () => {
    const reactor = open();
    const calls = new Map<number, number>();
    for (const socket of readableSockets(5)) {
      reactor.watch(socket, EVENT_READ, (_, { fd }) => {
        drain(socket);
        calls.set(fd, (calls.get(fd) ?? 0) + 1);
        reactor.stop();
      });
    }
    await run(reactor, setting);
    reactor.stop();
    await run(reactor, setting);
    expect([...calls.values()]).toEqual([1, 1, 1, 1, 1]);
  });

  it('delivers all that is ready in one iteration', async () => {
    const reactor = open();
    const sockets = readableSockets(200);
    const iterations = new Set<number>();
    let current = 0;
    let called = 0;
    for (const socket of sockets) {
      reactor.watch(socket, EVENT_READ, () => {
        drain(socket);
        iterations.add(current);
        if (++called === sockets.length) reactor.stop();
      });
    }
    eachIteration(reactor, (iteration) => {
      current = iteration;
    });
    await run(reactor, setting);
    expect(called).toBe(200);
    expect(iterations.size).toBe(1);
  });

  it('merges the events of a watcher, and calls it once in an iteration', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    send(far);
    const seen: number[] = [];
    reactor.watch(near, EVENT_READ | EVENT_WRITE, (events) => seen.push(events));
    reactor.stop();
    await run(reactor, setting);
    expect(seen).toEqual([EVENT_READ | EVENT_WRITE]);
  });

  it.each([0, 1, 2, 3, 4])(
    'runs no callback that an earlier one cancelled: number %i of five',
    async (victim) => {
      const reactor = open();
      const seen: number[] = [];
      // The middle one cancels: what ran before, itself, or what is yet to come.
      const handles = [0, 1, 2, 3, 4].map((index) =>
        reactor.callSoon(() => {
          seen.push(index);
          if (index === 2) handles[victim]?.cancel();
        }),
      );
      reactor.callSoon(() => reactor.stop());
      await run(reactor, setting);
      expect(seen).toEqual([0, 1, 2, 3, 4].filter((index) => index <= 2 || index !== victim));
      if (victim > 2) expect(handles[victim]?.cancelled).toBe(true);
      expect(handles.filter((handle, index) => index !== victim && handle.cancelled)).toEqual([]);
    },
  );

  it('does not run what was cancelled before it began', async () => {
    const reactor = open();
    const seen: string[] = [];
    const handle = reactor.callSoon(() => seen.push('cancelled'));
    expect(handle.cancelled).toBe(false);
    handle.cancel();
    handle.cancel();
    expect(handle.cancelled).toBe(true);
    reactor.callSoon(() => {
      seen.push('kept');
      reactor.stop();
    });
    await run(reactor, setting);
    expect(seen).toEqual(['kept']);
  });

  it('does not wait for a callback that was cancelled', async () => {
    const reactor = open();
    const order: string[] = [];
    reactor.callSoon(() => order.push('cancelled')).cancel();
    reactor.callLater(1, () => {
      order.push('timer');
      reactor.stop();
    });
    await run(reactor, setting);
    expect(order).toEqual(['timer']);
  });

  it('lets go of callbacks and their arguments that ran or were cancelled', async () => {
    const reactor = open();
    const references: WeakRef<object>[] = [];
    const kept: unknown[] = [];
    const take = (_: object) => {};
    // In a frame of its own, which holds nothing afterwards.
    const set = () => {
      const argument = (): object => {
        const object = {};
        references.push(new WeakRef(object));
        return object;
      };
      const [soon, later, ran] = [argument(), argument(), argument()];
      kept.push(
        reactor.callSoon(() => soon),
        reactor.callLater(60_000, () => later),
        reactor.callSoon(take, ran),
        reactor.callSoon(take, argument()),
        reactor.callLater(60_000, take, argument()),
      );
    };
    set();
    for (const index of [0, 1, 3, 4]) (kept[index] as { cancel(): void }).cancel();
    reactor.callSoon(() => reactor.stop());
    await run(reactor, setting);
    const left = () => references.filter((reference) => reference.deref() !== undefined).length;
    await collected(() => left() === 0);
    expect([left(), kept.length]).toEqual([0, 5]);
  });

  it('cancels across the parts of an iteration', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    send(far);
    const seen: string[] = [];
    const timer = reactor.callLater(0, () => seen.push('timer'));
    const watcher = reactor.watch(near, EVENT_READ, () => seen.push('watcher'));
    reactor.callSoon(() => {
      timer.cancel();
      watcher.close();
      const queued = reactor.callSoon(() => seen.push('queued'));
      reactor.callLater(0, () => {
        queued.cancel();
        reactor.stop();
      });
    });
    await run(reactor, setting);
    reactor.stop();
    await run(reactor, setting);
    expect(seen).toEqual([]);
  });

  it('cancels a timer and a queued callback in a watcher', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    send(far);
    const seen: string[] = [];
    reactor.watch(near, EVENT_READ, (_, watcher) => {
      watcher.close();
      timer.cancel();
      reactor.callSoon(() => seen.push('queued')).cancel();
      reactor.stop();
    });
    const timer = reactor.callLater(0, () => seen.push('timer'));
    await run(reactor, setting);
    reactor.stop();
    await run(reactor, setting);
    expect(seen).toEqual([]);
  });
});
