/** What callbacks throw: reported one by one, with what threw it; nothing else is lost, and the loop goes on. */
import type { Worker } from 'node:worker_threads';
import { type ErrorContext, EVENT_READ, EVENT_WRITE, Reactor, Remote } from 'iomux';
import { expect, it } from 'vitest';
import { descriptorCount, expectNoLeak } from '../support/leaks.js';
import { drain, readableSockets, send, socketPair } from '../support/pairs.js';
import { type Outcome, runFixture } from '../support/processes.js';
import { describeReactors, run } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { runToStop } from '../support/running.js';
import { exitOf, startWorker } from '../support/workers.js';

interface Reported {
  readonly error: unknown;
  readonly context: ErrorContext;
}

/** A reactor that collects what is reported to it. */
function collecting(
  open: (options: { onError: (error: unknown, context: ErrorContext) => void }) => Reactor,
): { reactor: Reactor; reported: Reported[] } {
  const reported: Reported[] = [];
  const reactor = open({ onError: (error, context) => reported.push({ error, context }) });
  return { reactor, reported };
}

/** Sets `count` handlers of one kind, all of which are called in one iteration; `body` gets the number of each. */
const KINDS: Readonly<
  Record<string, (reactor: Reactor, count: number, body: (index: number) => void) => void>
> = {
  callback(reactor, count, body) {
    for (let index = 0; index < count; index++) reactor.callSoon(body, index);
  },
  timer(reactor, count, body) {
    for (let index = 0; index < count; index++) reactor.callAt(1, body, index);
  },
  watcher(reactor, count, body) {
    readableSockets(count).forEach((socket, index) => {
      reactor.watch(socket, EVENT_READ, (_, watcher) => {
        watcher.close();
        body(index);
      });
    });
  },
};

const POSITIONS: readonly [name: string, throwers: readonly number[]][] = [
  ['the first', [0]],
  ['one in the middle', [2]],
  ['the last', [4]],
  ['two', [1, 2]],
  ['each', [0, 1, 2, 3, 4]],
];

