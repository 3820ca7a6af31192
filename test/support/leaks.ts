/** How many descriptors this process has open, and waiting for those of a thread that died to be gone. */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';

/** Long enough for a loaded machine; who gets here has leaked. */
const PATIENCE = 3_000;

/** Each listing counts its own descriptor as well, so two counts can be compared. */
export function descriptorCount(): number {
  return readdirSync('/dev/fd').length;
}

/** Fails unless the count falls back to what it was. A thread's last descriptors go a moment after its 'exit'. */
export async function expectNoLeak(before: number): Promise<void> {
  const limit = performance.now() + PATIENCE;
  while (descriptorCount() > before && performance.now() < limit) await sleep(5);
  expect(descriptorCount()).toBeLessThanOrEqual(before);
}
