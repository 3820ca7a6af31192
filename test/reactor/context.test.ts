/** What surrounds a callback: its asynchronous context, and when ticks and promise reactions run between the others. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { EVENT_READ, EVENT_WRITE, type Reactor, type Watcher } from 'iomux';
import { expect, it } from 'vitest';
import { send, socketPair } from '../support/pairs.js';
import { describeReactors, run, runUntil } from '../support/reactors.js';

const storage = new AsyncLocalStorage<string>();

/** Runs once, stops the reactor, and tells in which context that was: each way to set a callback. */
const WAYS: Readonly<Record<string, (reactor: Reactor, told: (store: string | undefined) => void) => void>> =
  {
    callSoon(reactor, told) {
      reactor.callSoon(() => told(storage.getStore()));
    },
    callLater(reactor, told) {
      reactor.callLater(0.1, () => told(storage.getStore()));
    },
    callAt(reactor, told) {
      reactor.callAt(1, () => told(storage.getStore()));
    },
    watch(reactor, told) {
      const [near, far] = socketPair();
      send(far);
      reactor.watch(near, EVENT_READ, (_, watcher) => {
        watcher.close();
        told(storage.getStore());
      });
    },
    addReader(reactor, told) {
      const [near, far] = socketPair();
      send(far);
      reactor.addReader(near, () => {
        reactor.removeReader(near);
        told(storage.getStore());
      });
    },
    addWriter(reactor, told) {
      const [near] = socketPair();
      reactor.addWriter(near, () => {
        reactor.removeWriter(near);
        told(storage.getStore());
      });
    },
  };

