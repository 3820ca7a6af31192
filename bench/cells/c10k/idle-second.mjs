/** What a server does in a second in which nothing happens. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { echoServer } from '../../support/echo-servers.mjs';
import { startServer } from '../../support/programs.mjs';
import { inRounds } from '../../support/rounds.mjs';
import { withConnections } from './connections.mjs';

/** Milliseconds until what the connections set off has ended. */
const SETTLE = 500;
/** @typedef {import('../../support/echo-servers.mjs').ServerName} ServerName */
/** @type {ServerName[]} */
const PROMISED = ['dispatch, epoll'];
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
  const rivals = (everybody ? ALL : PROMISED).map(echoServer);
  const contenders = rivals.map(({ name, command, missing }) => ({
    name,
    missing,
    /** @param {number} round */
    async turn(round) {
      if (round === 0) return {}; // there is nothing to warm up
      const server = await startServer(command, cores?.[0]);
      try {
        return await withConnections(server, connections, cores?.[1], async () => {
          await sleep(Math.min(SETTLE, milliseconds));
          const before = activityOf(server.pid);
          await sleep(milliseconds);
          return difference(activityOf(server.pid), before);
        });
      } finally {
        await server.stop();
      }
    },
  }));
  return {
    id: 'c10k, idle second',
    title: `A second of ${connections.toLocaleString('en')} idle connections`,
    note:
      'Context switches of all threads of the server, those of V8 included: involuntary ones are those of a thread that ' +
      'ran and had to make room for another, voluntary ones those of a thread that was woken and waits again.',
    figures: [
      { key: 'involuntary', title: 'involuntary switches', digits: 0, shown: 'max' },
      { key: 'voluntary', title: 'voluntary switches', digits: 0, shown: 'max' },
      { key: 'cpuMilliseconds', title: 'CPU ms', shown: 'max' },
    ],
    rows: await inRounds('c10k, idle second', contenders, rounds),
    setting: { connections, milliseconds },
  };
}

/**
 * What all threads of a process have done so far: proc_pid_status(5); the first number of schedstat is nanoseconds.
 *
 * @param {number} pid
 */
function activityOf(pid) {
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

/** @type {(after: ReturnType<typeof activityOf>, before: ReturnType<typeof activityOf>) => ReturnType<typeof activityOf>} */
function difference(after, before) {
  return {
    involuntary: after.involuntary - before.involuntary,
    voluntary: after.voluntary - before.voluntary,
    cpuMilliseconds: after.cpuMilliseconds - before.cpuMilliseconds,
  };
}
