/** The CPU time of something short that this process does over and over again. */
import { spreadOf } from './statistics.mjs';

/**
 * The median of several samples, each of them as many calls as fill its time. V8 has compiled `action` by then.
 *
 * @param {() => void} action
 * @param {{ samples: number, milliseconds: number }} effort - `milliseconds`: of CPU time, for each sample.
 * @returns {{ calls: number, microseconds: number }} in all samples; for each call, user and system.
 */
export function cpuTimeOf(action, { samples, milliseconds }) {
  const wanted = 1000 * milliseconds;
  let calls = 1;
  let spent = 0;
  for (; spent < wanted; calls *= 2) spent = microsecondsFor(calls, action);
  // What filled a sample was half as many; more than once, because it was compiled meanwhile.
  let perSample = calls / 2;
  for (let correction = 0; correction < 2; correction++) {
    perSample = Math.max(1, Math.round((perSample * wanted) / spent));
    spent = Math.max(1, microsecondsFor(perSample, action));
  }
  const taken = Array.from({ length: samples }, () => microsecondsFor(perSample, action) / perSample);
  return { calls: perSample * samples, microseconds: spreadOf(taken).median };
}

/** @type {(calls: number, action: () => void) => number} */
function microsecondsFor(calls, action) {
  const before = process.cpuUsage();
  for (let call = 0; call < calls; call++) action();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
