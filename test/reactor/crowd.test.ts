/** Batches that settle many promises: who waits for one goes on before the batch is at its end. */
import { closeSync } from 'node:fs';
import {
  createSelector,
  EVENT_READ,
  EVENT_WRITE,
  type Reactor,
  type RegisterOptions,
  type Socket,
  WOULD_BLOCK,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { drain, readableSockets, send, socketPair } from '../support/pairs.js';
import { describeReactors, outsideOfMicrotasks } from '../support/reactors.js';
import { runFor, runToStop } from '../support/running.js';
import { successor } from '../support/successor.js';

const COUNT = 200;
/** Reactions that a batch keeps waiting at most, with some more for whoever changes the number. */
const MOST = 32;
/** Long enough for an iteration that should not happen. */
const MOMENT = 20;

/** Has an async function wait for each of many sockets that are ready already. @returns what they saw. */
function crowd(reactor: Reactor, options?: RegisterOptions) {
  const calls = new Array<number>(COUNT).fill(0);
  const seen = { calls, settled: 0, moved: 0, mostWaiting: 0 };
  for (const [index, socket] of readableSockets(COUNT).entries()) {
    const ready = reactor.createFuture<void>();
    const wait = async () => {
      await ready;
      seen.moved++;
      if (seen.moved === COUNT) reactor.stop();
    };
    void wait();
    reactor.watch(
      socket,
      EVENT_READ,
      (_events, watcher) => {
        calls[index] = (calls[index] ?? 0) + 1;
        drain(socket);
        if (calls[index] !== 1) return;
        seen.settled++;
        seen.mostWaiting = Math.max(seen.mostWaiting, seen.settled - seen.moved);
        ready.setResult();
        watcher.rearm();
      },
      options,
    );
  }
  return seen;
}

/** A promise that somebody waits for. @returns what settles it, once. */
function awaited(reactor: Reactor, then: () => void = () => {}): () => void {
  const future = reactor.createFuture<void>();
  void future.then(then);
  return () => {
    if (!future.done()) future.setResult();
  };
}

/** Sends until no more fits. */
function fill(socket: Socket): void {
  while (socket.send(Buffer.alloc(65_536)) !== WOULD_BLOCK);
}

describeReactors((setting, open) => {
  using probe = createSelector(setting.backend);
  const { capabilities } = probe;

  it('moves promises before a batch has settled too many, and tells each once', async () => {
    const reactor = open();
    const seen = crowd(reactor);
    await runToStop(reactor, setting);
    expect(seen.mostWaiting).toBeLessThanOrEqual(MOST);
    expect(seen.calls).toEqual(new Array(COUNT).fill(1));
  });

  it('tells what is left of a batch in the next run, where one of them ends this', async () => {
    const reactor = open();
    const seen = crowd(reactor);
    const first = reactor.createFuture<void>();
    const [near] = readableSockets(1);
    reactor.watch(near ?? -1, EVENT_READ, (_events, watcher) => {
      watcher.close();
      first.setResult();
    });
    void (async () => {
      await first;
      reactor.stop();
    })();
    await runToStop(reactor, setting);
    if (seen.moved < COUNT) await runToStop(reactor, setting);
    expect(seen.calls).toEqual(new Array(COUNT).fill(1));
  });

  it.runIf(capabilities.modes.includes('edge'))(
    'tells again whoever asked for it in a batch that is broken off',
    async () => {
      const reactor = open();
      const seen = crowd(reactor, { mode: 'edge' });
      await runToStop(reactor, setting);
      // The last promise may move before those were told again who are to be.
      if (Math.min(...seen.calls) < 2) await runFor(reactor, setting, MOMENT);
      expect(seen.calls).toEqual(new Array(COUNT).fill(2));
    },
  );

  describe.runIf(capabilities.modes.includes('edge'))('what is edge-triggered', () => {
    it('hears what is left of a batch, though it is to be told again', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      fill(near);
      send(far);
      const others = Array.from({ length: COUNT }, socketPair);
      for (const [other] of others) {
        const ready = awaited(reactor);
        reactor.watch(other, EVENT_READ, () => {
          drain(other);
          ready();
        });
      }
      let heard = 0;
      reactor.watch(
        near,
        EVENT_READ | EVENT_WRITE,
        (events, watcher) => {
          heard |= events;
          if ((heard & EVENT_WRITE) !== 0) reactor.stop();
          if (events !== EVENT_READ) return;
          watcher.rearm();
          for (const [, other] of others) send(other);
          drain(far);
        },
        { mode: 'edge' },
      );
      await runToStop(reactor, setting);
      expect(heard).toBe(EVENT_READ | EVENT_WRITE);
    });

    it('hears of the next batch, though all that was left of this one was closed', async () => {
      const reactor = open();
      const pairs = Array.from({ length: COUNT }, socketPair);
      const calls = new Array<number>(COUNT).fill(0);
      let closing = true;
      const closeTheRest = () => {
        if (!closing) return;
        closing = false;
        for (const [index, watcher] of watchers.entries()) if (calls[index] === 0) watcher.close();
        send((pairs[calls.indexOf(1)] as [Socket, Socket])[1]);
      };
      const watchers = pairs.map(([near, far], index) => {
        const ready = awaited(reactor, closeTheRest);
        send(far);
        return reactor.watch(
          near,
          EVENT_READ,
          () => {
            drain(near);
            if (calls[index] === 1) reactor.stop();
            calls[index] = (calls[index] ?? 0) + 1;
            ready();
          },
          { mode: 'edge' },
        );
      });
      await runToStop(reactor, setting);
      expect(Math.max(...calls)).toBe(2);
    });

    it('hears of its first batch, where the one before had only a closed descriptor to tell', async () => {
      const reactor = open();
      const fd = socketPair()[0].detach();
      const seen: string[] = [];
      reactor.watch(fd, EVENT_READ, () => seen.push('old'), { mode: 'edge' });
      // While it runs: what the host opens at first would get the number.
      reactor.callLater(1, () => {
        closeSync(fd);
        const [next, peer] = successor(fd);
        send(peer);
        const note = () => {
          seen.push('new');
          reactor.stop();
        };
        reactor.watch(next, EVENT_READ, note, { mode: 'edge' });
      });
      await runToStop(reactor, setting);
      expect(seen).toEqual(['old', 'new']);
    });
  });

  it.runIf(setting.mode === 'blocking')(
    'waits in a run of its own, where all that was left was closed',
    async () => {
      const reactor = open();
      const far: Socket[] = [];
      const watchers = Array.from({ length: COUNT }, () => {
        const [near, peer] = socketPair();
        far.push(peer);
        const ready = awaited(reactor, () => reactor.stop());
        send(peer);
        return reactor.watch(near, EVENT_READ, (_events, watcher) => {
          watcher.close();
          ready();
        });
      });
      await runToStop(reactor, setting);
      for (const watcher of watchers) watcher.close();
      const elapsed = await outsideOfMicrotasks(() => {
        const begin = performance.now();
        reactor.runOnce(MOMENT);
        return performance.now() - begin;
      });
      expect(elapsed).toBeGreaterThan(MOMENT / 2);
    },
  );

  it.runIf(setting.mode === 'blocking')('delivers all that a single iteration has found', async () => {
    const reactor = open();
    const seen = crowd(reactor);
    await outsideOfMicrotasks(() => reactor.runOnce(0));
    expect(seen.settled).toBe(COUNT);
  });
});
