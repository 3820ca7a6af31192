/** Watchers that are oneshot or edge-triggered: when they are called again. */
import { createSelector, EVENT_HANGUP, EVENT_READ, EVENT_WRITE, type Socket, type TriggerMode } from 'iomux';
import { describe, expect, it } from 'vitest';
import { drain, readableSockets, send, socketPair } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { runFor, runToStop } from '../support/running.js';
import { successor } from '../support/successor.js';

/** Long enough for an iteration that should not happen. */
const MOMENT = 20;

describeReactors((setting, open) => {
  const { backend } = setting;
  using probe = createSelector(backend);
  const { capabilities } = probe;
  const can = (mode: TriggerMode) => capabilities.modes.includes(mode);

  describe('a oneshot watcher', () => {
    it('is called once, until it is armed again', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      let calls = 0;
      const watcher = reactor.watch(near, EVENT_READ, () => calls++, { mode: 'oneshot' });
      await runFor(reactor, setting, MOMENT);
      expect([calls, watcher.active]).toEqual([1, true]);
      watcher.rearm();
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(2);
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(2);
    });

    it('can be armed by its own callback', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      let calls = 0;
      reactor.watch(
        near,
        EVENT_READ,
        (_events, watcher) => {
          calls++;
          if (calls < 5) watcher.rearm();
        },
        { mode: 'oneshot' },
      );
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(5);
    });

    it('is armed again, too, by a change of what it waits for', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const seen: number[] = [];
      const watcher = reactor.watch(near, EVENT_READ, (events) => seen.push(events), { mode: 'oneshot' });
      await runFor(reactor, setting, MOMENT);
      watcher.modify(EVENT_WRITE);
      await runFor(reactor, setting, MOMENT);
      expect(seen).toEqual([EVENT_READ, EVENT_WRITE]);
    });

    it('leaves the other watcher of its descriptor armed', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const seen: string[] = [];
      const options = { mode: 'oneshot' } as const;
      reactor.watch(near, EVENT_READ, (events) => seen.push(`reader ${events}`), options);
      reactor.watch(near, EVENT_WRITE, (events) => seen.push(`writer ${events}`), options);
      await runFor(reactor, setting, MOMENT);
      expect(seen).toEqual([`writer ${EVENT_WRITE}`]);
      send(far);
      await runFor(reactor, setting, MOMENT);
      expect(seen).toEqual([`writer ${EVENT_WRITE}`, `reader ${EVENT_READ}`]);
    });

    it('is armed without the other watcher of its descriptor', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const seen: string[] = [];
      const options = { mode: 'oneshot' } as const;
      const reader = reactor.watch(near, EVENT_READ, (events) => seen.push(`reader ${events}`), options);
      reactor.watch(near, EVENT_WRITE, (events) => seen.push(`writer ${events}`), options);
      await runFor(reactor, setting, MOMENT);
      expect(seen.sort()).toEqual([`reader ${EVENT_READ}`, `writer ${EVENT_WRITE}`]);
      reader.rearm();
      await runFor(reactor, setting, MOMENT);
      expect(seen).toEqual([`reader ${EVENT_READ}`, `writer ${EVENT_WRITE}`, `reader ${EVENT_READ}`]);
    });

    it('hears of nothing while it is not armed, errors included', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      send(far);
      const seen: number[] = [];
      const watcher = reactor.watch(near, EVENT_READ, (events) => seen.push(events), { mode: 'oneshot' });
      await runFor(reactor, setting, MOMENT);
      far.close();
      await runFor(reactor, setting, MOMENT);
      expect(seen).toEqual([EVENT_READ]);
      watcher.rearm();
      await runFor(reactor, setting, MOMENT);
      expect(seen).toEqual([EVENT_READ, EVENT_READ | (backend === 'select' ? 0 : EVENT_HANGUP)]);
    });
  });

  describe.runIf(can('edge'))('an edge-triggered watcher', () => {
    const edge = { mode: 'edge' } as const;

    it('is called when something comes, not because something is there', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      let calls = 0;
      reactor.watch(near, EVENT_READ, () => calls++, edge);
      send(far);
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(1);
      send(far);
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(2);
    });

    it('that arms itself is called again in the next iteration, with the events it had', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const log: string[] = [];
      send(far);
      reactor.watch(
        near,
        EVENT_READ,
        (events, watcher) => {
          log.push(`called ${events & EVENT_READ}`);
          if (log.length > 4) return;
          watcher.rearm();
          reactor.callSoon(() => log.push('next iteration'));
        },
        edge,
      );
      await runFor(reactor, setting, MOMENT);
      const called = `called ${EVENT_READ}`;
      expect(log).toEqual([called, 'next iteration', called, 'next iteration', called]);
    });

    it('that used up its budget is served turn about with the others, and loses nothing', async () => {
      const reactor = open();
      const budget = 16;
      const chunk = Buffer.alloc(64);
      const amount = 64 * 1024;
      const turns: number[] = [];
      const received = [0, 0, 0];
      for (const index of received.keys()) {
        const [near, far] = socketPair();
        expect(far.send(Buffer.alloc(amount))).toBe(amount);
        reactor.watch(
          near,
          EVENT_READ,
          (_events, watcher) => {
            turns.push(index);
            for (let reads = 0; reads < budget; reads++) {
              const count = near.recv(chunk);
              if (count < 0) {
                if (received.every((total) => total === amount)) reactor.stop();
                return;
              }
              received[index] = (received[index] ?? 0) + count;
            }
            watcher.rearm();
          },
          edge,
        );
      }
      await runToStop(reactor, setting);
      expect(received).toEqual([amount, amount, amount]);
      // Nobody had two turns while another waited for his, but where a batch ended and the next began.
      const lead = [0, 0, 0];
      for (const index of turns) {
        lead[index] = (lead[index] ?? 0) + 1;
        expect(Math.max(...lead) - Math.min(...lead)).toBeLessThanOrEqual(2);
      }
    });

    it('that has something left to do keeps neither timers, callbacks nor other descriptors waiting', async () => {
      const reactor = open();
      const [greedy] = readableSockets(1) as [Socket];
      const [modest, far] = socketPair();
      const seen: string[] = [];
      reactor.watch(greedy, EVENT_READ, (_events, watcher) => watcher.rearm(), edge);
      reactor.watch(modest, EVENT_READ, () => {
        seen.push('descriptor');
        drain(modest);
        reactor.stop();
      });
      reactor.callLater(5, () => {
        seen.push('timer');
        reactor.callSoon(() => {
          seen.push('callback');
          send(far);
        });
      });
      await runToStop(reactor, setting);
      expect(seen).toEqual(['timer', 'callback', 'descriptor']);
    });

    it('that armed itself is not called once it is closed', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      let calls = 0;
      reactor.watch(
        near,
        EVENT_READ,
        (_events, watcher) => {
          calls++;
          watcher.rearm();
          reactor.callSoon(() => watcher.close());
        },
        edge,
      );
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(1);
    });

    it('that armed itself is not called once its socket is closed, nor is who gets the number', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const fd = near.fileno();
      let calls = 0;
      reactor.watch(
        near,
        EVENT_READ,
        (_events, watcher) => {
          calls++;
          watcher.rearm();
          near.close();
          const [next] = successor(fd);
          reactor.watch(next, EVENT_READ, () => expect.unreachable(), edge);
        },
        edge,
      );
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(1);
    });

    it('that threw, and is armed by who is told so, is told again what still holds, which is nothing', async () => {
      const failure = new Error('mine');
      const errors: unknown[] = [];
      const reactor = open({
        onError: (error) => {
          errors.push(error);
          watcher.rearm();
        },
      });
      const [near, far] = socketPair();
      send(far);
      const fail = () => {
        drain(near);
        throw failure;
      };
      const watcher = reactor.watch(near, EVENT_READ, fail, edge);
      await runFor(reactor, setting, MOMENT);
      expect(errors).toEqual([failure]);
      send(far);
      await runFor(reactor, setting, MOMENT);
      expect(errors).toEqual([failure, failure]);
    });

    it('that is armed from elsewhere is told again what still holds', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      let calls = 0;
      const watcher = reactor.watch(near, EVENT_READ, () => calls++, edge);
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(1);
      watcher.rearm();
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(2);
      drain(near);
      watcher.rearm();
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(2);
    });
  });
});