describeReactors((setting, open) => {
  for (const [source, set] of Object.entries(KINDS)) {
    it.each(POSITIONS)(
      `runs all five ${source}s of an iteration where %s of them throws`,
      async (_, throwers) => {
        const { reactor, reported } = collecting(open);
        const called: number[] = [];
        // By the order of calls: that of watchers is nobody's promise.
        set(reactor, 5, () => {
          const place = called.push(called.length) - 1;
          if (throwers.includes(place)) throw new Error(`thrown by number ${place}`);
        });
        reactor.stop();
        await run(reactor, setting);
        expect(called).toEqual([0, 1, 2, 3, 4]);
        expect(reported.map(({ error }) => error)).toEqual(
          throwers.map((place) => new Error(`thrown by number ${place}`)),
        );
        expect(reported.map(({ context }) => context.source)).toEqual(throwers.map(() => source));
        // Not one of them is called again, or lost, in the next iteration.
        reactor.stop();
        await run(reactor, setting);
        expect(called).toHaveLength(5);
        expect(reported).toHaveLength(throwers.length);
      },
    );
  }

  it('goes on through all parts of an iteration, and with the next', async () => {
    const { reactor, reported } = collecting(open);
    const [near, far] = socketPair();
    send(far);
    const order: string[] = [];
    const enter = (name: string) => {
      order.push(name);
      throw name;
    };
    reactor.callSoon(enter, 'callback');
    reactor.watch(near, EVENT_READ, () => enter('watcher'));
    reactor.callLater(0, enter, 'timer');
    reactor.stop();
    await run(reactor, setting);
    expect(order).toEqual(['callback', 'watcher', 'timer']);
    reactor.callSoon(enter, 'callback');
    reactor.callLater(0, () => {
      reactor.stop();
      enter('timer');
    });
    await run(reactor, setting);
    expect(order).toEqual(['callback', 'watcher', 'timer', 'callback', 'watcher', 'timer']);
    expect(reported.map(({ error }) => error)).toEqual(order);
  });

  it('says in words and by its descriptor what threw', async () => {
    const { reactor, reported } = collecting(open);
    const [near, far] = socketPair();
    const [other] = socketPair();
    send(far);
    const fail = () => {
      throw new Error('thrown');
    };
    reactor.watch(near, EVENT_READ, fail);
    reactor.addWriter(other, fail);
    reactor.callSoon(fail);
    reactor.callLater(0, fail);
    reactor.stop();
    await run(reactor, setting);
    const contexts = reported.map(({ context }) => context);
    const watchers = contexts.filter(({ source }) => source === 'watcher');
    expect(new Set(watchers.map(({ fd }) => fd))).toEqual(new Set([near.fileno(), other.fileno()]));
    const rest = contexts.filter(({ source }) => source !== 'watcher');
    expect(rest.map(({ source }) => source)).toEqual(['callback', 'timer']);
    expect(rest.filter((context) => 'fd' in context)).toEqual([]);
    expect(contexts.filter(({ message }) => typeof message !== 'string' || message === '')).toEqual([]);
  });

  it('reports a watcher of each direction where both throw', async () => {
    const { reactor, reported } = collecting(open);
    const [near, far] = socketPair();
    send(far);
    reactor.watch(near, EVENT_READ, () => {
      throw 'reader';
    });
    reactor.watch(near, EVENT_WRITE, () => {
      throw 'writer';
    });
    reactor.stop();
    await run(reactor, setting);
    expect(reported.map(({ error }) => error).sort()).toEqual(['reader', 'writer']);
    expect(reported.map(({ context: { source, fd } }) => [source, fd])).toEqual([
      ['watcher', near.fileno()],
      ['watcher', near.fileno()],
    ]);
  });

  it.each([undefined, null, 0, '', 'text', Symbol.iterator, { not: 'an Error' }])(
    'reports whatever is thrown as it is: %s',
    async (thrown) => {
      const { reactor, reported } = collecting(open);
      for (const set of Object.values(KINDS)) {
        set(reactor, 1, () => {
          throw thrown;
        });
      }
      reactor.stop();
      await run(reactor, setting);
      expect(reported.map(({ error }) => error)).toEqual([thrown, thrown, thrown]);
    },
  );

  it('keeps a level-triggered watcher that throws, and a oneshot one fired', async () => {
    const { reactor, reported } = collecting(open);
    const [level, oneshot] = readableSockets(2);
    if (level === undefined || oneshot === undefined) throw new Error('no sockets');
    const called = { level: 0, oneshot: 0 };
    const keeps = reactor.watch(level, EVENT_READ, () => {
      if (++called.level === 3) reactor.stop();
      throw new Error('level');
    });
    const fired = reactor.watch(
      oneshot,
      EVENT_READ,
      () => {
        called.oneshot++;
        throw new Error('oneshot');
      },
      { mode: 'oneshot' },
    );
    await run(reactor, setting);
    expect(called).toEqual({ level: 3, oneshot: 1 });
    expect(reported).toHaveLength(4);
    expect([keeps.active, fired.active]).toEqual([true, true]);
    fired.rearm();
    reactor.stop();
    await run(reactor, setting);
    expect(called.oneshot).toBe(2);
  });

  it('sets a timer again that threw', async () => {
    const { reactor, reported } = collecting(open);
    let fired = 0;
    const timer = reactor.callLater(0, () => {
      if (++fired < 3) timer.reschedule(0.1);
      else reactor.stop();
      throw new Error('thrown');
    });
    await run(reactor, setting);
    expect([fired, reported.length]).toEqual([3, 3]);
  });

  it('stops where a callback stops it and throws', async () => {
    const { reactor, reported } = collecting(open);
    reactor.callSoon(() => {
      reactor.stop();
      throw new Error('thrown');
    });
    await run(reactor, setting);
    expect(reported).toHaveLength(1);
    expect(reactor.state).toBe('idle');
  });

  it('lets onError do anything: stop, queue, set and close', async () => {
    const [near, far] = socketPair();
    send(far);
    const order: string[] = [];
    const reactor: Reactor = open({
      onError(error) {
        order.push(`reported ${error}`);
        if (error === 'of the callback') {
          // Not before that: on a busy machine even a timer of a millisecond is due in this very iteration.
          const second = reactor.callLater(60_000, () => {
            throw 'of the second timer';
          });
          reactor.callSoon(() => {
            order.push('queued');
            second.reschedule(1);
          });
          timer.cancel();
        } else if (error === 'of the watcher') {
          watcher.close();
        } else {
          reactor.stop();
        }
      },
    });
    const timer = reactor.callLater(0, () => order.push('cancelled'));
    const watcher = reactor.watch(near, EVENT_READ, () => {
      throw 'of the watcher';
    });
    reactor.callSoon(() => {
      throw 'of the callback';
    });
    await run(reactor, setting);
    expect(order).toEqual([
      'reported of the callback',
      'reported of the watcher',
      'queued',
      'reported of the second timer',
    ]);
  });

  it('reports what a done callback of a Future throws, and calls the others', async () => {
    const { reactor, reported } = collecting(open);
    const called: string[] = [];
    const future = reactor.createFuture<number>();
    for (const name of ['first', 'second', 'third']) {
      future.addDoneCallback(() => {
        called.push(name);
        if (name === 'second') throw name;
      });
    }
    future.setResult(1);
    reactor.stop();
    await run(reactor, setting);
    expect(called).toEqual(['first', 'second', 'third']);
    expect(reported).toMatchObject([{ error: 'second', context: { source: 'callback' } }]);
    expect(future.result()).toBe(1);
  });

  it('reports what onMessage throws, and delivers the messages behind it', async () => {
    const { reactor, reported } = collecting(open);
    const received: unknown[] = [];
    reactor.onMessage = (value) => {
      received.push(value);
      if (received.length === 3) reactor.stop();
      throw value;
    };
    const remote = Remote.from(reactor.remote.handle);
    for (const value of [1, 2, 3]) expect(remote.post(value)).toBe(true);
    await runToStop(reactor, setting);
    expect(received).toEqual([1, 2, 3]);
    expect(reported.map(({ error, context }) => [error, context.source])).toEqual([
      [1, 'callback'],
      [2, 'callback'],
      [3, 'callback'],
    ]);
  });

  it('reports what a signal handler throws, and calls it again', async () => {
    const { reactor, reported } = collecting(open);
    let called = 0;
    reactor.addSignalHandler('SIGUSR2', () => {
      if (++called === 2) reactor.stop();
      else reactor.callSoon(() => process.kill(process.pid, 'SIGUSR2'));
      throw `signal ${called}`;
    });
    reactor.callSoon(() => process.kill(process.pid, 'SIGUSR2'));
    await runToStop(reactor, setting);
    expect(reactor.removeSignalHandler('SIGUSR2')).toBe(true);
    expect(reported.map(({ error, context }) => [error, context.source])).toEqual([
      ['signal 1', 'signal'],
      ['signal 2', 'signal'],
    ]);
  });

  it('does not report what is thrown by a watcher of which nothing was asked', async () => {
    const { reactor, reported } = collecting(open);
    const [near, far] = socketPair();
    const watcher = reactor.watch(near, EVENT_READ, () => {
      throw new Error('never called');
    });
    reactor.callSoon(() => {
      send(far);
      watcher.close();
      reactor.callSoon(() => reactor.stop());
    });
    await run(reactor, setting);
    expect([reported, drain(near)]).toEqual([[], 1]);
  });
});

