/** What a process has done so far, by the kernel's own accounting, and when it has come to rest. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds between two readings of a process that is to come to rest, and how many of them it may have run. */
const PAUSE = 100;
const AT_REST = 2;
/** Milliseconds in which it must. */
const PATIENCE = 20_000;

/** @typedef {{ involuntary: number, voluntary: number, cpuMilliseconds: number }} Activity - the first two: switches. */

/**
 * What all threads of a process have done: proc_pid_status(5); the first number of schedstat is nanoseconds.
 *
 * @param {number} pid
 * @returns {Activity}
 */
export function activityOf(pid) {
  const activity = { involuntary: 0, voluntary: 0, cpuMilliseconds: 0 };
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${thread}`;
    const status = readFileSync(`${folder}/status`, 'utf8');
    activity.involuntary += Number(/^nonvoluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1]);
    activity.voluntary += Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1]);
    activity.cpuMilliseconds += Number.parseInt(readFileSync(`${folder}/schedstat`, 'utf8'), 10) / 1e6;
  }
  return activity;
}

/** @type {(after: Activity, before: Activity) => Activity} */
export function difference(after, before) {
  return {
    involuntary: after.involuntary - before.involuntary,
    voluntary: after.voluntary - before.voluntary,
    cpuMilliseconds: after.cpuMilliseconds - before.cpuMilliseconds,
  };
}

/**
 * Waits until the CPU clock of a server stands still: until it has served everybody, and forgotten those who left. How
 * long that takes depends on the server and on how many there were, so that no pause is right for all.
 *
 * @param {number} pid
 */
export async function comesToRest(pid) {
  const end = performance.now() + PATIENCE;
  for (let before = activityOf(pid); ; ) {
    await sleep(PAUSE);
    const now = activityOf(pid);
    if (now.cpuMilliseconds - before.cpuMilliseconds < AT_REST) return;
    if (performance.now() > end) throw new Error(`process ${pid} does not come to rest`);
    before = now;
  }
}
