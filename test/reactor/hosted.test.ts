/** Hosted runs: beside all else that Node does, one or several, ended from within, from outside or by a signal. */
import { readFile } from 'node:fs/promises';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { EVENT_READ } from 'iomux';
import { describe, expect, it } from 'vitest';
import { iterationsOf } from '../support/iterations.js';
import { drain, send, socketPair } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { rejection } from '../support/rejections.js';
import { ALL_RUNNING, runningRefusals } from '../support/running-refusals.js';

function nothing(): void {}

describeReactors((setting, open) => {
  describe.runIf(setting.mode === 'hosted')("inside of Node's loop", () => {
    it('refuses to run or to close between its iterations, and goes on', async () => {
      const reactor = open();
      const running = reactor.run();
      expect(reactor.state).toBe('hosted');
      expect(await runningRefusals(reactor)).toEqual(ALL_RUNNING);
      await immediate();
      expect(await runningRefusals(reactor)).toEqual(ALL_RUNNING);
      let called = false;
      reactor.callSoon(() => {
        called = true;
        reactor.stop();
      });
      await running;
      expect(called).toBe(true);
    });

    it('is stopped from outside while it has nothing to do', async () => {
      const reactor = open();
      const running = reactor.run();
      await sleep(2);
      reactor.stop();
      await running;
      expect(reactor.state).toBe('idle');
    });

    it('takes what is set while it waits', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const order: string[] = [];
      const running = reactor.run();
      await sleep(2);
      reactor.callSoon(() => order.push('callback'));
      await sleep(2);
      reactor.watch(near, EVENT_READ, (_, watcher) => {
        order.push('watcher');
        watcher.close();
        setTimeout(() => {
          reactor.callLater(1, () => {
            order.push('timer');
            reactor.stop();
          });
        }, 1);
      });
      send(far);
      await running;
      expect(order).toEqual(['callback', 'watcher', 'timer']);
    });

    it('lets the rest of Node go on', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      send(far);
      // Never read: it is ready in each iteration.
      reactor.watch(near, EVENT_READ, nothing);
      const running = reactor.run();
      const order = await Promise.all([
        readFile(new URL(import.meta.url), 'utf8').then(() => 'file'),
        sleep(2, 'timer'),
        immediate('immediate'),
        new Promise((resolve) => process.nextTick(resolve, 'tick')),
        Promise.resolve('promise'),
      ]);
      reactor.stop();
      await running;
      expect(order).toEqual(['file', 'timer', 'immediate', 'tick', 'promise']);
    });

    it('runs beside another one', async () => {
      const [first, second] = [open(), open()];
      let turns = 0;
      // Each answers the other.
      const toFirst = () => void second.callSoon(toSecond);
      const toSecond = () => {
        if (++turns < 20) first.callSoon(toFirst);
        else for (const reactor of [first, second]) reactor.stop();
      };
      first.callSoon(toFirst);
      await Promise.all([first.run(), second.run()]);
      expect(turns).toBe(20);
    });

    it('ends where its selector is closed behind its back while it waits', async () => {
      const reactor = open();
      reactor.callLater(60_000, nothing);
      const running = rejection(() => reactor.run());
      await sleep(2);
      reactor.selector.close();
      const late = sleep(500, 'still running');
      expect(await Promise.race([running, late])).toBe('StateError ERR_CLOSED');
      expect(reactor.state).toBe('idle');
    });

    it('settles a Future in the tick in which its selector is closed, and calls back before it ends', async () => {
      const reactor = open();
      const future = reactor.createFuture<number>();
      let called = 0;
      future.addDoneCallback(() => called++);
      const running = rejection(() => reactor.run());
      await sleep(2);
      reactor.selector.close();
      future.setResult(1);
      expect([future.done(), future.result()]).toEqual([true, 1]);
      expect(await running).toBe('StateError ERR_CLOSED');
      expect(called).toBe(1);
    });

    it('can own the thread in between', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const order: string[] = [];
      reactor.watch(near, EVENT_READ, () => {
        drain(near);
        order.push(reactor.state);
        reactor.stop();
      });
      for (let i = 0; i < 5; i++) {
        setTimeout(send, 1, far);
        await reactor.run();
        reactor.callLater(1, send, far);
        reactor.runForever();
        send(far);
        reactor.runOnce();
      }
      expect(order).toEqual(Array.from({ length: 5 }, () => ['hosted', 'blocking', 'blocking']).flat());
    });

    it('runs again in the reaction to its end, and is closed in it', async () => {
      const reactor = open();
      let runs = 0;
      for (let i = 0; i < 100; i++) {
        reactor.callSoon(() => {
          runs++;
          reactor.stop();
        });
        await reactor.run();
      }
      reactor.close();
      expect([runs, reactor.state]).toEqual([100, 'closed']);
    });

    it('refuses a wait on its selector, but not a look', async () => {
      const reactor = open();
      const { selector } = reactor;
      const results: string[] = [];
      const attempt = () => {
        results.push(
          refusal(() => selector.select()),
          refusal(() => selector.select(1)),
          refusal(() => selector.dispatch(null, nothing)),
        );
      };
      const running = reactor.run();
      await immediate();
      attempt();
      const asynchronous = await rejection(() => selector.selectAsync(1));
      expect(selector.select(0)).toEqual([]);
      reactor.stop();
      await running;
      expect(results).toEqual(results.map(() => 'StateError ERR_HOSTED'));
      expect(asynchronous).toBe('StateError ERR_HOSTED');
    });

    describe('with a signal', () => {
      it('rejects with its reason once it is aborted, and can be run again', async () => {
        const reactor = open();
        const controller = new AbortController();
        const reason = new Error('enough');
        const running = reactor.run({ signal: controller.signal });
        setTimeout(() => controller.abort(reason), 2);
        await expect(running).rejects.toBe(reason);
        expect(reactor.state).toBe('idle');
        const iterations = iterationsOf(reactor, 5);
        await reactor.run();
        expect(iterations()).toBe(5);
      });

      it('rejects when it is aborted in a callback', async () => {
        const reactor = open();
        const controller = new AbortController();
        reactor.callSoon(() => controller.abort('no reason'));
        await expect(reactor.run({ signal: controller.signal })).rejects.toBe('no reason');
        expect(reactor.state).toBe('idle');
      });

      it('finishes the iteration in which it is aborted, and is running until then', async () => {
        const reactor = open();
        const [near, far] = socketPair();
        send(far);
        const controller = new AbortController();
        const order: string[] = [];
        const refusals: Promise<string[]>[] = [];
        reactor.callSoon(() => {
          controller.abort('enough');
          reactor.callSoon(() => order.push('queued'));
        });
        reactor.callSoon(() => {
          order.push(`callback ${reactor.state}`);
          refusals.push(runningRefusals(reactor));
        });
        reactor.watch(near, EVENT_READ, () => order.push(`watcher ${reactor.state}`));
        reactor.callLater(0, () => order.push(`timer ${reactor.state}`));
        await expect(reactor.run({ signal: controller.signal })).rejects.toBe('enough');
        await immediate();
        expect(order).toEqual(['callback hosted', 'watcher hosted', 'timer hosted']);
        expect(await Promise.all(refusals)).toEqual([ALL_RUNNING]);
        expect(reactor.state).toBe('idle');
      });

      it('does not begin when it is aborted already', async () => {
        const reactor = open();
        let called = 0;
        reactor.callSoon(() => called++);
        await expect(reactor.run({ signal: AbortSignal.abort('too late') })).rejects.toBe('too late');
        await sleep(2);
        expect([reactor.state, called]).toEqual(['idle', 0]);
      });

      it('does not hear of an abort in the tick of its end, nor does the next run', async () => {
        const reactor = open();
        const controller = new AbortController();
        const running = reactor.run({ signal: controller.signal });
        await sleep(2);
        reactor.stop();
        controller.abort(new Error('of the run before'));
        await running;
        const iterations = iterationsOf(reactor, 5);
        await reactor.run();
        expect(iterations()).toBe(5);
      });

      it('does not hear of an abort after its end', async () => {
        const reactor = open();
        const controller = new AbortController();
        reactor.callSoon(() => reactor.stop());
        await reactor.run({ signal: controller.signal });
        const iterations = iterationsOf(reactor, 5);
        const running = reactor.run();
        controller.abort();
        await running;
        expect(iterations()).toBe(5);
      });
    });
  });
});
