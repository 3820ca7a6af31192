/** Futures: pending, then done in one of three ways, once; told to callbacks by the reactor and to promises by Node. */

import { setImmediate as immediate } from 'node:timers/promises';
import { CancelledError, createSelector, type ErrorContext, Future, Reactor } from 'iomux';
import { describe, expect, it, onTestFinished } from 'vitest';
import { thrownBy } from '../support/expecting.js';
import { collected } from '../support/garbage.js';
import { describeReactors, run } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';

const INVALID_STATE = 'StateError ERR_INVALID_STATE';
const CANCELLED = 'CancelledError ERR_CANCELLED';

function idleReactor(onError?: (error: unknown, context: ErrorContext) => void): Reactor {
  const reactor = new Reactor({ selector: createSelector(), ...(onError && { onError }) });
  onTestFinished(() => reactor.close());
  return reactor;
}

/** The three ways to be done, and what is then refused. */
const ENDINGS: readonly [name: string, end: (future: Future<unknown>) => void][] = [
  ['has a result', (future) => future.setResult('value')],
  ['has an exception', (future) => future.setException('error')],
  ['was cancelled', (future) => future.cancel('reason')],
];

/** All that can be asked of a future. */
function stateOf(future: Future<unknown>): unknown[] {
  const asked = [() => future.result(), () => future.exception()].map((ask) => {
    try {
      return ['returned', ask()];
    } catch (error) {
      return ['threw', error];
    }
  });
  return [future.done(), future.cancelled(), ...asked];
}

describe('a Future', () => {
  it('belongs to the reactor that made it, and is pending', () => {
    const reactor = idleReactor();
    const future = reactor.createFuture();
    expect(future).toBeInstanceOf(Future);
    expect(future.reactor).toBe(reactor);
    expect([future.done(), future.cancelled()]).toEqual([false, false]);
    expect(refusal(() => future.result())).toBe(INVALID_STATE);
    expect(refusal(() => future.exception())).toBe(INVALID_STATE);
    expect([future.done(), future.cancelled()]).toEqual([false, false]);
  });

  it('is made by a reactor only', () => {
    expect(() => Reflect.construct(Future, [])).toThrow(TypeError);
  });

  it.each([['value'], [undefined], [null], [new Error('as a result')]])(
    'has the result that it was given: %s',
    (value) => {
      const future = idleReactor().createFuture<unknown>();
      expect(future.setResult(value)).toBeUndefined();
      expect([future.done(), future.cancelled()]).toEqual([true, false]);
      expect(future.result()).toBe(value);
      expect(future.result()).toBe(value);
      expect(future.exception()).toBeNull();
    },
  );

  it.each([[new Error('of the test')], ['text'], [undefined], [0], [{ not: 'an Error' }]])(
    'has the exception that it was given: %s',
    (error) => {
      const future = idleReactor().createFuture();
      expect(future.setException(error)).toBeUndefined();
      expect([future.done(), future.cancelled()]).toEqual([true, false]);
      expect(stateOf(future).slice(2)).toEqual([
        ['threw', error],
        ['returned', error],
      ]);
      expect(future.exception()).toBe(error);
    },
  );

  it('is cancelled for the reason that was given', () => {
    const future = idleReactor().createFuture();
    expect(future.cancel('no longer wanted')).toBe(true);
    expect([future.done(), future.cancelled()]).toEqual([true, true]);
    for (const ask of [() => future.result(), () => future.exception()]) {
      const error = thrownBy(ask);
      expect(error).toBeInstanceOf(CancelledError);
      expect(error).toBeInstanceOf(Error);
      expect(error).toMatchObject({
        name: 'CancelledError',
        code: 'ERR_CANCELLED',
        message: 'no longer wanted',
      });
    }
  });

  it('is cancelled without a reason', () => {
    const future = idleReactor().createFuture();
    expect(future.cancel()).toBe(true);
    expect(refusal(() => future.result())).toBe(CANCELLED);
    expect(thrownBy(() => future.result()).message).not.toBe('');
  });

  it.each(ENDINGS)('stays as it is once it %s', (_, end) => {
    const future = idleReactor().createFuture<unknown>();
    end(future);
    const before = stateOf(future);
    expect(refusal(() => future.setResult('other'))).toBe(INVALID_STATE);
    expect(refusal(() => future.setException(new Error('other')))).toBe(INVALID_STATE);
    expect(future.cancel('other')).toBe(false);
    expect(future.cancel()).toBe(false);
    expect(stateOf(future)).toEqual(before);
  });

  it.each(ENDINGS)('tells promises at once, without its reactor, when it %s', async (name, end) => {
    const future = idleReactor().createFuture<unknown>();
    const before = future.then(
      (value) => ['resolved', value],
      (error) => ['rejected', error],
    );
    let settled = false;
    before.then(() => {
      settled = true;
    });
    await immediate();
    expect(settled).toBe(false);
    end(future);
    // Reactions are microtasks, never synchronous.
    expect(settled).toBe(false);
    const after = future.then(
      (value) => ['resolved', value],
      (error) => ['rejected', error],
    );
    const outcomes = await Promise.all([before, after]);
    const expected =
      name === 'has a result'
        ? ['resolved', 'value']
        : ['rejected', name === 'was cancelled' ? expect.any(CancelledError) : 'error'];
    expect(outcomes).toEqual([expected, expected]);
    expect(settled).toBe(true);
  });

  it('is a thenable that makes native promises', async () => {
    const reactor = idleReactor();
    const [first, second] = [reactor.createFuture<number>(), reactor.createFuture<number>()];
    const promise = first.then();
    expect(promise).toBeInstanceOf(Promise);
    const all = Promise.all([first, second, promise]);
    const race = Promise.race([first, second]);
    const chained = first.then((value) => value + 1).then((value) => value * 10);
    // A thenable is asked in a reaction: not before this one is over.
    await immediate();
    second.setResult(2);
    first.setResult(1);
    expect(await all).toEqual([1, 2, 1]);
    expect(await race).toBe(2);
    expect(await chained).toBe(20);
    expect(await first).toBe(1);
  });

  it('has catch() and finally(), as a promise has', async () => {
    const reactor = new Reactor();
    onTestFinished(() => reactor.close());
    const failed = reactor.createFuture<number>();
    failed.setException(new Error('as it must'));
    expect(await failed.catch((reason) => (reason as Error).message)).toBe('as it must');
    const done = reactor.createFuture<number>();
    const order: string[] = [];
    const ended = done.finally(() => order.push('finally')).then((value) => order.push(`${value}`));
    done.setResult(7);
    await ended;
    expect(order).toEqual(['finally', '7']);
  });

  it('rejects through a then() that has no reaction for it', async () => {
    const future = idleReactor().createFuture<number>();
    const passedOn = future.then((value) => value + 1);
    const recovered = future.then(null, (error) => [error]);
    future.setException('error');
    await expect(passedOn).rejects.toBe('error');
    expect(await recovered).toEqual(['error']);
    await expect((async () => await future)()).rejects.toBe('error');
  });

  it('rejects with what a reaction throws', async () => {
    const future = idleReactor().createFuture<number>();
    const promise = future.then(() => {
      throw new Error('of the reaction');
    });
    future.setResult(1);
    await expect(promise).rejects.toThrow('of the reaction');
    expect(future.result()).toBe(1);
  });

  it('removes done callbacks, and says how many', () => {
    const future = idleReactor().createFuture();
    const [one, other] = [() => {}, () => {}];
    expect(future.removeDoneCallback(one)).toBe(0);
    for (const callback of [one, other, one, one]) future.addDoneCallback(callback);
    expect(future.removeDoneCallback(one)).toBe(3);
    expect(future.removeDoneCallback(one)).toBe(0);
    expect(future.removeDoneCallback(other)).toBe(1);
  });
});

