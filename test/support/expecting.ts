/** What a call throws, to be looked at. */

/** The error that `action` throws. */
export function thrownBy(action: () => unknown): Error & Record<string, unknown> {
  try {
    action();
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('nothing was thrown');
}

/** Runs `action`; its result, and the milliseconds it took. */
export function timed<T>(action: () => T): [result: T, elapsed: number] {
  const start = performance.now();
  const result = action();
  return [result, performance.now() - start];
}
