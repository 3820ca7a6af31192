/** Storms: what is always ready leaves the others their turn. */
import { EVENT_READ } from 'iomux';
import { describe, expect, it } from 'vitest';
import { drain, readableSockets, send, socketPair } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { runToStop } from '../support/running.js';

describeReactors((setting, open) => {
  describe('a storm: something that is always ready and never read', () => {
    it('lets the timers of the reactor come, and its callbacks', async () => {
      const reactor = open();
      for (const socket of readableSockets(10)) reactor.watch(socket, EVENT_READ, () => {});
      let ticks = 0;
      const tick = () => {
        ticks++;
        if (ticks === 20) reactor.stop();
        else reactor.callSoon(() => reactor.callLater(1, tick));
      };
      reactor.callLater(1, tick);
      await runToStop(reactor, setting);
      expect(ticks).toBe(20);
    });

    it('lets every other descriptor be served', async () => {
      const reactor = open();
      for (const socket of readableSockets(10)) reactor.watch(socket, EVENT_READ, () => {});
      const [near, far] = socketPair();
      let served = 0;
      reactor.watch(near, EVENT_READ, () => {
        drain(near);
        served++;
        if (served === 20) reactor.stop();
        else send(far);
      });
      send(far);
      await runToStop(reactor, setting);
      expect(served).toBe(20);
    });

    it.runIf(setting.mode === 'hosted')(
      "lets Node's own intervals fire, made of callbacks, too",
      async () => {
        const reactor = open();
        const again = () => {
          reactor.callSoon(again);
        };
        again();
        let ticks = 0;
        const interval = setInterval(() => {
          ticks++;
          if (ticks === 20) reactor.stop();
        }, 1);
        await runToStop(reactor, setting);
        clearInterval(interval);
        expect(ticks).toBe(20);
      },
    );

    it.runIf(setting.mode === 'hosted')("lets Node's own intervals fire", async () => {
      const reactor = open();
      let storm = 0;
      for (const socket of readableSockets(10)) reactor.watch(socket, EVENT_READ, () => storm++);
      let ticks = 0;
      const interval = setInterval(() => {
        ticks++;
        if (ticks === 50) reactor.stop();
      }, 1);
      await runToStop(reactor, setting);
      clearInterval(interval);
      expect(ticks).toBeGreaterThanOrEqual(50);
      expect(storm).toBeGreaterThan(0);
    });
  });
});
