/** Timers: never early, in order of their due times, first set first among equals; moved and cancelled at any moment. */
import { hrtime } from 'node:process';
import * as fc from 'fast-check';
import { EVENT_READ, type Reactor, type TimerHandle } from 'iomux';
import { expect, it } from 'vitest';
import { timed } from '../support/expecting.js';
import { send, socketPair } from '../support/pairs.js';
import { describeReactors, run } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { steps, TimerSession } from '../support/timer-session.js';

const NANOSECONDS = 1_000_000;
/** More than any wait here takes on a loaded machine. */
const LONG = 60_000;

function nothing(): void {}

/** Stops the reactor so many milliseconds from now. */
function stopLater(reactor: Reactor, delay: number): TimerHandle {
  return reactor.callLater(delay, () => reactor.stop());
}

describeReactors((setting, open) => {
  it('tells the time: monotonic, in milliseconds and fractions of them', () => {
    const reactor = open();
    const times = Array.from({ length: 1_000 }, () => reactor.time());
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times.some((time) => !Number.isInteger(time))).toBe(true);
    const [before, outer] = [reactor.time(), hrtime.bigint()];
    while (hrtime.bigint() - outer < 3 * NANOSECONDS);
    const elapsed = reactor.time() - before;
    expect(elapsed).toBeGreaterThanOrEqual(3);
    expect(elapsed).toBeLessThan(LONG);
  });

  it.each([0, 0.25, 100])('is due its delay from now: %d ms', (delay) => {
    const reactor = open();
    const before = reactor.time();
    const { when } = reactor.callLater(delay, nothing);
    const after = reactor.time();
    expect(when).toBeGreaterThanOrEqual(before + delay);
    expect(when).toBeLessThanOrEqual(after + delay);
  });

  it('is due when it was told to be', () => {
    const reactor = open();
    const when = reactor.time() + 0.125;
    expect(reactor.callAt(when, nothing).when).toBe(when);
  });

  it('never fires early: 100 µs, 1 ms and 3.1 ms, two hundred times each', async () => {
    const reactor = open();
    const early: string[] = [];
    const delays = [0.1, 1, 3.1];
    let left = delays.length;
    // By another clock than its own as well.
    const set = (delay: number, times: number) => {
      const start = hrtime.bigint();
      const timer = reactor.callLater(delay, () => {
        const elapsed = Number(hrtime.bigint() - start);
        if (elapsed < Math.round(delay * NANOSECONDS)) early.push(`${delay} ms after ${elapsed} ns`);
        if (reactor.time() < timer.when) early.push(`${delay} ms, ${timer.when - reactor.time()} ms early`);
        if (times > 1) set(delay, times - 1);
        else if (--left === 0) reactor.stop();
      });
    };
    for (const delay of delays) set(delay, 200);
    await run(reactor, setting);
    expect(early).toEqual([]);
  });

  it('never fires early alone, either, when nothing else wakes it', async () => {
    const reactor = open();
    const early: number[] = [];
    for (let i = 0; i < 20; i++) {
      const timer = reactor.callLater(0.1 * i, () => {
        if (reactor.time() < timer.when) early.push(timer.when - reactor.time());
        reactor.stop();
      });
      await run(reactor, setting);
    }
    expect(early).toEqual([]);
  });

  it('fires while something is ready all the time', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    send(far);
    let called = 0;
    reactor.watch(near, EVENT_READ, () => called++);
    const timer = stopLater(reactor, 3);
    await run(reactor, setting);
    expect(reactor.time()).toBeGreaterThanOrEqual(timer.when);
    expect(called).toBeGreaterThan(0);
  });

  it('fires once', async () => {
    const reactor = open();
    let fired = 0;
    reactor.callLater(0, () => fired++);
    stopLater(reactor, 3);
    await run(reactor, setting);
    expect(fired).toBe(1);
  });

  it('passes its arguments on', async () => {
    const reactor = open();
    const seen: unknown[][] = [];
    const note = (...args: unknown[]) => seen.push(args);
    reactor.callLater(0, note, 1, 'two', null);
    reactor.callAt(reactor.time(), note, undefined);
    reactor.callLater(0.1, note);
    stopLater(reactor, 0.2);
    await run(reactor, setting);
    expect(seen).toEqual([[1, 'two', null], [undefined], []]);
  });

  it('fires in the order of due times, however they were set', async () => {
    const reactor = open();
    const start = reactor.time() + 1;
    const fired: number[] = [];
    // Each number from 0 to 96 once: 31 and 97 have no common divisor.
    for (let i = 0; i < 97; i++) {
      const place = (i * 31) % 97;
      reactor.callAt(start + place / 100, () => fired.push(place));
    }
    reactor.callAt(start + 1, () => reactor.stop());
    await run(reactor, setting);
    expect(fired).toEqual([...fired.keys()]);
    expect(fired).toHaveLength(97);
  });

  it('fires in the order of setting where due times are equal', async () => {
    const reactor = open();
    const when = reactor.time() + 1;
    const fired: number[] = [];
    const timers = Array.from({ length: 100 }, (_, index) => reactor.callAt(when, () => fired.push(index)));
    reactor.callAt(when, () => reactor.stop());
    // A heap that lost some of its middle has been through every kind of move.
    for (let index = 0; index < 100; index += 7) timers[index]?.cancel();
    await run(reactor, setting);
    expect(fired).toEqual([...timers.keys()].filter((index) => index % 7 !== 0));
  });

  it('takes a negative delay for a time that is past, and runs what was due first before the others', async () => {
    const reactor = open();
    const fired: number[] = [];
    // So far apart that it does not matter how long it takes to set them.
    for (const delay of [0, -LONG, -1_000 * LONG, -2 * LONG, -Number.MAX_VALUE]) {
      reactor.callLater(delay, () => fired.push(delay));
    }
    stopLater(reactor, 0);
    await run(reactor, setting);
    expect(fired).toEqual([-Number.MAX_VALUE, -1_000 * LONG, -2 * LONG, -LONG, 0]);
  });

  it('fires soon what was due in the past, the longest due first', async () => {
    const reactor = open();
    const fired: string[] = [];
    const now = reactor.time();
    for (const past of [1, 3, 2]) reactor.callAt(now - past, () => fired.push(`${past} ms ago`));
    reactor.callAt(0, () => fired.push('at the beginning'));
    reactor.callAt(-5, () => fired.push('before it'));
    stopLater(reactor, 0);
    await run(reactor, setting);
    expect(fired).toEqual(['before it', 'at the beginning', '3 ms ago', '2 ms ago', '1 ms ago']);
  });

  it('does not fire, nor keep others from it, what is due in a far future', async () => {
    const reactor = open();
    let fired = 0;
    const far = [2 ** 31, 2 ** 32, 2 ** 32 * 1_000, 1e15, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE];
    for (const delay of far) reactor.callLater(delay, () => fired++);
    reactor.callAt(Number.MAX_VALUE, () => fired++);
    // Alone first, so that the wait is for them.
    if (setting.mode === 'blocking') {
      reactor.runOnce(3);
    } else {
      setTimeout(() => reactor.stop(), 3);
      await run(reactor, setting);
    }
    const timer = stopLater(reactor, 5);
    await run(reactor, setting);
    expect(fired).toBe(0);
    expect(reactor.time()).toBeGreaterThanOrEqual(timer.when);
  });

  it('needs few iterations for short sleeps', async () => {
    const reactor = open();
    const before = reactor.selector.stats.waits;
    const delays = [10, 0.1, 1e-3, 1e-5, 1e-7];
    const sleep = () => {
      const delay = delays.shift();
      if (delay === undefined) reactor.stop();
      else reactor.callLater(delay, sleep);
    };
    sleep();
    await run(reactor, setting);
    expect(reactor.selector.stats.waits - before).toBeLessThanOrEqual(20);
  });

  it('sets a timer in a watcher and in a callback', async () => {
    const reactor = open();
    const [near, far] = socketPair();
    send(far);
    const order: string[] = [];
    const tell = (whose: string) => {
      if (order.push(whose) === 2) reactor.stop();
    };
    reactor.callSoon(() => reactor.callLater(1, () => tell('of the callback')));
    reactor.watch(near, EVENT_READ, (_, watcher) => {
      watcher.close();
      reactor.callLater(2, () => tell('of the watcher'));
    });
    await run(reactor, setting);
    expect(order.sort()).toEqual(['of the callback', 'of the watcher']);
  });

  for (const canceller of [0, 2, 4]) {
    it(`cancels from timer ${canceller} of five, due at once, each of them`, async () => {
      const reactor = open();
      for (let victim = 0; victim < 5; victim++) {
        const fired: number[] = [];
        const when = reactor.time();
        const timers = Array.from({ length: 5 }, (_, index) =>
          reactor.callAt(when, () => {
            fired.push(index);
            if (index === canceller) timers[victim]?.cancel();
          }),
        );
        reactor.callAt(when, () => reactor.stop());
        await run(reactor, setting);
        const gone = victim > canceller ? victim : -1;
        expect(fired).toEqual([0, 1, 2, 3, 4].filter((index) => index !== gone));
        if (gone >= 0) expect(timers[gone]?.cancelled).toBe(true);
        expect(timers.filter((timer, index) => index !== victim && timer.cancelled)).toEqual([]);
      }
    });
  }

  it('does not fire what was cancelled, and says so', async () => {
    const reactor = open();
    let fired = 0;
    const timer = reactor.callLater(0, () => fired++);
    expect(timer.cancelled).toBe(false);
    timer.cancel();
    timer.cancel();
    expect(timer.cancelled).toBe(true);
    stopLater(reactor, 2);
    await run(reactor, setting);
    expect(fired).toBe(0);
  });

  it('moves a timer, to later and to earlier', async () => {
    const reactor = open();
    const fired: string[] = [];
    const later = reactor.callLater(0, () => fired.push('later'));
    const earlier = reactor.callLater(LONG, () => fired.push('earlier'));
    const before = reactor.time();
    // Each is set after the one that is due before it: however long that takes, the order is this.
    earlier.reschedule(1);
    expect(earlier.when).toBeLessThanOrEqual(reactor.time() + 1);
    reactor.callLater(2, () => fired.push('between'));
    later.reschedule(4);
    stopLater(reactor, 6);
    expect(later.when).toBeGreaterThanOrEqual(before + 4);
    expect(earlier.when).toBeGreaterThanOrEqual(before + 1);
    await run(reactor, setting);
    expect(fired).toEqual(['earlier', 'between', 'later']);
  });

  it('fires at the new time only, and not before it', async () => {
    const reactor = open();
    const early: number[] = [];
    let fired = 0;
    const timer = reactor.callLater(1, () => {
      fired++;
      if (reactor.time() < timer.when) early.push(timer.when - reactor.time());
    });
    // Pushed back again and again, as the timeout of something that lives.
    let pushes = 0;
    const push = () => {
      timer.reschedule(1);
      if (++pushes < 20) reactor.callLater(0.2, push);
      else stopLater(reactor, 3);
    };
    push();
    await run(reactor, setting);
    expect(early).toEqual([]);
    // A machine that stood still may have let it fire between two pushes.
    expect(fired).toBeGreaterThan(0);
    expect(reactor.time()).toBeGreaterThanOrEqual(timer.when);
  });

  it('moves one that is due in the same iteration, which then does not fire in it', async () => {
    const reactor = open();
    const order: string[] = [];
    const when = reactor.time();
    reactor.callAt(when, () => {
      order.push('mover');
      moved.reschedule(0);
      reactor.callSoon(() => order.push('next iteration'));
    });
    const moved = reactor.callAt(when, () => {
      order.push('moved');
      reactor.stop();
    });
    reactor.callAt(when, () => order.push('bystander'));
    await run(reactor, setting);
    expect(order).toEqual(['mover', 'bystander', 'next iteration', 'moved']);
  });

  it('repeats where it sets itself again', async () => {
    const reactor = open();
    const early: number[] = [];
    let fired = 0;
    let due = reactor.time() + 0.5;
    const timer = reactor.callLater(0.5, () => {
      if (reactor.time() < due) early.push(due - reactor.time());
      if (++fired === 10) reactor.stop();
      due = reactor.time() + 0.5;
      timer.reschedule(0.5);
    });
    await run(reactor, setting);
    expect([fired, early]).toEqual([10, []]);
    expect(timer.cancelled).toBe(false);
    timer.cancel();
    expect(timer.cancelled).toBe(true);
  });

  it('fires again when it is set again after it has fired, with its arguments', async () => {
    const reactor = open();
    const fired: string[] = [];
    const timer = reactor.callLater(0, (text: string) => fired.push(text), 'again');
    for (let i = 1; i <= 3; i++) {
      stopLater(reactor, 2);
      await run(reactor, setting);
      expect(fired).toHaveLength(i);
      timer.reschedule(1);
    }
    expect(fired).toEqual(['again', 'again', 'again']);
  });

  it('does not set a cancelled one again', async () => {
    const reactor = open();
    let fired = 0;
    const timer = reactor.callLater(0, () => fired++);
    timer.cancel();
    expect(refusal(() => timer.reschedule(0))).toBe('StateError ERR_INVALID_STATE');
    expect(timer.cancelled).toBe(true);
    stopLater(reactor, 2);
    await run(reactor, setting);
    expect(fired).toBe(0);
  });

  it('fires only what is left of any sequence of settings, moves and cancellations, in order and never early', async () => {
    const reactor = open();
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const session = new TimerSession(reactor, sequence);
        try {
          session.begin();
          await run(reactor, setting);
          session.check();
        } finally {
          session.end();
        }
      }),
      { numRuns: 60 },
    );
  });

  if (setting.mode === 'blocking') {
    it('is not woken by a timer that was cancelled', () => {
      const reactor = open();
      reactor.callLater(1, nothing).cancel();
      const timer = reactor.callLater(2, nothing);
      timer.reschedule(LONG);
      const before = reactor.selector.stats.waits;
      const [, elapsed] = timed(() => reactor.runOnce(10));
      expect(elapsed).toBeGreaterThanOrEqual(10);
      expect(reactor.selector.stats.waits - before).toBe(1);
      timer.cancel();
    });
  }

  it('forgets what was cancelled: a hundred thousand of them leave nothing behind', async () => {
    const reactor = open();
    let fired = 0;
    const timers = Array.from({ length: 100_000 }, (_, index) =>
      reactor.callLater((index * 7_919) % 1_000, () => fired++),
    );
    for (const timer of timers) timer.cancel();
    reactor.callLater(0, () => reactor.callSoon(() => reactor.stop()));
    await run(reactor, setting);
    expect(fired).toBe(0);
  });
});
