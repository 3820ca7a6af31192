/** Runs of a reactor that end: when the test stops it, at their time, or because nothing came. */
import type { Reactor } from 'iomux';
import { run, runUntil, type Setting } from './reactors.js';

/** Long enough for a loaded machine; a test that gets here has failed. A thread that blocks could not be ended otherwise. */
const PATIENCE = 10_000;

/** Runs until the test stops the reactor. */
export async function runToStop(reactor: Reactor, setting: Setting, patience = PATIENCE): Promise<void> {
  let late = false;
  const limit = reactor.callLater(patience, () => {
    late = true;
    reactor.stop();
  });
  await run(reactor, setting);
  limit.cancel();
  if (late) throw new Error(`the reactor was not stopped within ${patience} ms`);
}

/** Iterations after the time is over, each of which looks what is ready: on a loaded machine there may have been none. */
const LAST_ITERATIONS = 5;

/** Runs for some time: what is due is then done, and what must not happen has had its chance. */
export async function runFor(reactor: Reactor, setting: Setting, milliseconds: number): Promise<void> {
  const finish = (left: number) => {
    if (left === 0) reactor.stop();
    else reactor.callSoon(finish, left - 1);
  };
  reactor.callLater(milliseconds, finish, LAST_ITERATIONS);
  await run(reactor, setting);
}

/** Runs until an asynchronous function, begun at once, is done: its result. */
export function play<T>(reactor: Reactor, setting: Setting, scene: () => Promise<T>): Promise<T> {
  const played = new Promise<T>((resolve, reject) => {
    const limit = reactor.callLater(PATIENCE, () => {
      reject(new Error(`nothing came of it within ${PATIENCE} ms`));
    });
    scene()
      .finally(() => limit.cancel())
      .then(resolve, reject);
  });
  return runUntil(reactor, setting, played);
}
