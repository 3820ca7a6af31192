/** What hosting promises to the rest of the program: Node's own goes on, in its order; nothing aborts, nothing is lost. */

import { once } from 'node:events';
import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, connect as netConnect } from 'node:net';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { createSelector, EVENT_READ, Reactor } from 'iomux';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { addonPath } from '../../lib/native/load.js';
import { GatedWorkers } from '../support/gate.js';
import { describeHosts, useHost } from '../support/hosts.js';
import { descriptorCount, expectNoLeak } from '../support/leaks.js';
import { drain, send, socketPair } from '../support/pairs.js';
import { outcomeOf, startFixture } from '../support/processes.js';
import { refusal } from '../support/refusals.js';
import { rejection } from '../support/rejections.js';
import { exitOf, startWorker } from '../support/workers.js';

/** What takes longer hangs. */
const LIMIT = 20_000;
/** Long enough for a loaded machine; what has not come by then is lost. */
const LOST = 5_000;
const FIXTURE = 'hosting-worker.mjs';

function nothing(): void {}

/** libuv's functions that may be called: all that it takes to watch a descriptor of our own. */
const WATCHING = /^uv_(poll_(init|start|stop)|ref|unref|close|backend_fd)$/;

describe('the addon', () => {
  const addon = readFileSync(addonPath, 'latin1');
  // A function is looked up by its name, which ends with a NUL.
  const names = [...addon.matchAll(/(?<!\w)uv_\w+(?=\0)/g)].map(([name]) => name);

  it('never runs the loop of Node', () => {
    expect(names).toContain('uv_poll_init');
    expect(names.filter((name) => /^uv_(run|stop|poll_init_socket)$/.test(name))).toEqual([]);
  });

  // With the names of types in it.
  it.skipIf(addon.includes('.debug_info'))(
    'knows no more of libuv than it takes to watch a descriptor',
    () => {
      expect(names.filter((name) => !WATCHING.test(name))).toEqual([]);
    },
  );
});