describeReactors((setting, open) => {
  it.each(ENDINGS)(
    'calls done callbacks by the reactor, in order, with itself, when it %s',
    async (_, end) => {
      const reactor = open();
      const future = reactor.createFuture<unknown>();
      const seen: unknown[] = [];
      const callback = (done: Future<unknown>) => seen.push('first', done);
      future.addDoneCallback(callback);
      future.addDoneCallback((done) => seen.push('second', done));
      future.addDoneCallback(callback);
      reactor.callSoon(() => {
        reactor.callSoon(() => seen.push('queued before'));
        end(future);
        reactor.callSoon(() => {
          seen.push('queued after');
          reactor.stop();
        });
        seen.push('done');
      });
      await run(reactor, setting);
      expect(seen).toEqual([
        'done',
        'queued before',
        'first',
        future,
        'second',
        future,
        'first',
        future,
        'queued after',
      ]);
    },
  );

  it.each(ENDINGS)('calls a done callback soon that is added after it %s', async (_, end) => {
    const reactor = open();
    const future = reactor.createFuture<unknown>();
    end(future);
    const seen: unknown[] = [];
    future.addDoneCallback((done) => {
      seen.push(done);
      done.addDoneCallback((again) => {
        seen.push('again', again);
        reactor.stop();
      });
      seen.push('added');
    });
    expect(seen).toEqual([]);
    await run(reactor, setting);
    expect(seen).toEqual([future, 'added', 'again', future]);
  });

  it('reports what a done callback throws, and as what', async () => {
    const reported: unknown[] = [];
    const reactor = new Reactor({ onError: (error, { message }) => reported.push([error, message]) });
    onTestFinished(() => reactor.close());
    const future = reactor.createFuture<void>();
    const order: string[] = [];
    future.addDoneCallback(() => {
      throw 'of the callback';
    });
    future.addDoneCallback(() => order.push('the next'));
    future.setResult();
    reactor.callLater(1, () => reactor.stop());
    await reactor.run();
    expect(reported).toEqual([['of the callback', 'a done callback of a future threw']]);
    expect(order).toEqual(['the next']);
  });

  it('calls no callback that was removed, and each that was left', async () => {
    const reactor = open();
    const future = reactor.createFuture<unknown>();
    const seen: string[] = [];
    const callbacks = ['first', 'second', 'third'].map((name) => () => seen.push(name));
    for (const callback of callbacks) future.addDoneCallback(callback);
    future.removeDoneCallback(callbacks[1] as () => void);
    future.setResult(null);
    reactor.stop();
    await run(reactor, setting);
    expect(seen).toEqual(['first', 'third']);
  });

  it('takes a result once, where two want to set one', async () => {
    const reactor = open();
    const future = reactor.createFuture<string>();
    const refusals: string[] = [];
    const race = (value: string) => refusals.push(refusal(() => future.setResult(value)));
    reactor.callSoon(race, 'first');
    reactor.callSoon(race, 'second');
    future.addDoneCallback(() => reactor.stop());
    await run(reactor, setting);
    expect(refusals).toEqual(['nothing', INVALID_STATE]);
    expect(future.result()).toBe('first');
  });

  it('runs the reactions to its end before the next iteration', async () => {
    const reactor = open();
    const future = reactor.createFuture<string>();
    const order: string[] = [];
    (async () => {
      order.push(await future);
      await null;
      order.push('and on');
    })();
    future.addDoneCallback(() => {
      order.push('done callback');
      reactor.stop();
    });
    reactor.callSoon(() => {
      order.push('begin');
      future.setResult('awaited');
    });
    await run(reactor, setting);
    expect(order).toEqual(['begin', 'awaited', 'and on', 'done callback']);
  });
});

