/** The pauses of a server that is out of descriptors: longer each time, and short again when nobody waits. */
import { describe, expect, it } from 'vitest';
import { AcceptPause } from '../../examples/echo/accept-pause.js';

/** Lets the time of a pause pass. */
function wait(pause: AcceptPause): void {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (let left = pause.remaining; left !== null && left > 0; left = pause.remaining) {
    Atomics.wait(clock, 0, 0, Math.ceil(left));
  }
}

describe('the pause of a server that is out of descriptors', () => {
  it('is none at first', () => {
    expect(new AcceptPause().remaining).toBeNull();
  });

  it('is over when its time is, and not before it is ended', () => {
    const pause = new AcceptPause();
    const start = performance.now();
    expect(pause.begin()).toBe(5);
    expect(pause.remaining).toBeLessThanOrEqual(5);
    wait(pause);
    expect(performance.now() - start).toBeGreaterThanOrEqual(5);
    expect(pause.remaining).toBe(0);
    pause.end();
    expect(pause.remaining).toBeNull();
  });

  it('is twice as long each time that it did not help, goes on where it was cut short, and is short after a reset', () => {
    const pause = new AcceptPause();
    const delays: (number | null)[] = [];
    for (let round = 0; round < 9; round++) {
      wait(pause);
      pause.end();
      delays.push(pause.begin());
    }
    expect(delays).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1000]);
    pause.end();
    expect(pause.remaining).toBeNull();
    // A descriptor came free before the second was over, and was gone again.
    expect(pause.begin()).toBeNull();
    expect(pause.remaining).toBeGreaterThan(0);
    wait(pause);
    pause.end();
    // Nor is it ever longer.
    expect(pause.begin()).toBe(1000);
    wait(pause);
    pause.end();
    pause.reset();
    expect(pause.begin()).toBe(5);
  });
});
