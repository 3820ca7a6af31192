/** A signal during a wait neither ends it nor makes it fail, and its handler runs afterwards. */
import { once } from 'node:events';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { constants, createSelector, Epoll, EVENT_READ, Poll, Socket, select, selectorBackends } from 'iomux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outcomeOf, startFixture } from './support/processes.js';
import { exitOf, messageOf, startWorker } from './support/workers.js';

const TIMEOUT = 300;
/** The words shared with signalling-worker.mjs. */
const GO = 0;
const SENT = 1;
const STOP = 2;

const hasEpoll = constants['EPOLLIN'] !== undefined;

let handled = 0;
function handler(): void {
  handled++;
}

/** Runs `wait` while signals keep coming, `pause` ms apart, and comes back when one of them was handled. */
async function underSignals(wait: () => unknown, pause = 20): Promise<{ elapsed: number; sent: number }> {
  const words = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
  const worker = startWorker('signalling-worker.mjs', { words, pause });
  const exit = exitOf(worker);
  await messageOf(worker);
  Atomics.store(words, GO, 1);
  Atomics.notify(words, GO);
  try {
    const before = handled;
    const start = performance.now();
    wait();
    const elapsed = performance.now() - start;
    const sent = Atomics.load(words, SENT);
    // The thread was held: no handler has run yet.
    expect(handled).toBe(before);
    while (handled === before) await turn();
    return { elapsed, sent };
  } finally {
    Atomics.store(words, STOP, 1);
    Atomics.notify(words, STOP);
    await exit;
  }
}

/** A wait that a signal restarted from its beginning would never end: they come more often than it is long. */
async function expectWholeWait(wait: () => unknown): Promise<void> {
  const { elapsed, sent } = await underSignals(wait);
  expect(elapsed).toBeGreaterThanOrEqual(TIMEOUT);
  expect(sent).toBeGreaterThan(2);
}

describe('a signal with a handler', () => {
  beforeAll(() => {
    process.on('SIGUSR2', handler);
  });
  afterAll(() => {
    process.off('SIGUSR2', handler);
  });

  for (const backend of selectorBackends()) {
    it(`does not cut the wait of a ${backend} selector short`, async () => {
      using selector = createSelector(backend);
      const [here, there] = Socket.pair();
      selector.register(here, EVENT_READ);
      await expectWholeWait(() => expect(selector.select(TIMEOUT)).toEqual([]));
      expect(selector.stats).toMatchObject({ waits: 1, emptyWaits: 1, events: 0 });
      here.close();
      there.close();
    });

    it(`does not hide what ends the wait of a ${backend} selector`, async () => {
      using selector = createSelector(backend);
      const [here, there] = Socket.pair();
      const key = selector.register(here, EVENT_READ);
      there.send(Buffer.from('x'));
      let delivered = 0;
      await underSignals(() => {
        const end = performance.now() + TIMEOUT;
        while (performance.now() < end) {
          expect(selector.dispatch(null, (ready) => void (ready === key && delivered++))).toBe(1);
        }
      });
      expect(selector.stats).toMatchObject({ waits: delivered, emptyWaits: 0, events: delivered });
      here.close();
      there.close();
    });
  }

  it('does not cut select() short', async () => {
    const [here, there] = Socket.pair();
    await expectWholeWait(() => expect(select([here], [], [], TIMEOUT)).toEqual([[], [], []]));
    here.close();
    there.close();
  });

  it('does not make select() find ready what is not, where it comes at the last moment', async () => {
    const [here, there] = Socket.pair();
    const found: unknown[] = [];
    await underSignals(() => {
      const end = performance.now() + TIMEOUT;
      while (performance.now() < end) found.push(...select([here], [], [here], 0.05).flat());
    }, 0.05);
    expect(found).toEqual([]);
    here.close();
    there.close();
  });

  it('does not cut Poll.poll() short', async () => {
    const [here, there] = Socket.pair();
    const poll = new Poll();
    poll.register(here, constants['POLLIN'] ?? 0);
    await expectWholeWait(() => expect(poll.poll(TIMEOUT)).toEqual([]));
    here.close();
    there.close();
  });

  it.skipIf(!hasEpoll)('does not cut Epoll.poll() short', async () => {
    using epoll = new Epoll();
    const [here, there] = Socket.pair();
    epoll.register(here, constants['EPOLLIN'] ?? 0);
    await expectWholeWait(() => expect(epoll.poll(TIMEOUT)).toEqual([]));
    here.close();
    there.close();
  });
});

// No handler is needed for this one: a stop and a continuation interrupt epoll_wait(2) all the same, signal(7).
describe('a process that is stopped and continued', () => {
  for (const way of [
    ...selectorBackends(),
    'select()',
    'Poll.poll()',
    ...(hasEpoll ? ['Epoll.poll()'] : []),
  ]) {
    it(`waits its whole time: ${way}`, async () => {
      const child = startFixture('waiting-process.mjs', [way, String(TIMEOUT)]);
      const outcome = outcomeOf(child);
      await once(child.stdout ?? child, 'data');
      for (let i = 0; i < 3; i++) {
        child.kill('SIGSTOP');
        await sleep(20);
        child.kill('SIGCONT');
        await sleep(20);
      }
      const { code, signal, stdout, stderr } = await outcome;
      expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
      const { found, elapsed, waits } = JSON.parse(stdout.slice(stdout.indexOf('{')));
      expect({ found, waits }).toEqual({ found: 0, waits: 1 });
      expect(elapsed).toBeGreaterThanOrEqual(TIMEOUT);
    });
  }
});