describe('an exception that nobody looks at', () => {
  /** The errors reported of futures that were ended with one each, and then used in some way. */
  async function reportedOf(...uses: readonly ((future: Future<unknown>) => unknown)[]): Promise<unknown[]> {
    const reported: unknown[] = [];
    const reactor = idleReactor((error) => reported.push(error));
    // In a frame of its own, which holds nothing afterwards.
    const make = () => {
      for (const [index, use] of uses.entries()) {
        const future = reactor.createFuture<unknown>();
        const before = use.name === 'before' ? use(future) : undefined;
        future.setException(`error ${index}`);
        if (before === undefined) use(future);
      }
      const probe = reactor.createFuture<unknown>();
      probe.setException('the probe');
    };
    make();
    await collected(() => reported.includes('the probe'));
    return reported;
  }

  it('is reported once, when the Future is collected', async () => {
    const reported: [unknown, ErrorContext][] = [];
    const reactor = idleReactor((error, context) => reported.push([error, context]));
    const error = new Error('unseen');
    (() => reactor.createFuture().setException(error))();
    expect(reported).toEqual([]);
    await collected(() => reported.length > 0);
    expect(reported).toEqual([[error, expect.objectContaining({ message: expect.any(String) })]]);
    expect(reported[0]?.[0]).toBe(error);
  });

  it('is not reported while the Future is held', async () => {
    const reported: unknown[] = [];
    const reactor = idleReactor((error) => reported.push(error));
    const future = reactor.createFuture();
    future.setException('held');
    (() => reactor.createFuture().setException('the probe'))();
    await collected(() => reported.length > 0);
    expect(reported).toEqual(['the probe']);
    expect(future.exception()).toBe('held');
  });

  it('is not one that was looked at, in whichever way', async () => {
    const ignore = () => {};
    expect(
      await reportedOf(
        (future) => refusal(() => future.result()),
        (future) => future.exception(),
        (future) => future.then(null, ignore),
        (future) => future.addDoneCallback(ignore),
        function before(future) {
          return future.then(null, ignore);
        },
        function before(future) {
          future.addDoneCallback(ignore);
          return future.done();
        },
      ),
    ).toEqual(['the probe']);
  });

  it('is one where it was only asked whether it is done, or a callback was removed again', async () => {
    const ignore = () => {};
    const reported = await reportedOf(
      (future) => [future.done(), future.cancelled(), future.cancel()],
      function before(future) {
        future.addDoneCallback(ignore);
        return future.removeDoneCallback(ignore);
      },
    );
    expect(reported.sort()).toEqual(['error 0', 'error 1', 'the probe']);
  });

  it('is none where the Future has a result or was cancelled', async () => {
    const reported: unknown[] = [];
    const reactor = idleReactor((error) => reported.push(error));
    (() => {
      reactor.createFuture<string>().setResult('value');
      reactor.createFuture<string>().cancel();
      reactor.createFuture<string>();
      reactor.createFuture<string>().setException('the probe');
    })();
    await collected(() => reported.includes('the probe'));
    expect(reported).toEqual(['the probe']);
  });
});
