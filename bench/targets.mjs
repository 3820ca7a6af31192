/** What iomux promises of its speed: `npm run bench:check` holds a run against it. */

/**
 * One figure of one row, alone or divided by that of another, round by round: the median must keep the bound.
 *
 * @typedef {object} Target
 * @property {string} group
 * @property {string} row
 * @property {string} figure
 * @property {string | import('./support/results.mjs').Other} [beside] - what it is divided by: a string is a row of the
 *   group.
 * @property {number} [atMost]
 * @property {number} [atLeast]
 * @property {true} [every] - it is counted, not timed: each round must keep the bound.
 * @property {true} [absolute] - a time of this machine: it stands in the results, but the check leaves it out.
 */

const C = 'epoll in C';
const NET = 'node:net';
const NET_AWAIT = 'node:net, for await';
const ADDON = 'addon alone';

/** @type {(row: string, rival: string, atMost: number) => Target} */
const cpuOfEcho = (row, rival, atMost) => ({
  group: 'echo, 64 × 1 KiB',
  row,
  figure: 'cpuMicrosecondsPerMessage',
  beside: rival,
  atMost,
});

/**
 * Beside C, and beside a loop over the addon with nothing of ours, which shows how much of that is Node-API's and the
 * kernel's. Where neither refills the stack of return addresses that loop takes 1.03 × C, so its bound is the other one
 * divided by 1.03.
 *
 * @type {(row: string, atMostOfC: number) => Target[]}
 */
const cpuBesideC = (row, atMostOfC) => [
  cpuOfEcho(row, C, atMostOfC),
  cpuOfEcho(row, ADDON, Math.round((100 * atMostOfC) / 1.03) / 100),
];

/** @type {(row: string, rival: string, atMost: number) => Target} */
const roundTrip = (row, rival, atMost) => ({
  group: 'latency, 1 × 64 B',
  row,
  figure: 'p50',
  beside: rival,
  atMost,
});

/** @type {(row: string, rival: string, atMost: number) => Target} */
const memory = (row, rival, atMost) => ({
  group: 'c10k, memory',
  row,
  figure: 'kibibytesPerConnection',
  beside: rival,
  atMost,
});

/** @type {(row: string, atLeast: number) => Target} */
const received = (row, atLeast) => ({
  group: 'datagrams, 64 B',
  row,
  figure: 'receivedPerCpuSecond',
  beside: 'node:dgram',
  atLeast,
});

/** @type {(pipes: number) => Target} */
const besideC = (pipes) => ({
  group: `pipes, 100 active, ${pipes}`,
  row: 'epoll',
  figure: 'microseconds',
  beside: C,
  atMost: 3,
});

/**
 * Half of setTimeout's, as was once hoped for, cannot be had: the objects alone, each the AsyncResource that
 * AsyncLocalStorage needs, take 0.4 of it, a row of the cell shows. The rest would be 0.2 microseconds for each timer, of which
 * one look at the clock takes 0.08.
 *
 * @type {(mode: string) => Target}
 */
const crowd = (mode) => ({
  group: 'timers, crowd',
  row: `reactor, ${mode}`,
  figure: 'milliseconds',
  beside: 'setTimeout',
  atMost: 1,
});

const delays = ['blocking', 'hosted'].flatMap((mode) =>
  ['0.1 ms', '1 ms', '3.1 ms'].map((delay) => `reactor, ${mode}, ${delay}`),
);

/** @type {(row: string) => Target} */
const neverEarly = (row) => ({
  group: 'timers, precision',
  row,
  figure: 'earliest',
  atLeast: 0,
  every: true,
});

/** @type {(row: string) => Target} */
const hardlyLate = (row) => ({
  group: 'timers, precision',
  row,
  figure: 'p50',
  atMost: 150,
  absolute: true,
});

/** @type {readonly Target[]} */
export const targets = [
  ...cpuBesideC('dispatch, epoll', 1.05),
  cpuOfEcho('dispatch, epoll', NET, 0.75),
  ...cpuBesideC('watchers, blocking', 1.07),
  cpuOfEcho('watchers, blocking', NET, 0.76),
  ...cpuBesideC('watchers, hosted', 1.1),
  cpuOfEcho('watchers, hosted', NET, 0.78),
  ...cpuBesideC('protocol, hosted', 1.15),
  cpuOfEcho('protocol, hosted', NET, 0.82),
  cpuOfEcho('protocol, hosted', 'uvloop, protocol', 1),
  ...cpuBesideC('streams, hosted', 1.3),
  cpuOfEcho('streams, hosted', NET, 0.92),
  cpuOfEcho('streams, hosted', 'uvloop, streams', 1),

  roundTrip('watchers, blocking', C, 1.05),
  roundTrip('watchers, hosted', NET, 1),

  {
    group: 'pipes, 1 active, 9000',
    row: 'epoll',
    figure: 'microseconds',
    beside: { group: 'pipes, 1 active, 100' },
    atMost: 1.5,
  },
  besideC(100),
  besideC(1000),
  besideC(9000),

  {
    group: 'c10k, throughput among idle',
    row: 'dispatch, epoll',
    figure: 'messagesPerSecond',
    beside: { group: 'c10k, throughput alone' },
    atLeast: 0.95,
  },
  { group: 'c10k, memory', row: 'dispatch, in turns', figure: 'kibibytesPerConnection', atMost: 1.5 },
  // The promise was worded as half of node:net. That one is called back, and an async function that waits costs V8 0.6
  // to 0.9 KiB by itself, so streams are held against node:net that is read in the same way. What they are beside
  // node:net itself stands in the table.
  memory('streams, hosted', NET_AWAIT, 0.5),
  memory('protocol, hosted', NET, 0.5),
  // Who is woken and waits again has switched voluntarily, who is interrupted involuntarily: nobody needs to run at all.
  { group: 'c10k, idle second', row: 'dispatch, epoll', figure: 'voluntary', atMost: 0, every: true },
  { group: 'c10k, idle second', row: 'dispatch, epoll', figure: 'involuntary', atMost: 0, every: true },

  crowd('blocking'),
  crowd('hosted'),
  ...delays.map(neverEarly),
  ...delays.map(hardlyLate),

  received('recvBatch', 3),
  received('recv', 1.5),

  // The one system call of a wake is its ring.
  { group: 'wakers, storm', row: 'Waker, rings counted', figure: 'ringsBeyondWaits', atMost: 1, every: true },

  { group: 'crossing, allocation', row: 'dispatch', figure: 'scavenges', atMost: 0, every: true },
  { group: 'crossing, allocation', row: 'dispatch', figure: 'bytesPerEvent', atMost: 0, every: true },
];
