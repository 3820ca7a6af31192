/** What a server does in a second in which nothing happens. */
import { setTimeout as sleep } from 'node:timers/promises';
import { activityOf, comesToRest, difference } from '../../support/activity.mjs';
import { echoServer } from '../../support/echo-servers.mjs';
import { startServer } from '../../support/programs.mjs';
import { promisedIn } from '../../support/promised.mjs';
import { inRounds } from '../../support/rounds.mjs';
import { openConnections } from './connections.mjs';

/** @typedef {import('../../support/echo-servers.mjs').ServerName} ServerName */
/** @type {ServerName[]} */
const ALL = [
  'dispatch, epoll',
  'watchers, blocking',
  'watchers, hosted',
  'protocol, hosted',
  'streams, hosted',
  'node:net',
];

/**
 * @param {{ connections: number, rounds: number, milliseconds: number, everybody: boolean }} size
 * @param {[number, number] | null} cores
 * @returns {Promise<import('../../support/results.mjs').Group>}
 */
export async function idleSecondGroup({ connections, rounds, milliseconds, everybody }, cores) {
  /** @type {(() => Promise<void>)[]} - the last first. */
  const endings = [];
  const contenders = (everybody ? ALL : promisedIn('c10k, idle second', ALL)).map(echoServer).map((rival) => {
    /** @type {Promise<{ pid: number, check: () => void }> | undefined} */
    let starting;
    const start = async () => {
      const server = await startServer(rival.command, cores?.[0]);
      endings.unshift(server.stop);
      const { check, close } = await openConnections(server, connections, cores?.[1]);
      endings.unshift(close);
      await comesToRest(server.pid);
      return { pid: server.pid, check };
    };
    return {
      ...rival,
      async turn() {
        starting ??= start();
        const { pid, check } = await starting;
        const before = activityOf(pid);
        await sleep(milliseconds);
        const after = activityOf(pid);
        check();
        return difference(after, before);
      },
    };
  });
  try {
    return {
      id: 'c10k, idle second',
      title: `A second of ${connections.toLocaleString('en')} idle connections`,
      note:
        'Context switches of all threads of the server, those of V8 included: involuntary ones are those of a thread ' +
        'that ran and had to make room for another, voluntary ones those of a thread that was woken and waits again. ' +
        'A server keeps its connections through all rounds, so that what V8 collects some seconds later is seen as well: of ' +
        'each figure the most of all rounds is shown.',
      figures: [
        { key: 'involuntary', title: 'involuntary switches', digits: 0, shown: 'max' },
        { key: 'voluntary', title: 'voluntary switches', digits: 0, shown: 'max' },
        { key: 'cpuMilliseconds', title: 'CPU ms', shown: 'max' },
      ],
      // There is nothing to warm up.
      rows: await inRounds('c10k, idle second', contenders, rounds, { warmUp: false }),
      setting: { connections, milliseconds },
    };
  } finally {
    for (const end of endings) await end();
  }
}
