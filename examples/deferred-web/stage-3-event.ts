/** Stage 3: `/wait` is answered when somebody requests `/release`: what a Future waits for may be anything. */
import { defaultReactor, type Future } from 'iomux';
import type { Page, Pages } from './pages.js';
import { timedPages } from './stage-2-timeout.js';

/** @param delay - milliseconds. */
export function eventPages(delay: number): Pages {
  const reactor = defaultReactor();
  const waiting = new Set<Future<string>>();
  return new Map<string, Page>([
    ...timedPages(delay),
    [
      '/wait',
      () => {
        const answer = reactor.createFuture<string>();
        waiting.add(answer);
        answer.addDoneCallback(() => waiting.delete(answer));
        return answer;
      },
    ],
    [
      '/release',
      () => {
        const released = [...waiting].filter((answer) => !answer.done());
        for (const answer of released) answer.setResult('released\n');
        return `${released.length} released\n`;
      },
    ],
  ]);
}
