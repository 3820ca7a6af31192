/** Blocking runs: one at a time in a thread; of one iteration, until a stop, until something is done; and promises in them. */
import { CancelledError, createSelector, EVENT_READ, Reactor } from 'iomux';
import { describe, expect, it } from 'vitest';
import { thrownBy, timed } from '../support/expecting.js';
import { iterationsOf } from '../support/iterations.js';
import { send, socketPair } from '../support/pairs.js';
import { runFixture } from '../support/processes.js';
import { describeReactors, run, runUntil } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';

const RUNNING = 'StateError ERR_RUNNING';
const INVALID_STATE = 'StateError ERR_INVALID_STATE';
/** More than any wait here takes on a loaded machine. */
const LONG = 10_000;

function nothing(): void {}

describeReactors((setting, open) => {
  describe.runIf(setting.mode === 'blocking')('owning the thread', () => {
    /** Outside of any promise reaction, where promises can be waited for. */
    async function untilComplete<T>(reactor: Reactor, awaitable: PromiseLike<T>): Promise<T> {
      return await runUntil(reactor, setting, awaitable);
    }

    it('refuses a blocking run of another reactor inside of its own', async () => {
      const reactor = open();
      using other = new Reactor({ selector: createSelector(setting.backend) });
      let called = 0;
      let refusals: string[] = [];
      other.callSoon(() => called++);
      reactor.callSoon(() => {
        refusals = [
          refusal(() => other.runForever()),
          refusal(() => other.runOnce(0)),
          refusal(() => other.runUntilComplete(other.createFuture())),
        ];
        reactor.callSoon(() => reactor.stop());
      });
      await run(reactor, setting);
      expect(refusals).toEqual([RUNNING, RUNNING, RUNNING]);
      expect([other.state, called]).toEqual(['idle', 0]);
      other.runOnce(0);
      expect(called).toBe(1);
    });

    describe('runOnce', () => {
      it('runs one iteration and no more', () => {
        const reactor = open();
        const [near, far] = socketPair();
        send(far);
        const iterations = iterationsOf(reactor);
        const order: string[] = [];
        reactor.watch(near, EVENT_READ, () => order.push('watcher'));
        reactor.callLater(0, () => {
          order.push('timer');
          reactor.callLater(0, () => order.push('next'));
        });
        reactor.runOnce();
        expect(iterations()).toBe(1);
        expect(order).toEqual(['watcher', 'timer']);
        expect(reactor.state).toBe('idle');
      });

      it('waits as long as it was told where nothing happens, and no longer', () => {
        const reactor = open();
        const [near] = socketPair();
        reactor.watch(near, EVENT_READ, nothing);
        reactor.callLater(LONG, nothing);
        const [, elapsed] = timed(() => reactor.runOnce(15.5));
        expect(elapsed).toBeGreaterThanOrEqual(15.5);
        expect(elapsed).toBeLessThan(LONG);
      });

      it('does not wait with a timeout that is nothing or negative', () => {
        const reactor = open();
        const timer = reactor.callLater(LONG, nothing);
        const [, elapsed] = timed(() => {
          reactor.runOnce(0);
          reactor.runOnce(-1);
          reactor.runOnce(Number.NEGATIVE_INFINITY);
        });
        expect(elapsed).toBeLessThan(LONG);
        timer.cancel();
      });

      it.each([undefined, null, Number.POSITIVE_INFINITY, LONG])(
        'waits for a timer: timeout %s',
        (timeout) => {
          const reactor = open();
          let fired = 0;
          const timer = reactor.callLater(3, () => fired++);
          reactor.runOnce(timeout);
          expect(fired).toBe(1);
          expect(reactor.time()).toBeGreaterThanOrEqual(timer.when);
        },
      );

      it('does not wait where a callback is queued', () => {
        const reactor = open();
        let called = 0;
        reactor.callSoon(() => called++);
        const [, elapsed] = timed(() => reactor.runOnce(LONG));
        expect(called).toBe(1);
        expect(elapsed).toBeLessThan(LONG);
      });

      it('is woken by its selector', () => {
        const reactor = open();
        reactor.selector.wakeup();
        const [, elapsed] = timed(() => reactor.runOnce(LONG));
        expect(elapsed).toBeLessThan(LONG);
      });

      it('leaves no stop behind', async () => {
        const reactor = open();
        reactor.callSoon(() => reactor.stop());
        reactor.runOnce(0);
        const iterations = iterationsOf(reactor, 5);
        reactor.runForever();
        expect(iterations()).toBe(5);
      });
    });

    describe('runUntilComplete', () => {
      it('returns the result of a Future', () => {
        const reactor = open();
        const future = reactor.createFuture<string>();
        reactor.callLater(1, () => future.setResult('done'));
        expect(reactor.runUntilComplete(future)).toBe('done');
        expect(reactor.state).toBe('idle');
      });

      it('throws the very error of a Future', () => {
        const reactor = open();
        const future = reactor.createFuture<string>();
        const error = new Error('of the Future');
        reactor.callSoon(() => future.setException(error));
        expect(thrownBy(() => reactor.runUntilComplete(future))).toBe(error);
        expect(reactor.state).toBe('idle');
      });

      it('throws a CancelledError where the Future was cancelled', () => {
        const reactor = open();
        const future = reactor.createFuture();
        reactor.callSoon(() => future.cancel('no more'));
        const error = thrownBy(() => reactor.runUntilComplete(future));
        expect(error).toBeInstanceOf(CancelledError);
        expect(error).toMatchObject({ code: 'ERR_CANCELLED', message: 'no more' });
      });

      it('returns what a Future had before', () => {
        const reactor = open();
        const future = reactor.createFuture<number>();
        future.setResult(7);
        expect(reactor.runUntilComplete(future)).toBe(7);
        expect(reactor.runUntilComplete(future)).toBe(7);
      });

      it('waits for a promise', async () => {
        const reactor = open();
        const promise = new Promise((resolve) => reactor.callLater(1, resolve, 'value'));
        expect(await untilComplete(reactor, promise)).toBe('value');
      });

      it('throws the very reason that a promise was rejected with', async () => {
        const reactor = open();
        const reason = { not: 'an Error' };
        const promise = new Promise((_, reject) => reactor.callLater(1, reject, reason));
        await expect(untilComplete(reactor, promise)).rejects.toBe(reason);
        expect(reactor.state).toBe('idle');
      });

      it('waits for a promise that was settled before', async () => {
        const reactor = open();
        expect(await untilComplete(reactor, Promise.resolve('before'))).toBe('before');
      });

      it('waits for whatever has a then()', async () => {
        const reactor = open();
        const thenable: PromiseLike<string> = {
          // biome-ignore lint/suspicious/noThenProperty: what is waited for is no Promise.
          then(onfulfilled) {
            const promise = new Promise<string>((resolve) => reactor.callLater(1, resolve, 'then'));
            return promise.then(onfulfilled);
          },
        };
        expect(await untilComplete(reactor, thenable)).toBe('then');
      });

      it('throws where it is stopped before, and what it waited for stays pending', () => {
        const reactor = open();
        const future = reactor.createFuture<string>();
        reactor.callSoon(() => reactor.stop());
        expect(refusal(() => reactor.runUntilComplete(future))).toBe(INVALID_STATE);
        expect([future.done(), future.cancelled(), reactor.state]).toEqual([false, false, 'idle']);
        reactor.callSoon(() => future.setResult('later'));
        expect(reactor.runUntilComplete(future)).toBe('later');
      });

      it('is not ended by what an earlier run had waited for', () => {
        const reactor = open();
        const orphan = reactor.createFuture<string>();
        reactor.callSoon(() => reactor.stop());
        expect(refusal(() => reactor.runUntilComplete(orphan))).toBe(INVALID_STATE);
        reactor.callSoon(() => orphan.setResult('too late'));
        const future = reactor.createFuture<string>();
        reactor.callLater(5, () => future.setResult('in time'));
        expect(reactor.runUntilComplete(future)).toBe('in time');
        expect(orphan.result()).toBe('too late');
      });

      it('leaves no stop behind where it is stopped in the moment in which it completes', () => {
        const reactor = open();
        const future = reactor.createFuture<string>();
        reactor.callSoon(() => {
          future.setResult('done');
          reactor.stop();
        });
        expect(reactor.runUntilComplete(future)).toBe('done');
        const iterations = iterationsOf(reactor, 5);
        reactor.runForever();
        expect(iterations()).toBe(5);
      });

      it('leaves what is queued to the next run', () => {
        const reactor = open();
        const future = reactor.createFuture<string>();
        const iterations = iterationsOf(reactor);
        reactor.callSoon(() => future.setResult('done'));
        reactor.runUntilComplete(future);
        const before = iterations();
        expect(before).toBeLessThan(4);
        reactor.stop();
        reactor.runForever();
        expect(iterations()).toBe(before + 1);
      });

      it('refuses a promise in a promise reaction, names the way out, and changes nothing', async () => {
        const reactor = open();
        await null;
        let called = 0;
        reactor.callSoon(() => called++);
        const promise = Promise.resolve();
        const error = thrownBy(() => reactor.runUntilComplete(promise));
        expect(error).toMatchObject({ name: 'StateError', code: 'ERR_IN_MICROTASK' });
        expect(error.message).toContain('await reactor.run()');
        expect([reactor.state, called]).toEqual(['idle', 0]);
        reactor.runOnce(0);
        expect(called).toBe(1);
      });
    });

    it('refuses every run in a promise reaction while a promise waits for it', async () => {
      const reactor = open();
      const future = reactor.createFuture<string>();
      const promise = future.then((value) => `${value}, and the reaction`);
      await null;
      const calls = [
        () => reactor.runForever(),
        () => reactor.runOnce(0),
        () => reactor.runUntilComplete(future),
      ];
      expect(calls.map(refusal)).toEqual(calls.map(() => 'StateError ERR_IN_MICROTASK'));
      expect(reactor.state).toBe('idle');
      future.setResult('the result');
      expect(await promise).toBe('the result, and the reaction');
      reactor.runOnce(0);
      expect(reactor.runUntilComplete(future)).toBe('the result');
    });
  });
});

