/**
 * Collects the garbage of a server on SIGUSR2 until only what it needs is left, and prints `collected`.
 *
 *   node --expose-gc --import ./bench/support/collect.mjs server.mjs
 *
 * While many connections arrive, V8's young generation grows to its greatest size, and one collection leaves it so: for
 * 10,000 connections that is 1.5 KiB each which none of them needs. V8 makes it small again in a full collection that
 * comes when little has been allocated for a while. An idle process has it some ten seconds after a full collection, and
 * one that needed none may keep its 16 MiB for good: so servers would be compared that were collected and some that were
 * not. Here collections follow each other with nothing between them, until V8 sees that little is allocated; half a
 * minute of idleness then changes next to nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapSpaceStatistics } from 'node:v8';

const QUIET_COLLECTIONS = 11;
/** Between two of them: what this file allocates itself must be little for the time that it takes. */
const PAUSE = 100;
/** V8's young generation starts with 1 MiB, in two halves; twice as much is let pass. */
const SMALL = 2 * 1024 * 1024;
const ATTEMPTS = 5;
/** `collect.mjs?hurry` collects once: for who only looks whether all of this works. */
const HURRY = new URL(import.meta.url).searchParams.has('hurry');

process.on('SIGUSR2', async () => {
  if (HURRY) {
    globalThis.gc?.();
    console.log('collected');
    return;
  }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await collect();
    if (youngGeneration() > SMALL) continue;
    // Once more: what became small now is given back by the next one.
    await collect();
    console.log('collected');
    return;
  }
  console.error(`the young generation stays at ${youngGeneration()} bytes`);
  process.exit(1);
});

async function collect() {
  const gc = /** @type {NodeJS.GCFunction} */ (globalThis.gc);
  gc();
  for (let count = 0; count < QUIET_COLLECTIONS; count++) {
    await sleep(PAUSE);
    gc({ type: 'minor' });
  }
  gc();
  // Memory is given back by another thread.
  await sleep(PAUSE);
}

function youngGeneration() {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;
}
