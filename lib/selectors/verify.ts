/** Holds a selector's registry against the set that the kernel has, or is handed. */

import type { Watched } from './backend-set.js';
import { INTERESTS, namesOf } from './events.js';
import type { Registry } from './registry.js';

/**
 * @param watched - `null` where the set cannot be seen.
 * @param pending - whether events were harvested that wait for delivery: they may have muted their registrations already.
 * @throws Error: the first invariant that does not hold.
 */
export function verifyRegistry<T>(
  registry: Registry<T>,
  watched: readonly Watched[] | null,
  pending: boolean,
): void {
  let size = 0;
  for (const key of registry) {
    size++;
    if (registry.get(key.fd) !== key) throw broken(`the key of ${key.fd} is filed under another number`);
    if ((key.events & INTERESTS) === 0) throw broken(`the key of ${key.fd} has no interest`);
  }
  if (size !== registry.size) throw broken(`${size} keys are counted as ${registry.size}`);
  if (watched === null) return;
  for (const { fd, generation, events, mode } of watched) {
    const registration = registry.get(fd);
    if (registration === undefined || registration.generation !== generation) {
      throw broken(`${fd} is watched for a registration that is gone`);
    }
    if (mode !== registration.mode) {
      throw broken(`${fd} is watched in mode ${mode}, not ${registration.mode}`);
    }
    const wanted = registration.fired ? 0 : registration.events;
    if (events !== wanted && !(pending && events === 0)) {
      throw broken(`${fd} is watched for ${namesOf(events)}, not for ${namesOf(wanted)}`);
    }
  }
  if (watched.length !== size) throw broken(`${watched.length} descriptors are watched, not ${size}`);
}

function broken(what: string): Error {
  return new Error(`selector invariant broken: ${what}`);
}