describeReactors((setting, open) => {
  it.each(Object.entries(WAYS))('calls back in the context in which it was set: %s', async (_, set) => {
    const reactor = open();
    const seen: (string | undefined)[] = [];
    const told = (store: string | undefined) => {
      if (seen.push(store) === 3) reactor.stop();
    };
    storage.run('first', set, reactor, told);
    set(reactor, told);
    storage.run('second', set, reactor, told);
    // The context of the run is that of no callback.
    await storage.run('the run', () => run(reactor, setting));
    expect(new Set(seen)).toEqual(new Set(['first', undefined, 'second']));
  });

  it('gives each callback of an iteration its own context', async () => {
    const reactor = open();
    const seen: (string | undefined)[] = [];
    const note = () => seen.push(storage.getStore());
    for (const store of ['a', 'b', 'c']) {
      storage.run(store, () => {
        reactor.callSoon(note);
        reactor.callAt(1, note);
      });
      reactor.callSoon(note);
    }
    reactor.stop();
    await run(reactor, setting);
    expect(seen).toEqual(['a', undefined, 'b', undefined, 'c', undefined, 'a', 'b', 'c']);
  });

  it('keeps the contexts of both watchers of a descriptor apart, through each call', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    send(far);
    const seen: string[] = [];
    const watch = (events: number): Watcher =>
      reactor.watch(near, events, () => {
        if (seen.push(`${events} ${storage.getStore()}`) === 6) reactor.stop();
      });
    const reader = storage.run('reader', watch, EVENT_READ);
    storage.run('writer', watch, EVENT_WRITE);
    storage.run('elsewhere', () => {
      reader.modify(EVENT_READ);
      reader.unref().ref();
    });
    await run(reactor, setting);
    expect(seen.sort()).toEqual([
      ...Array.from({ length: 3 }, () => `${EVENT_READ} reader`),
      ...Array.from({ length: 3 }, () => `${EVENT_WRITE} writer`),
    ]);
  });

  it('takes the context of the callback that replaces another', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    send(far);
    const seen: string[] = [];
    const read = (name: string) => {
      seen.push(`${name} ${storage.getStore()}`);
      reactor.stop();
    };
    storage.run('old', () => reactor.addReader(near, read, 'first'));
    storage.run('new', () => reactor.addReader(near, read, 'second'));
    reactor.stop();
    await run(reactor, setting);
    expect(seen).toEqual(['second new']);
  });

  it('keeps the context through promises, ticks and what the callback sets in turn', async () => {
    const reactor = open();
    const seen: string[] = [];
    const note = (name: string) => seen.push(`${name} ${storage.getStore()}`);
    const scene = new Promise<void>((resolve) => {
      storage.run('store', () => {
        reactor.callLater(0, async () => {
          note('timer');
          process.nextTick(note, 'tick');
          await null;
          note('reaction');
          const future = reactor.createFuture<void>();
          reactor.callSoon(() => {
            note('callback');
            future.setResult();
          });
          await future;
          note('future');
          resolve();
        });
      });
    });
    await runUntil(reactor, setting, scene);
    expect(seen).toEqual(['timer store', 'tick store', 'reaction store', 'callback store', 'future store']);
  });

  it('leaves no context behind when a callback throws', async () => {
    const reactor = open({ onError: () => {} });
    const seen: (string | undefined)[] = [];
    storage.run('thrower', () => {
      reactor.callSoon(() => {
        throw new Error('thrown');
      });
    });
    reactor.callSoon(() => {
      seen.push(storage.getStore());
      reactor.stop();
    });
    await run(reactor, setting);
    expect(seen).toEqual([undefined]);
  });

  it('runs ticks, then promise reactions, of an iteration before the next', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    const order: string[] = [];
    send(far);
    const enter = (name: string) => {
      order.push(name);
      Promise.resolve().then(() => order.push(`reaction to the ${name}`));
      process.nextTick(() => order.push(`tick of the ${name}`));
    };
    reactor.callSoon(enter, 'callback');
    reactor.watch(near, EVENT_READ, (_, watcher) => {
      watcher.close();
      enter('watcher');
    });
    reactor.callLater(0, () => {
      enter('timer');
      reactor.callSoon(() => {
        enter('next');
        reactor.stop();
      });
    });
    await run(reactor, setting);
    const names = ['callback', 'watcher', 'timer'];
    const before = order.slice(0, order.indexOf('next'));
    expect(before.filter((what) => names.includes(what))).toEqual(names);
    expect(before.filter((what) => what.startsWith('tick'))).toEqual(
      names.map((name) => `tick of the ${name}`),
    );
    expect(before.filter((what) => what.startsWith('reaction'))).toEqual(
      names.map((name) => `reaction to the ${name}`),
    );
    for (const name of names) {
      expect(before.indexOf(name)).toBeLessThan(before.indexOf(`tick of the ${name}`));
      expect(before.indexOf(`tick of the ${name}`)).toBeLessThan(before.indexOf(`reaction to the ${name}`));
    }
  });

  it('runs nothing else between the watchers and the timers of an iteration', async () => {
    const reactor = open();
    const order: string[] = [];
    for (let i = 0; i < 3; i++) {
      const [near, far] = socketPair();
      send(far);
      reactor.watch(near, EVENT_READ, (_, watcher) => {
        watcher.close();
        order.push('watcher');
        process.nextTick(() => order.push('tick'));
      });
      reactor.callAt(1, () => {
        order.push('timer');
        Promise.resolve().then(() => order.push('reaction'));
      });
    }
    reactor.stop();
    await run(reactor, setting);
    await null;
    expect(order).toEqual(['watcher', 'timer', 'tick', 'reaction'].flatMap((name) => [name, name, name]));
  });

  it('runs chains of promises to their end before the next iteration', async () => {
    const reactor = open();
    const order: string[] = [];
    const scene = new Promise<void>((resolve) => {
      reactor.callSoon(async () => {
        reactor.callSoon(() => {
          order.push('next iteration');
          resolve();
        });
        for (let hop = 0; hop < 100; hop++) await null;
        // Ticks that reactions queue, and the other way round.
        for (let hop = 0; hop < 10; hop++) await new Promise<void>((hopped) => process.nextTick(hopped));
        order.push('end of the chain');
      });
    });
    await runUntil(reactor, setting, scene);
    expect(order).toEqual(['end of the chain', 'next iteration']);
  });

  it('does what reactions and ticks set, without waiting for anything else first', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    const order: string[] = [];
    const scene = new Promise<void>((resolve) => {
      reactor.callSoon(() => {
        order.push('callback');
        process.nextTick(() => {
          send(far);
          reactor.watch(near, EVENT_READ, (_, watcher) => {
            order.push('watcher of the tick');
            watcher.close();
          });
        });
        Promise.resolve().then(() => {
          reactor.callSoon(() => order.push('callback of the reaction'));
          reactor.callLater(0, () => {
            order.push('timer of the reaction');
            resolve();
          });
        });
      });
    });
    await runUntil(reactor, setting, scene);
    expect(order.sort()).toEqual([
      'callback',
      'callback of the reaction',
      'timer of the reaction',
      'watcher of the tick',
    ]);
  });

  it('is stopped by a promise reaction, and does not wait for more', async () => {
    const reactor = open();
    reactor.callLater(1_000_000, () => {});
    reactor.callSoon(async () => {
      await null;
      reactor.stop();
    });
    await run(reactor, setting);
    expect(reactor.state).toBe('idle');
  });
});
