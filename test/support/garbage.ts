/** Collecting garbage, for what must be told of it or must become it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

async function collectOnce(): Promise<void> {
  // In a turn of its own: what a WeakRef was asked for stays until the end of the turn. What is found gone is told in
  // a later one.
  await sleep(1);
  collect();
}

/** Collects garbage until `enough`, or it has had its chance often enough; and then a little more. */
export async function collected(enough: () => boolean): Promise<void> {
  for (let round = 0; round < 100 && !enough(); round++) await collectOnce();
  for (let round = 0; round < 3; round++) await collectOnce();
}
