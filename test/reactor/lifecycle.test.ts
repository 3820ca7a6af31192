/** A reactor's life: idle, running, stopped, running again, closed; and what it refuses in each state. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createSelector, EVENT_READ, EVENT_WRITE, Reactor, selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { iterationsOf } from '../support/iterations.js';
import { send, socketPair } from '../support/pairs.js';
import { describeReactors, run, runUntil } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { rejection } from '../support/rejections.js';
import { ALL_RUNNING, runningRefusals } from '../support/running-refusals.js';

const CLOSED = 'StateError ERR_CLOSED';

function nothing(): void {}

describeReactors((setting, open) => {
  const hosted = setting.mode === 'hosted';

  it('tells its state: idle, running, idle again, closed', async () => {
    const reactor = open();
    const states = [reactor.state];
    reactor.callSoon(() => {
      states.push(reactor.state);
      reactor.stop();
    });
    await run(reactor, setting);
    states.push(reactor.state);
    reactor.close();
    states.push(reactor.state);
    expect(states).toEqual(['idle', setting.mode, 'idle', 'closed']);
  });

  it('runs until it is stopped, as often as it is asked to', async () => {
    const reactor = open();
    let runs = 0;
    for (let i = 0; i < 5; i++) {
      reactor.callLater(1, () => {
        runs++;
        reactor.stop();
      });
      expect(await run(reactor, setting)).toBeUndefined();
      expect(runs).toBe(i + 1);
    }
  });

  it('does nothing while it is idle', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    send(far);
    const iterations = iterationsOf(reactor);
    let late = 0;
    reactor.callLater(0, () => late++);
    reactor.watch(near, EVENT_READ, () => late++);
    await sleep(5);
    expect([iterations(), late]).toEqual([0, 0]);
    reactor.stop();
    await run(reactor, setting);
    const after = [iterations(), late];
    await sleep(5);
    expect([iterations(), late]).toEqual(after);
  });

  it('does exactly one iteration when it was stopped before, however often', async () => {
    const reactor = open();
    const iterations = iterationsOf(reactor);
    reactor.stop();
    await run(reactor, setting);
    expect(iterations()).toBe(1);
    reactor.stop();
    reactor.stop();
    await run(reactor, setting);
    expect(iterations()).toBe(2);
    const more = iterationsOf(reactor, 5);
    await run(reactor, setting);
    expect([iterations(), more()]).toEqual([7, 5]);
  });

  it('does not wait in that iteration, and delivers once what is ready', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    const [idle] = socketPair();
    send(far);
    let delivered = 0;
    reactor.watch(near, EVENT_READ, () => delivered++);
    reactor.watch(idle, EVENT_READ, () => delivered++);
    reactor.callLater(1_000_000, nothing);
    reactor.stop();
    await run(reactor, setting);
    expect(delivered).toBe(1);
  });

  it('is not stopped in its next run by a stop that had ended one already', async () => {
    const reactor = open();
    reactor.callSoon(() => {
      reactor.stop();
      reactor.stop();
      reactor.callSoon(() => reactor.stop());
    });
    await run(reactor, setting);
    const iterations = iterationsOf(reactor, 5);
    // The stop that was queued ends this run,
    await run(reactor, setting);
    expect(iterations()).toBe(1);
    // and not that one.
    await run(reactor, setting);
    expect(iterations()).toBe(5);
  });

  it('stops from a watcher and from a timer', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    send(far);
    const watcher = reactor.watch(near, EVENT_READ, () => reactor.stop());
    await run(reactor, setting);
    watcher.close();
    const timer = reactor.callLater(1, () => reactor.stop());
    await run(reactor, setting);
    expect(reactor.time()).toBeGreaterThanOrEqual(timer.when);
  });

  it('refuses to run or to close in a callback of its own, and goes on', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    send(far);
    const refusals: Promise<string[]>[] = [];
    const states: string[] = [];
    const attempt = () => {
      refusals.push(runningRefusals(reactor));
      states.push(reactor.state);
    };
    reactor.callSoon(attempt);
    const watcher = reactor.watch(near, EVENT_READ, () => {
      attempt();
      watcher.close();
      reactor.callLater(1, () => {
        attempt();
        reactor.callSoon(() => reactor.stop());
      });
    });
    await run(reactor, setting);
    expect(await Promise.all(refusals)).toEqual([ALL_RUNNING, ALL_RUNNING, ALL_RUNNING]);
    expect(states).toEqual([setting.mode, setting.mode, setting.mode]);
  });

  it('runs a reactor that is hosted beside one that blocks, and one that blocks inside one that is hosted', async () => {
    const reactor = open();
    using other = new Reactor({ selector: createSelector(setting.backend) });
    const order: string[] = [];
    other.callSoon(() => order.push('other'));
    let running: Promise<void> | undefined;
    reactor.callSoon(() => {
      order.push('begin');
      if (hosted) other.runOnce(0);
      else running = other.run();
      order.push('end');
      reactor.stop();
    });
    await run(reactor, setting);
    if (!hosted) {
      other.callLater(1, () => other.stop());
      await running;
    }
    expect(order).toEqual(hosted ? ['begin', 'other', 'end'] : ['begin', 'end', 'other']);
  });

  it('refuses, once it is closed, all that it would have to do later', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    const timer = reactor.callLater(0, nothing);
    reactor.close();
    reactor.close();
    const buffer = Buffer.alloc(1);
    const address = { address: '127.0.0.1', port: 1 };
    const calls = [
      () => reactor.callSoon(nothing),
      () => reactor.callLater(0, nothing),
      () => reactor.callAt(0, nothing),
      () => reactor.watch(near, EVENT_READ, nothing),
      () => reactor.addReader(near, nothing),
      () => reactor.addWriter(near, nothing),
      () => reactor.sockAccept(near),
      () => reactor.sockConnect(near, address),
      () => reactor.sockRecv(near, buffer),
      () => reactor.sockSendAll(near, buffer),
      () => reactor.sockRecvFrom(near, buffer),
      () => reactor.sockSendTo(near, buffer, address),
      () => reactor.addSignalHandler('SIGUSR2', nothing),
      () => reactor.runForever(),
      () => reactor.runOnce(0),
      () => reactor.runUntilComplete(Promise.resolve()),
    ];
    expect(calls.map(refusal)).toEqual(calls.map(() => CLOSED));
    expect(refusal(() => timer.reschedule(0))).toBe(CLOSED);
    expect(await rejection(() => reactor.run())).toBe(CLOSED);
    expect(await rejection(() => reactor.run({ signal: AbortSignal.abort() }))).toBe(CLOSED);
    expect(reactor.state).toBe('closed');
    // Nothing was sent, either.
    expect(far.recv(buffer)).toBe(-1);
  });

  it('takes, once it is closed, what undoes or asks nothing', () => {
    const reactor = open();
    const [near] = socketPair();
    reactor.addReader(near, nothing);
    reactor.addWriter(near, nothing);
    reactor.addSignalHandler('SIGUSR2', nothing);
    const handle = reactor.callSoon(nothing);
    const timer = reactor.callLater(1, nothing);
    reactor.close();
    expect(reactor.removeReader(near)).toBe(false);
    expect(reactor.removeWriter(near)).toBe(false);
    expect(reactor.removeSignalHandler('SIGUSR2')).toBe(false);
    handle.cancel();
    timer.cancel();
    reactor.stop();
    const before = reactor.time();
    expect(reactor.time()).toBeGreaterThanOrEqual(before);
    expect(reactor.state).toBe('closed');
  });

  it('forgets, when it is closed, what it had to do, and leaves the files open', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    send(far);
    let called = 0;
    const watcher = reactor.watch(near, EVENT_READ | EVENT_WRITE, () => called++);
    reactor.callSoon(() => called++);
    reactor.callLater(0, () => called++);
    // It has been running, so whatever hosts it is there.
    reactor.callSoon(() => reactor.stop());
    await run(reactor, setting);
    const before = called;
    expect(before).toBeGreaterThan(0);
    reactor.callSoon(() => called++);
    reactor.callLater(0, () => called++);
    reactor.close();
    await sleep(5);
    expect(called).toBe(before);
    expect(watcher.active).toBe(false);
    watcher.close();
    expect(reactor.selector.closed).toBe(true);
    expect(near.recv(Buffer.alloc(8))).toBe(1);
  });

  it('is closed by the end of its scope', () => {
    const scope = () => {
      using reactor = new Reactor({ selector: createSelector(setting.backend) });
      return reactor;
    };
    const { state, selector } = scope();
    expect([state, selector.closed]).toEqual(['closed', true]);
  });

  it('runs until an asynchronous function is through that awaits whatever there is', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    const main = async () => {
      await null;
      const future = reactor.createFuture<string>();
      reactor.callLater(1, () => future.setResult('future'));
      const first = await future;
      const promised = new Promise<string>((resolve) => reactor.callSoon(resolve, 'promise'));
      const second = await promised;
      reactor.callLater(1, send, far);
      const third = await reactor.sockRecv(near, Buffer.alloc(8));
      return [first, second, third];
    };
    expect(await runUntil(reactor, setting, main())).toEqual(['future', 'promise', 1]);
  });
});

describe('a reactor', () => {
  it('makes the best selector that there is, where none is given', () => {
    using reactor = new Reactor();
    expect(reactor.selector.backend).toBe(process.env['IOMUX_SELECTOR'] ?? selectorBackends()[0]);
    expect(reactor.state).toBe('idle');
  });

  it('runs over the selector that it is given', () => {
    const selector = createSelector();
    using reactor = new Reactor({ selector });
    expect(reactor.selector).toBe(selector);
  });
});
