/** Stage 1: `/slow` takes its time on the spot. Nobody else is answered meanwhile. */
import type { Page, Pages } from './pages.js';

const clock = new Int32Array(new SharedArrayBuffer(4));

/** @param delay - milliseconds. */
export function blockingPages(delay: number): Pages {
  return new Map<string, Page>([
    ['/fast', () => 'fast\n'],
    [
      '/slow',
      () => {
        // A computation would do the same to the others.
        Atomics.wait(clock, 0, 0, delay);
        return 'slow\n';
      },
    ],
  ]);
}
