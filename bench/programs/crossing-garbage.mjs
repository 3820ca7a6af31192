/**
 * What a steady loop over a selector leaves to the garbage collector.
 *
 *   node --expose-gc bench/programs/crossing-garbage.mjs [--layer dispatch|select] [--events 1000000]
 *
 * Prints one line of JSON: `scavenges`, collections of any kind while so many events were delivered, in batches of 64, and
 * `bytesPerEvent` by which the heap grows. Exit code 1 where neither would be seen: nothing found must not be nothing
 * looked for.
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
const dispatch = () => {
  selector.dispatch(0, count);
};
const select = () => {
  for (const [key] of selector.select(0)) if (key !== undefined) count();
};
/** @type {Record<string, () => void>} */
const layers = { dispatch, select };
const wait = layers[values.layer];
const gc = globalThis.gc;
if (wait === undefined)
  throw new Error(`--layer must be one of ${Object.keys(layers)}, not '${values.layer}'`);
if (gc === undefined) throw new Error('--expose-gc is needed');

/** @type {(wait: () => void, waits: number) => void} */
function repeat(wait, waits) {
  const before = delivered;
  for (let done = 0; done < waits; done++) wait();
  if (delivered - before !== waits * peers.length)
    throw new Error(`${waits} waits delivered ${delivered - before} events`);
}

/**
 * By so many bytes the heap has grown; below 0 where it was collected meanwhile.
 *
 * @type {(wait: () => void, waits: number) => number}
 */
function growthOf(wait, waits) {
  const before = getHeapStatistics().used_heap_size;
  repeat(wait, waits);
  return getHeapStatistics().used_heap_size - before;
}

/** What an event leaves behind, less what a reading of the heap does. @param {() => void} wait */
function bytesPerEventOf(wait) {
  gc?.();
  const readings = Array.from(
    { length: READINGS },
    () => growthOf(wait, WAITS_PER_READING) - growthOf(wait, 0),
  );
  return spreadOf(readings).median / (WAITS_PER_READING * BATCH);
}

/** Collections while something is done. @param {() => void} action */
async function collectionsIn(action) {
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  action();
  // They are reported in a turn of Node's loop.
  for (let turn = 0; turn < 3; turn++) await nextTurn();
  observer.disconnect();
  return collections;
}

// Until V8 has compiled all of it.
const events = Number(values.events);
repeat(wait, Math.ceil(events / BATCH / 4));
bytesPerEventOf(wait);
await nextTurn();

const scavenges = await collectionsIn(() => repeat(wait, Math.ceil(events / BATCH)));
const bytesPerEvent = bytesPerEventOf(wait);

if ((await collectionsIn(() => gc({ type: 'minor' }))) === 0) throw new Error('collections are not observed');
if (!(bytesPerEventOf(select) > 0)) throw new Error('what select allocates is not seen');
console.log(JSON.stringify({ scavenges, bytesPerEvent }));
