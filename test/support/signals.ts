/** A wait in a process of its own that receives signals all the while. */
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { outcomeOf, startFixture } from './processes.js';

export interface SignalledWait {
  readonly ready: readonly unknown[];
  readonly elapsed: number;
  /** How many of the signals the handler saw; those that arrive together count once. */
  readonly handled: number;
}

/** Waits by `call` for `timeout` milliseconds under five signals that have a handler, 20 ms apart. */
export async function waitUnderSignals(call: string, timeout: number): Promise<SignalledWait> {
  const child = startFixture('wait-under-signals.mjs', [call, String(timeout)]);
  const outcome = outcomeOf(child);
  if (child.stdout !== null) await Promise.race([once(child.stdout, 'data'), outcome]);
  for (let sent = 0; sent < 5; sent++) {
    child.kill('SIGUSR2');
    await setTimeout(20);
  }
  const { code, signal, stdout, stderr } = await outcome;
  if (code !== 0) throw new Error(`the wait ended with ${code ?? signal}: ${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}