/** What the fixture says where each of its errors is caught; each is thrown once, and nothing is lost between them. */
const CAUGHT = [
  'caught of a callback',
  'the other callback',
  'caught of a watcher',
  'caught of a timer',
  'the other timer',
  'the next iteration',
];

describeReactors((setting) => {
  function outcome(options: object): Promise<Outcome> {
    return runFixture('reactor-throwing.mjs', [JSON.stringify({ ...setting, ...options })]);
  }

  it("is the process's uncaught exception where there is no onError, and the loop goes on", async () => {
    expect(await outcome({ listener: true })).toEqual({
      code: 0,
      signal: null,
      stdout: `${CAUGHT.join('\n')}\n`,
      stderr: '',
    });
  });

  it("is the process's uncaught exception what onError throws", async () => {
    expect(await outcome({ listener: true, onError: true })).toMatchObject({
      code: 0,
      signal: null,
      stdout: `${CAUGHT.map((line) => line.replace('caught', 'caught from onError')).join('\n')}\n`,
    });
  });

  it.each(['tick', 'rejection'])('goes on where what a callback left to Node fails: a %s', async (only) => {
    const { code, stdout, stderr } = await outcome({ listener: true, only });
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout.trim().split('\n');
    // Not before the callbacks of the iteration are through, nor after it.
    expect(lines).toHaveLength(4);
    expect(lines.indexOf(`caught of a ${only}`)).toBeGreaterThan(0);
    expect(lines.filter((line) => !line.startsWith('caught'))).toEqual([
      'the other callback',
      'the other timer',
      'the next iteration',
    ]);
    expect(lines.at(-1)).toBe('the next iteration');
  });

  it.each(['callback', 'watcher', 'timer', 'tick', 'rejection'])(
    'ends a process that does not listen: %s',
    async (only) => {
      const { code, signal, stdout, stderr } = await outcome({ listener: false, only });
      expect([code, signal, stdout]).toEqual([1, null, '']);
      expect(stderr).toContain(`Error: of a ${only}`);
    },
  );

  it("is the worker's uncaught exception in a worker, and its loop goes on", async () => {
    const worker = startWorker('reactor-throwing.mjs', { ...setting, listener: true });
    expect(await ended(worker)).toEqual({ code: 0, error: null, said: CAUGHT });
  });

  it.each(['callback', 'watcher', 'timer', 'rejection'])(
    'ends a worker that does not listen: %s',
    async (only) => {
      const worker = startWorker('reactor-throwing.mjs', { ...setting, listener: false, only });
      expect(await ended(worker)).toEqual({ code: 1, error: `of a ${only}`, said: [] });
    },
  );
});

it('bad options leave no descriptor open', async () => {
  const before = descriptorCount();
  for (const options of [{ onError: 5 }, { onError: null }, { selector: {} }, { selector: null }, null]) {
    for (let i = 0; i < 10; i++) {
      expect(refusal(() => new Reactor(options as never))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    }
  }
  await expectNoLeak(before);
});

async function ended(worker: Worker): Promise<{ code: number; error: string | null; said: unknown[] }> {
  let error: string | null = null;
  const said: unknown[] = [];
  worker.on('error', ({ message }) => {
    error = message;
  });
  worker.on('message', (text) => said.push(text));
  return { code: await exitOf(worker), error, said };
}
