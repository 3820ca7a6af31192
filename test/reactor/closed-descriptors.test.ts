/** Watched descriptors that are closed behind the reactor's back, and numbers that come to mean another file. */
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EVENT_INVALID, EVENT_READ, EVENT_WRITE, type Socket, type Watcher } from 'iomux';
import { describe, expect, it, onTestFinished } from 'vitest';
import { duplicate } from '../support/descriptors.js';
import { ForeignFile } from '../support/numbers.js';
import { drain, readableSockets, send, socketPair } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { runFor, runToStop } from '../support/running.js';
import { successor } from '../support/successor.js';

/** Long enough for an iteration that should not happen. */
const MOMENT = 20;
/** What has not come by then is lost. */
const LOST = 5_000;

describeReactors((setting, open) => {
  const { backend } = setting;
  /** poll and select are handed the descriptors by us and see that one is closed; epoll and kqueue forget it. */
  const tells = backend === 'poll' || backend === 'select';

  describe('a descriptor that is closed behind our back', () => {
    it('has what its callback changes applied before the next wait', async () => {
      const reactor = open();
      const fd = socketPair()[0].detach();
      const [near] = socketPair();
      const log: string[] = [];
      const other = reactor.watch(near, EVENT_READ, () => {
        log.push('the other');
        reactor.stop();
      });
      const watcher = reactor.watch(fd, EVENT_READ, () => {
        log.push('the closed one');
        other.modify(EVENT_WRITE);
      });
      reactor.callSoon(() => {
        closeSync(fd);
        watcher.modify(EVENT_WRITE);
      });
      reactor.callLater(LOST, () => reactor.stop());
      await runToStop(reactor, setting);
      expect(log).toEqual(['the closed one', 'the other']);
    });

    it.runIf(tells)('is no stranger’s successor: whoever watches its number goes on', async () => {
      const errors: unknown[] = [];
      const reactor = open({ onError: (error) => errors.push(error) });
      const fd = socketPair()[0].detach();
      reactor.selector.register(fd, EVENT_READ);
      let calls = 0;
      reactor.callSoon(() => closeSync(fd));
      await runFor(reactor, setting, MOMENT);
      expect(errors).toMatchObject([{ code: 'ERR_UNSUPPORTED' }]);
      const [next, peer] = successor(fd);
      reactor.watch(next, EVENT_READ, () => {
        calls++;
        drain(next);
      });
      send(peer);
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(1);
      expect(errors).toHaveLength(1);
    });

    it.runIf(tells)('is reported once to each watcher, which is then no longer active', async () => {
      const reactor = open();
      const fd = socketPair()[0].detach();
      const seen: [number, boolean][] = [];
      const note = (events: number, watcher: Watcher) => seen.push([events, watcher.active]);
      const watchers = [EVENT_READ, EVENT_WRITE].map((events) => reactor.watch(fd, events, note));
      // While it runs: what the host opens at first would get the number.
      reactor.callSoon(() => closeSync(fd));
      await runFor(reactor, setting, MOMENT);
      expect(seen.map(([events]) => events).sort()).toEqual([
        EVENT_READ | EVENT_INVALID,
        EVENT_WRITE | EVENT_INVALID,
      ]);
      expect(watchers.map(({ active }) => active)).toEqual([false, false]);
      expect(refusal(() => watchers[0]?.rearm())).toBe('StateError ERR_CLOSED');
      expect(reactor.selector.getMap().size).toBe(0);
    });

    it.runIf(tells)('can be watched anew by the callback that is told of it', async () => {
      const reactor = open();
      const fd = socketPair()[0].detach();
      const seen: number[] = [];
      reactor.watch(fd, EVENT_READ, (events) => {
        seen.push(events);
        const [next, peer] = successor(fd);
        send(peer);
        reactor.watch(next, EVENT_READ, (again) => {
          seen.push(again);
          drain(next);
          reactor.stop();
        });
      });
      reactor.callSoon(() => closeSync(fd));
      await runToStop(reactor, setting);
      expect(seen).toEqual([EVENT_READ | EVENT_INVALID, EVENT_READ]);
    });

    it.runIf(!tells)('falls silent, and its watcher can be closed', async () => {
      const reactor = open();
      const fd = (readableSockets(1)[0] as Socket).detach();
      const [other] = readableSockets(1) as [Socket];
      const watcher = reactor.watch(fd, EVENT_READ, () => expect.unreachable());
      let calls = 0;
      reactor.watch(other, EVENT_READ, () => {
        calls++;
        drain(other);
      });
      reactor.callSoon(() => closeSync(fd));
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(1);
      expect(watcher.active).toBe(true);
      watcher.close();
      expect(reactor.selector.getMap().has(fd)).toBe(false);
    });

    it.each([
      ['waits for the same', EVENT_READ],
      ['waits for something else', EVENT_WRITE],
    ])('gives way to the file that has got its number and %s', async (_name, events) => {
      const reactor = open();
      const file = new ForeignFile(socketPair()[0].detach());
      const { fd } = file;
      const told: number[] = [];
      const old = reactor.watch(file, EVENT_READ, (found) => told.push(found));
      closeSync(fd);
      file.fd = -1;
      const [near, peer] = successor(fd);
      send(peer);
      const seen: number[] = [];
      const fresh = reactor.watch(near, events, (found, watcher) => {
        seen.push(found);
        watcher.close();
      });
      expect(fresh.active).toBe(true);
      await runFor(reactor, setting, MOMENT);
      expect(seen).toEqual([events]);
      // And no direction: what could be read from that number is another's.
      expect(told).toEqual([EVENT_INVALID]);
      expect(old.active).toBe(false);
    });

    // poll and select are told a number, and watch whatever it means.
    it.runIf(!tells).each([
      ['waits for the same', EVENT_READ],
      ['waits for something else', EVENT_WRITE],
    ])('gives way, watched as a bare number, to the file that has got it and %s', async (_name, events) => {
      const reactor = open();
      const fd = socketPair()[0].detach();
      const told: number[] = [];
      const old = reactor.watch(fd, EVENT_READ, (found) => told.push(found));
      closeSync(fd);
      const [near, peer] = successor(fd);
      send(peer);
      const seen: number[] = [];
      reactor.watch(near, events, (found, watcher) => {
        seen.push(found);
        watcher.close();
      });
      await runFor(reactor, setting, MOMENT);
      expect(seen).toEqual([events]);
      // And no direction: what could be read from that number is another's.
      expect(told).toEqual([EVENT_INVALID]);
      expect(old.active).toBe(false);
    });

    it.runIf(setting.mode === 'hosted')(
      'gives way, from outside of an iteration, to the file that has got its number, and is told so',
      async () => {
        const reactor = open();
        const running = reactor.run();
        const file = new ForeignFile(socketPair()[0].detach());
        const { fd } = file;
        const told: number[] = [];
        const old = reactor.watch(file, EVENT_READ, (found) => told.push(found));
        await sleep(5);
        closeSync(fd);
        file.fd = -1;
        const [near] = successor(fd);
        const fresh = reactor.watch(near, EVENT_READ, () => expect.unreachable());
        // Nothing else happens that would wake the reactor.
        const until = performance.now() + LOST;
        while (told.length === 0 && performance.now() < until) await sleep(1);
        expect(told).toEqual([EVENT_INVALID]);
        expect([old.active, fresh.active]).toEqual([false, true]);
        reactor.stop();
        await running;
      },
    );

    it('and lives on in a duplicate neither spins nor keeps the others from being served', async () => {
      const reactor = open();
      const fd = (readableSockets(1)[0] as Socket).detach();
      const survivor = duplicate(fd);
      onTestFinished(() => closeSync(survivor));
      const [near, far] = socketPair();
      let received = 0;
      reactor.addReader(near, () => {
        received += drain(near);
      });
      const watcher = reactor.watch(fd, EVENT_READ, () => {});
      // In the wrong order: the kernel cannot be told any more.
      reactor.callSoon(() => {
        closeSync(fd);
        watcher.close();
      });
      await runFor(reactor, setting, MOMENT);
      const { waits } = reactor.selector.stats;
      for (const delay of [5, 10, 15]) reactor.callLater(delay, () => send(far));
      await runFor(reactor, setting, 2 * MOMENT);
      expect(received).toBe(3);
      expect(reactor.selector.stats.waits - waits).toBeLessThanOrEqual(20);
    });
  });
});