describe('a blocking run', () => {
  const REFUSED = 'ERR_IN_MICROTASK true\n';

  it.each(['top level', 'after an await', 'promise reaction', 'queueMicrotask'])(
    'refuses promises and takes Futures and callbacks in a module: %s',
    async (place) => {
      for (const [awaited, stdout] of [
        ['promise', REFUSED],
        ['future', 'future\n'],
        ['callbacks', 'callback watcher timer\n'],
      ] as const) {
        expect(await runFixture('reactor-blocking.mjs', [place, awaited])).toMatchObject({
          code: 0,
          signal: null,
          stdout,
        });
      }
    },
  );

  it.each(['timeout', 'immediate', 'nextTick', 'event'])(
    'takes promises, Futures and callbacks in a callback of Node: %s',
    async (place) => {
      for (const [awaited, stdout] of [
        ['promise', 'promise\n'],
        ['future', 'future\n'],
        ['callbacks', 'callback watcher timer\n'],
      ] as const) {
        expect(await runFixture('reactor-blocking.mjs', [place, awaited])).toMatchObject({
          code: 0,
          signal: null,
          stdout,
        });
      }
    },
  );

  it('throws the rejection of a promise that it waits for, and leaves it to nobody else', async () => {
    expect(await runFixture('reactor-blocking.mjs', ['timeout', 'rejection'])).toMatchObject({
      code: 0,
      stdout: 'of the promise\n',
      stderr: '',
    });
  });
});
