/** Thousands of watchers changed at random, held against a model. */
import { EVENT_READ, EVENT_WRITE, type Reactor } from 'iomux';
import { expect, it, onTestFinished } from 'vitest';
import { Random } from '../support/random.js';
import { describeReactors, type Setting } from '../support/reactors.js';
import { runToStop } from '../support/running.js';
import { type Watch, WatchedPairs } from '../support/watched-pairs.js';

const DIRECTIONS = EVENT_READ | EVENT_WRITE;
const ROUNDS = 40;
const SEED = 20_250_811;
/** Milliseconds: a few seconds on a machine that does nothing else. */
const PATIENCE = 60_000;

interface Scale {
  readonly pairs: number;
  /** Changes before a round. */
  readonly before: number;
  /** Changes in the middle of its batches, at most. */
  readonly during: number;
}

/**
 * Rounds of changes: some before a wait, whose outcome is then known exactly, and in every other round some more in the
 * middle of the batches. A round lasts until each watcher that is to be called was.
 */
async function play(reactor: Reactor, setting: Setting, { pairs, before, during }: Scale): Promise<string[]> {
  const random = new Random(SEED);
  const faults: string[] = [];
  const awaited = new Set<Watch>();
  let rounds = 0;
  let iteration = 0;
  let changes = 0;

  const world = new WatchedPairs(reactor, random, pairs, (watch, found) => {
    world.batch = iteration;
    check(watch, found);
    awaited.delete(watch);
    for (; changes > 0 && random.oneIn(2); changes--) world.change();
  });
  onTestFinished(() => world.close());

  function check(watch: Watch, found: number): void {
    const { fd } = watch.watcher;
    const fault = (what: string) => faults.push(`round ${rounds}, descriptor ${fd}: ${what}`);
    if (!world.holds(watch)) fault('called though it is closed');
    if (!watch.watcher.active) fault('called though it is not active');
    if (watch.born === iteration) fault('called in the batch it was set in');
    if ((found & DIRECTIONS & ~watch.events) !== 0) fault(`${found} of ${watch.events}`);
    if (world.touched.has(watch.end)) return;
    const expected = world.expected(watch);
    if ((found & DIRECTIONS) !== expected) fault(`${found & DIRECTIONS} in place of ${expected}`);
  }

  function begin(): void {
    for (let count = 0; count < before; count++) world.change();
    world.touched.clear();
    changes = rounds % 2 === 0 ? 0 : during;
    for (const watch of world.watches()) if (world.expected(watch) !== 0) awaited.add(watch);
  }

  /** Called before the waits of each iteration. */
  function turn(): void {
    iteration++;
    world.batch = -1;
    for (const watch of awaited) if (world.touched.has(watch.end)) awaited.delete(watch);
    if (awaited.size === 0) {
      rounds++;
      if (rounds === ROUNDS || faults.length > 0) {
        reactor.stop();
        return;
      }
      begin();
    }
    reactor.callSoon(turn);
  }

  reactor.callSoon(turn);
  await runToStop(reactor, setting, PATIENCE);
  reactor.callSoon(() => reactor.stop());
  await runToStop(reactor, setting);
  const watched = world.ends.filter(({ watches }) => watches.length > 0);
  for (const { socket, watches } of watched) {
    const wanted = watches.reduce((union, { events }) => union | events, 0);
    const { events } = reactor.selector.getKey(socket);
    if (events !== wanted) faults.push(`descriptor ${socket.fileno()}: watched for ${events}, not ${wanted}`);
  }
  const { size } = reactor.selector.getMap();
  if (size !== watched.length) faults.push(`${size} descriptors watched, not ${watched.length}`);
  return faults;
}

describeReactors((setting, open) => {
  const isLarge = setting.backend === 'epoll' || setting.backend === 'kqueue';
  const scale = isLarge
    ? { pairs: 5000, before: 3000, during: 500 }
    : { pairs: 500, before: 300, during: 100 };

  it(`${2 * scale.pairs} watchers that change at random are called for what holds, and for nothing else`, async () => {
    const reactor = open();
    expect(await play(reactor, setting, scale)).toEqual([]);
    reactor.selector.verify();
  });
});
