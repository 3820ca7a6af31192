/** What is changed from outside while a hosted reactor waits. */
import { createSelector, EVENT_READ, EVENT_WRITE, type Socket, type TriggerMode } from 'iomux';
import { describe, expect, it } from 'vitest';
import { drain, readableSockets, send, socketPair } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { runToStop } from '../support/running.js';
import { successor } from '../support/successor.js';

/** Long enough for an iteration that should not happen. */
const MOMENT = 20;

describeReactors((setting, open) => {
  const { backend } = setting;
  using probe = createSelector(backend);
  const { capabilities } = probe;
  const can = (mode: TriggerMode) => capabilities.modes.includes(mode);

  describe.runIf(setting.mode === 'hosted')(
    "what Node's own callbacks change while the reactor waits",
    () => {
      /** Does something when the reactor has come to rest. */
      function meanwhile(action: () => void): void {
        setTimeout(action, 5);
      }

      it('takes effect at once: a watcher is set', async () => {
        const reactor = open();
        const [near] = readableSockets(1) as [Socket];
        const seen: number[] = [];
        meanwhile(() => {
          reactor.watch(near, EVENT_READ, (events) => {
            seen.push(events);
            reactor.stop();
          });
        });
        await runToStop(reactor, setting);
        expect(seen).toEqual([EVENT_READ]);
      });

      it('takes effect at once: an interest is changed, and another watcher joins', async () => {
        const reactor = open();
        const [near, far] = socketPair();
        const seen: string[] = [];
        const watcher = reactor.watch(near, EVENT_READ, () => {
          seen.push('first');
          watcher.close();
          meanwhile(() => {
            reactor.addReader(near, () => {
              seen.push('second');
              reactor.stop();
            });
            send(far);
          });
        });
        meanwhile(() => watcher.modify(EVENT_READ | EVENT_WRITE));
        await runToStop(reactor, setting);
        expect(seen).toEqual(['first', 'second']);
      });

      it('takes effect at once: a watcher is closed', async () => {
        const reactor = open();
        const [near, far] = socketPair();
        const watcher = reactor.watch(near, EVENT_READ, () => expect.unreachable());
        meanwhile(() => {
          send(far);
          watcher.close();
          reactor.callLater(MOMENT, () => reactor.stop());
        });
        await runToStop(reactor, setting);
        expect(watcher.active).toBe(false);
      });

      it.each((['oneshot', 'edge', 'edge-oneshot'] as const).filter(can))(
        'takes effect at once: a watcher in mode %s is armed',
        async (mode) => {
          const reactor = open();
          const [near] = readableSockets(1) as [Socket];
          let calls = 0;
          const watcher = reactor.watch(
            near,
            EVENT_READ,
            () => {
              calls++;
              if (calls === 1) meanwhile(() => watcher.rearm());
              else reactor.stop();
            },
            { mode },
          );
          await runToStop(reactor, setting);
          expect(calls).toBe(2);
        },
      );

      it('takes effect at once: a socket is closed, and its number is of another', async () => {
        const reactor = open();
        const [near] = socketPair();
        const fd = near.fileno();
        reactor.watch(near, EVENT_READ, () => expect.unreachable());
        let received = 0;
        meanwhile(() => {
          near.close();
          const [next, peer] = successor(fd);
          reactor.watch(next, EVENT_READ, () => {
            received += drain(next);
            reactor.stop();
          });
          send(peer, 'for the new one');
        });
        await runToStop(reactor, setting);
        expect(received).toBe(15);
      });
    },
  );
});