describeHosts((setting, open) => {
  const { backend, host } = setting;

  function openReactor(onError: (error: unknown) => void = throwLater): Reactor {
    const reactor = new Reactor({ selector: open(), onError });
    onTestFinished(() => {
      if (reactor.state === 'hosted') reactor.stop();
      reactor.close();
      if (errors.length > 0) throw errors.splice(0)[0];
    });
    return reactor;
  }
  const errors: unknown[] = [];
  const throwLater = (error: unknown) => void errors.push(error);

  /** Ready in each iteration, for nothing. How often it was called. */
  function storm(reactor: Reactor): () => number {
    const [near, far] = socketPair();
    send(far);
    let turns = 0;
    reactor.watch(near, EVENT_READ, () => turns++);
    return () => turns;
  }

  describe('in a storm of events', () => {
    it('timers of Node fire, and immediates', async () => {
      const reactor = openReactor();
      const turns = storm(reactor);
      let [intervals, immediates] = [0, 0];
      const interval = setInterval(() => intervals++, 1);
      const again = () => {
        immediates++;
        if (reactor.state === 'hosted') setImmediate(again);
      };
      const running = reactor.run();
      setImmediate(again);
      const until = performance.now() + LIMIT;
      while (Math.min(intervals, turns()) <= 20 && performance.now() < until) await sleep(1);
      clearInterval(interval);
      reactor.stop();
      await running;
      expect(intervals).toBeGreaterThan(20);
      expect(immediates).toBeGreaterThan(1);
      expect(turns()).toBeGreaterThan(20);
    });

    it('node:net serves, files are read and promises are kept', async () => {
      const reactor = openReactor();
      const turns = storm(reactor);
      const running = reactor.run();
      const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const client = netConnect((server.address() as { port: number }).port, '127.0.0.1');
      let [sent, echoed] = ['', ''];
      client.setEncoding('utf8').on('data', (text) => {
        echoed += text;
      });
      // On a busy machine the storm may begin late: it lasts while messages are sent.
      const until = performance.now() + LIMIT;
      while (sent.length < 10 || (turns() <= 10 && performance.now() < until)) {
        client.write('x');
        sent += 'x';
        await once(client, 'data');
      }
      client.end();
      await once(client, 'close');
      server.close();
      const text = await readFile(new URL(import.meta.url), 'utf8');
      reactor.stop();
      await running;
      expect(echoed).toBe(sent);
      expect(text.length).toBeGreaterThan(1);
      expect(turns()).toBeGreaterThan(10);
    });
  });

  describe('between two iterations', () => {
    it('ticks run, then promise reactions, all of them', async () => {
      const reactor = openReactor();
      const order: string[] = [];
      const follow = (name: string) => {
        order.push(name);
        Promise.resolve()
          .then(() => order.push(`${name}'s promise`))
          .then(() => order.push(`${name}'s second promise`));
        process.nextTick(() => order.push(`${name}'s tick`));
        queueMicrotask(() => order.push(`${name}'s microtask`));
      };
      reactor.callSoon(() => {
        follow('first');
        reactor.callSoon(() => {
          follow('third');
          reactor.callSoon(() => reactor.stop());
        });
      });
      reactor.callSoon(follow, 'second');
      await reactor.run();
      expect(order).toEqual([
        'first',
        'second',
        "first's tick",
        "second's tick",
        "first's promise",
        "first's microtask",
        "second's promise",
        "second's microtask",
        "first's second promise",
        "second's second promise",
        'third',
        "third's tick",
        "third's promise",
        "third's microtask",
        "third's second promise",
      ]);
    });

    it('a promise that a watcher settles is seen before the watcher is called again', async () => {
      const reactor = openReactor();
      const [near, far] = socketPair();
      send(far, '12345');
      const order: string[] = [];
      reactor.watch(near, EVENT_READ, async () => {
        near.recv(Buffer.alloc(1));
        order.push('watcher');
        await null;
        order.push('reaction');
        if (order.length === 10) reactor.stop();
      });
      await reactor.run();
      expect(order).toEqual(Array.from({ length: 5 }, () => ['watcher', 'reaction']).flat());
    });
  });

  describe('wakes for nothing', () => {
    /** Runs `scene` while a thread wakes the reactor as fast as it can. */
    async function flooded(reactor: Reactor, scene: () => Promise<void>): Promise<void> {
      const waker = reactor.selector.waker.handle;
      const flood = new GatedWorkers('posting-worker.mjs', 1, { how: 'wakes without end', waker });
      await flood.ready();
      const running = reactor.run();
      flood.open();
      while (flood.done === 0) await sleep(1);
      await scene();
      if (reactor.state === 'hosted') reactor.stop();
      await running;
      const ended = flood.ended();
      reactor.close();
      expect(await ended).toEqual([0]);
    }

    it('do not get the thread: they are counted and waited out', async () => {
      const reactor = openReactor();
      await flooded(reactor, async () => {
        // The first ones may be as many as come.
        await sleep(50);
        const [before, start] = [reactor.selector.stats.emptyWaits, performance.now()];
        await sleep(200);
        const elapsed = performance.now() - start;
        // One for each millisecond, at most: far fewer than the thread could serve.
        expect(reactor.selector.stats.emptyWaits - before).toBeLessThan(elapsed + 10);
        expect(reactor.selector.stats.emptyWaits).toBeGreaterThan(10);
      });
    });

    it('lose no event, timer, callback or message that comes among them', async () => {
      const reactor = openReactor();
      const [near, far] = socketPair();
      const seen: string[] = [];
      reactor.watch(near, EVENT_READ, () => {
        drain(near);
        seen.push('event');
      });
      reactor.onMessage = () => seen.push('message');
      await flooded(reactor, async () => {
        await sleep(30);
        for (let i = 0; i < 10; i++) {
          seen.length = 0;
          const start = performance.now();
          send(far);
          reactor.callSoon(() => seen.push('callback'));
          const delay = i % 4;
          reactor.callLater(delay, () => {
            expect(performance.now() - start).toBeGreaterThanOrEqual(delay);
            seen.push('timer');
          });
          reactor.remote.post('message');
          const until = start + LIMIT;
          while (seen.length < 4 && performance.now() < until) await sleep(1);
          expect([...seen].sort()).toEqual(['callback', 'event', 'message', 'timer']);
        }
      });
    });

    it('do not keep a run from its end', async () => {
      const reactor = openReactor();
      await flooded(reactor, async () => {
        await sleep(30);
        reactor.stop();
        await sleep(1);
        expect(reactor.state).toBe('idle');
      });
    });

    /** Wakes for nothing until the reactor is waiting them out, and `attempts` times while it does. */
    async function waitedOut(reactor: Reactor, attempts: number, attempt: () => void): Promise<void> {
      const until = performance.now() + LIMIT;
      for (let left = attempts; left > 0 && performance.now() < until; ) {
        reactor.selector.wakeup();
        await immediate();
        if (reactor.selector.stats.emptyWaits < 80) continue;
        attempt();
        left--;
      }
      expect(reactor.selector.stats.emptyWaits).toBeGreaterThanOrEqual(80);
    }

    it('do not let anybody wait on the selector while they are waited out', async () => {
      const reactor = openReactor();
      const running = reactor.run();
      const refusals = new Set<string>();
      await waitedOut(reactor, 500, () => refusals.add(refusal(() => reactor.selector.select(5))));
      const other = await rejection(() => reactor.selector.selectAsync(5));
      expect([...refusals, other, reactor.state]).toEqual([
        'StateError ERR_HOSTED',
        'StateError ERR_HOSTED',
        'hosted',
      ]);
      reactor.stop();
      await running;
    });

    it('do not hide that the selector is closed while they are waited out', async () => {
      const uncaught: unknown[] = [];
      const note = (error: unknown) => uncaught.push(error);
      process.on('uncaughtException', note);
      onTestFinished(() => void process.off('uncaughtException', note));
      const reactor = openReactor();
      reactor.callLater(1_000_000, nothing);
      const running = rejection(() => reactor.run());
      await waitedOut(reactor, 1, () => reactor.selector.close());
      expect(await Promise.race([running, sleep(LIMIT, 'still running')])).toBe('StateError ERR_CLOSED');
      expect(reactor.state).toBe('idle');
      await sleep(20);
      expect(uncaught).toEqual([]);
    });

    it('are forgotten when they are over', async () => {
      const reactor = openReactor();
      const [near, far] = socketPair();
      let events = 0;
      reactor.watch(near, EVENT_READ, () => {
        drain(near);
        events++;
      });
      const running = reactor.run();
      const until = performance.now() + LIMIT;
      while (reactor.selector.stats.emptyWaits < 100 && performance.now() < until) {
        reactor.selector.wakeup();
        await sleep(0);
      }
      expect(reactor.selector.stats.emptyWaits).toBeGreaterThanOrEqual(100);
      for (let i = 1; i <= 200 && performance.now() < until; i++) {
        send(far);
        while (events < i && performance.now() < until) await sleep(0);
      }
      expect(events).toBe(200);
      reactor.stop();
      await running;
    });

    it.each(['a flood of wakes', 'after a flood of wakes'])(
      'do not end a process that has a live watcher: %s',
      async (scene) => {
        const child = startFixture(FIXTURE, [JSON.stringify({ ...setting, scene })]);
        const { code, stdout, stderr } = await outcomeOf(child, LIMIT);
        expect([code, stdout.startsWith('event\nexit'), stderr]).toEqual([0, true, '']);
      },
    );
  });

  it('wakes for nothing do not keep a process alive that has nothing else', async () => {
    const scene = 'a flood of wakes, and nothing else';
    const child = startFixture(FIXTURE, [JSON.stringify({ ...setting, scene })]);
    expect(await outcomeOf(child, LIMIT)).toEqual({
      code: 0,
      signal: null,
      stdout: 'exit true\n',
      stderr: '',
    });
  });

  describe('a descriptor that is closed behind the back of the reactor', () => {
    it('aborts nothing, and the others are served', async () => {
      const reactor = openReactor();
      const [near, far] = socketPair();
      let served = 0;
      reactor.watch(near, EVENT_READ, () => {
        drain(near);
        served++;
      });
      const running = reactor.run();
      for (let i = 1; i <= 5; i++) {
        const fd = socketPair()[0].detach();
        const watcher = reactor.watch(fd, EVENT_READ, nothing);
        await sleep(1);
        closeSync(fd);
        await sleep(1);
        send(far);
        while (served < i) await sleep(1);
        watcher.close();
      }
      expect(reactor.state).toBe('hosted');
      reactor.stop();
      await running;
    });

    it('and lives on in a duplicate has the set rebuilt under its host', async () => {
      const before = descriptorCount();
      const rebuilds = backend === 'epoll' ? 1 : 0;
      const stdout = `rebuilt ${rebuilds}, at rest true\n`;
      const scene = 'a set that is rebuilt';
      const child = startFixture(FIXTURE, [JSON.stringify({ ...setting, scene })]);
      expect(await outcomeOf(child, LIMIT)).toEqual({ code: 0, signal: null, stdout, stderr: '' });
      const worker = startWorker(FIXTURE, { ...setting, scene });
      const messages: unknown[] = [];
      worker.on('message', (message) => messages.push(message));
      expect(await exitOf(worker)).toBe(0);
      expect(messages).toEqual([stdout.trim()]);
      await expectNoLeak(before);
    });
  });

  describe('a look into the selector from outside', () => {
    it('does not take away the iteration that the one before asked for', async () => {
      const reactor = openReactor();
      const running = reactor.run();
      let iterations = 0;
      const next = () => {
        iterations++;
        reactor.callSoon(next);
      };
      reactor.callSoon(next);
      for (let look = 0; look < 100; look++) {
        await immediate();
        reactor.selector.select(0);
      }
      const [before, until] = [iterations, performance.now() + LOST];
      while (iterations < before + 10 && performance.now() < until) await sleep(1);
      expect(iterations).toBeGreaterThanOrEqual(before + 10);
      reactor.stop();
      await running;
    });

    it('does not take away the deadline of a timer', async () => {
      const reactor = openReactor();
      const running = reactor.run();
      await sleep(5);
      const fired = new Promise((resolve) => reactor.callLater(10, resolve, 'fired'));
      const overdue = performance.now() + 30;
      while (performance.now() < overdue);
      expect(reactor.selector.select(0)).toEqual([]);
      expect(await Promise.race([fired, sleep(LOST, 'lost')])).toBe('fired');
      reactor.stop();
      await running;
    });
  });

  describe('a selector that is watched', () => {
    using selector = createSelector(backend);
    const { pollable } = selector.capabilities;

    // What a worker waits with watches the loop of the worker, which hosts.
    it.runIf(pollable).each([
      ['main thread', 'a selector that is watched'],
      ['main thread', 'a selector that is watched between two runs'],
      ['worker', 'a selector that is watched'],
      ['worker', 'a selector that is watched between two runs'],
    ])('is heard of in a %s: %s', async (thread, scene) => {
      const inWorker = thread === 'worker';
      const child = startFixture(FIXTURE, [JSON.stringify({ ...setting, scene, inWorker })]);
      const outcome = await outcomeOf(child, LIMIT);
      expect(outcome).toEqual({ code: 0, signal: null, stdout: 'ready 1\n', stderr: '' });
    });
  });

  // Of kqueues, which circle is refused is another matter.
  it.runIf(backend === 'epoll')(
    'watches, in the tick of its run, no selector in a circle: it aborts nothing',
    async () => {
      const scene = 'a circle that is closed in the tick of the run';
      const child = startFixture(FIXTURE, [JSON.stringify({ ...setting, scene, inWorker: true })]);
      const outcome = await outcomeOf(child, LIMIT);
      // A thread that waits is not in the worker's loop, so there is no circle.
      const said = host === 'uv' ? 'SystemError ELOOP' : 'nothing';
      expect(outcome).toEqual({ code: 0, signal: null, stdout: `${said}\nhosted\n`, stderr: '' });
    },
  );

  describe('IOMUX_HOST', () => {
    it('is read when a reactor is hosted for the first time, and refused where it names nothing', async () => {
      const reactor = openReactor();
      useHost('trhead');
      expect(await rejection(() => reactor.run())).toBe('TypeError ERR_INVALID_ARG_VALUE');
      expect(await rejection(() => reactor.selector.selectAsync(1))).toBe('TypeError ERR_INVALID_ARG_VALUE');
      expect(reactor.state).toBe('idle');
      // A run that does not need a host does not ask.
      reactor.runOnce(0);
      process.env['IOMUX_HOST'] = host;
      reactor.callSoon(() => reactor.stop());
      await reactor.run();
      process.env['IOMUX_HOST'] = 'trhead';
      reactor.callSoon(() => reactor.stop());
      await reactor.run();
      expect(reactor.state).toBe('idle');
    });

    it.runIf(process.platform === 'linux')('decides whether there is a thread', async () => {
      // By number: one of an earlier test may be listed still. The kernel tells who joins a thread a little before it is gone.
      const threads = () => readdirSync('/proc/self/task');
      const before = new Set(threads());
      const reactor = openReactor();
      reactor.callSoon(() => reactor.stop());
      await reactor.run();
      const begun = threads().filter((thread) => !before.has(thread));
      expect(begun).toHaveLength(host === 'thread' ? 1 : 0);
      reactor.close();
      await vi.waitFor(() => expect(threads().filter((thread) => begun.includes(thread))).toEqual([]), LOST);
    });
  });
});
