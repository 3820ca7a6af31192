/** Stage 2: `/slow` returns a Future, which is a text when a timer says so. Everybody else is answered meanwhile. */
import { sleep } from 'iomux/tasks';
import type { Page, Pages } from './pages.js';

/** @param delay - milliseconds. */
export function timedPages(delay: number): Pages {
  return new Map<string, Page>([
    ['/fast', () => 'fast\n'],
    ['/slow', () => sleep(delay, 'slow\n')],
  ]);
}
