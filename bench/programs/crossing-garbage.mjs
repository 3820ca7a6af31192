/**
 * What a steady loop over a selector leaves to the garbage collector.
 *
 *   node --expose-gc bench/programs/crossing-garbage.mjs [--layer dispatch|select] [--events 1000000]
 *
 * Prints one line of JSON: `scavenges`, collections of any kind while so many events were delivered, in batches of 64, and
 * `bytesPerEvent` by which the heap grows.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { getHeapStatistics } from 'node:v8';
import { DefaultSelector, EVENT_READ, Socket } from '../../dist/lib/index.js';
import { spreadOf } from '../support/statistics.mjs';

const { values } = parseArgs({
  options: {
    layer: { type: 'string', default: 'dispatch' },
    events: { type: 'string', default: '1000000' },
  },
});
const BATCH = 64;
/** So few that no collection need come between two readings of the heap, and so often that one does no harm. */
const WAITS_PER_READING = 16;
const READINGS = 101;

const selector = new DefaultSelector();
const peers = Array.from({ length: BATCH }, () => {
  const [ready, peer] = Socket.pair();
  peer.send(Buffer.from('x'));
  selector.register(ready, EVENT_READ);
  return peer;
});

let delivered = 0;
const count = () => {
  delivered++;
};
/** @type {Record<string, () => void>} */
const layers = {
  dispatch: () => {
    selector.dispatch(0, count);
  },
  select: () => {
    for (const [key] of selector.select(0)) if (key !== undefined) count();
  },
};
const wait = layers[values.layer];
if (wait === undefined)
  throw new Error(`--layer must be one of ${Object.keys(layers)}, not '${values.layer}'`);

/** @param {number} waits */
function repeat(waits) {
  const before = delivered;
  for (let done = 0; done < waits; done++) wait?.();
  if (delivered - before !== waits * peers.length)
    throw new Error(`${waits} waits delivered ${delivered - before} events`);
}

/** By so many bytes the heap has grown, less what reading it takes; below 0 where it was collected meanwhile. */
function growthOf(/** @type {number} */ waits) {
  const before = getHeapStatistics().used_heap_size;
  repeat(waits);
  return getHeapStatistics().used_heap_size - before;
}

/** Collections from now until the function that is returned is called. */
function countCollections() {
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  return async () => {
    // They are reported in a turn of Node's loop.
    for (let turn = 0; turn < 3; turn++) await nextTurn();
    observer.disconnect();
    return collections;
  };
}

// Until V8 has compiled all of it.
const events = Number(values.events);
repeat(Math.ceil(events / BATCH / 4));
for (let reading = 0; reading < READINGS; reading++) growthOf(WAITS_PER_READING);
globalThis.gc?.();
await nextTurn();

const collected = countCollections();
repeat(Math.ceil(events / BATCH));
const scavenges = await collected();

globalThis.gc?.();
const readings = Array.from({ length: READINGS }, () => growthOf(WAITS_PER_READING) - growthOf(0));
const bytesPerEvent = spreadOf(readings).median / (WAITS_PER_READING * BATCH);
console.log(JSON.stringify({ scavenges, bytesPerEvent }));
