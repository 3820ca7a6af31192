/** Delivering an event allocates nothing: a million of them collect no garbage. */
import { selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { outcomeOf, startFixture } from './support/processes.js';

const EVENTS = 1_000_000;
/** Few, since poll and select look at each of them. */
const PAIRS = 32;
/** The new generation is this many MB, so less than a byte an event fills it. */
const SEMI_SPACE = 1;
/** A turn of Node's loop allocates some 160 bytes, 5 for each event. An object for each event would be six times that. */
const OF_NODE = 12;
/** For a machine that is slow, or busy. */
const PATIENCE = 100_000;

async function run(backend: string, events: number, way: string, ...rest: string[]) {
  const child = startFixture('echo-without-garbage.mjs', [backend, `${PAIRS}`, `${events}`, way, ...rest], {
    NODE_OPTIONS: `--max-semi-space-size=${SEMI_SPACE}`,
  });
  const { code, stderr, stdout } = await outcomeOf(child, PATIENCE);
  expect(code, stderr).toBe(0);
  const lines = stdout.trim().split('\n');
  return { last: lines.at(-1), collections: lines.filter((line) => /Scavenge|Mark-Compact/.test(line)) };
}

for (const backend of selectorBackends()) {
  describe(`${backend} selector, allocation`, () => {
    for (const way of ['dispatch', 'blocking']) {
      it(
        `delivers a million events, each with a recv and a send, without a garbage collection: ${way}`,
        async () => {
          const { collections, last } = await run(backend, EVENTS, way);
          expect(collections).toEqual([]);
          expect(last).toBe('delivered all');
        },
        PATIENCE,
      );
    }

    it(
      'delivers a million events in Node’s loop with no garbage but what Node makes of each turn',
      async () => {
        const { collections, last } = await run(backend, EVENTS, 'hosted');
        expect(collections.length).toBeLessThan(OF_NODE);
        expect(last).toBe('delivered all');
      },
      PATIENCE,
    );
  });
}

describe('the measurement', () => {
  it(
    'sees a handler that makes one object an event',
    async () => {
      const { collections, last } = await run(selectorBackends()[0] ?? '', EVENTS / 5, 'dispatch', 'garbage');
      expect(collections).not.toEqual([]);
      expect(last).toBe('delivered all with garbage');
    },
    PATIENCE,
  );
});
