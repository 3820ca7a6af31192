/** Those who hear of the close of what they wait for: one that throws keeps no other from hearing of it. */
import { EVENT_READ, EVENT_WRITE } from 'iomux';
import { describe, expect, it } from 'vitest';
import { socketPair } from '../support/pairs.js';
import { openReactor, type Reported } from '../support/task-scenes.js';

describe('a watcher that throws when it hears of a close', () => {
  it.each(['of the socket', 'of the reactor', 'of the selector'])(
    'is reported, and the others hear %s',
    async (close) => {
      const errors: Reported[] = [];
      const reactor = openReactor(errors);
      const [near, far] = socketPair();
      const fd = near.fileno();
      const failure = new Error('not mine');
      const heard: string[] = [];
      const watch = (socket: typeof near, events: number, name: string) =>
        reactor.watchers.watch(socket, events, () => {}, undefined, {
          onLost: () => {
            heard.push(name);
            if (name === 'first') throw failure;
          },
        });
      watch(near, EVENT_READ, 'first');
      watch(near, EVENT_WRITE, 'second').pause();
      watch(far, EVENT_READ, 'third');
      if (close === 'of the socket') near.close();
      else if (close === 'of the reactor') reactor.close();
      else {
        const run = reactor.run();
        reactor.callSoon(() => reactor.selector.close());
        await expect(run).rejects.toMatchObject({ code: 'ERR_CLOSED' });
      }
      expect(heard).toEqual(close === 'of the socket' ? ['first', 'second'] : ['first', 'second', 'third']);
      expect(errors.filter(([error]) => error === failure)).toMatchObject([
        [failure, { source: 'watcher', fd }],
      ]);
    },
  );
});
