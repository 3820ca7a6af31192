/**
 * What it costs to hand an event from the kernel to JavaScript, in batches of one size.
 *
 *   node bench/programs/crossing.mjs [--layer dispatch] [--batch 64] [--samples 9] [--milliseconds 20]
 *
 * Layers: `dispatch` and `select` of a selector, `calls`, epoll_wait(2) as `Epoll` has it, without registry and keys, and
 * `hosted`, the watchers of a reactor in Node's loop. Prints one line of JSON: `nanosecondsPerEvent` of CPU time, user and
 * system. Every descriptor has a byte that is never read, so that each wait reports all of them.
 */
import { parseArgs } from 'node:util';
import { constants, Epoll, EpollSelector, EVENT_READ, Reactor, Socket } from '../../dist/lib/index.js';
import { cpuTimeOf } from '../support/cpu-time.mjs';
import { spreadOf } from '../support/statistics.mjs';

const { values } = parseArgs({
  options: {
    layer: { type: 'string', default: 'dispatch' },
    batch: { type: 'string', default: '64' },
    samples: { type: 'string', default: '9' },
    milliseconds: { type: 'string', default: '20' },
  },
});
const batch = Number(values.batch);
const effort = { samples: Number(values.samples), milliseconds: Number(values.milliseconds) };

const byte = Buffer.from('x');
const pairs = Array.from({ length: batch }, () => {
  const [ready, peer] = Socket.pair();
  peer.send(byte);
  return { ready, peer };
});

let delivered = 0;
const count = () => {
  delivered++;
};

/**
 * @param {() => void} wait
 * @returns {number} microseconds that one costs.
 */
function timeOf(wait) {
  let waits = 0;
  const { microseconds } = cpuTimeOf(() => {
    waits++;
    wait();
  }, effort);
  if (delivered !== waits * batch)
    throw new Error(`${waits} waits for ${batch} delivered ${delivered} events`);
  return microseconds;
}

function selectorOfAll() {
  const selector = new EpollSelector();
  for (const { ready } of pairs) selector.register(ready, EVENT_READ);
  return selector;
}

/** @type {Record<string, () => number | Promise<number>>} */
const layers = {
  dispatch() {
    const selector = selectorOfAll();
    return timeOf(() => selector.dispatch(0, count));
  },
  select() {
    const selector = selectorOfAll();
    return timeOf(() => {
      for (const [key, events] of selector.select(0)) if (key !== undefined && events === EVENT_READ) count();
    });
  },
  calls() {
    const epoll = new Epoll();
    const { EPOLLIN } = constants;
    for (const { ready } of pairs) epoll.register(ready, EPOLLIN);
    return timeOf(() => {
      for (const [fd, events] of epoll.poll(0, batch)) if (fd >= 0 && events === EPOLLIN) count();
    });
  },
  hosted: hostedTime,
};

/** Node's loop waits, so samples are taken between its turns: of so many milliseconds or more. */
async function hostedTime() {
  const reactor = new Reactor({ selector: new EpollSelector() });
  const wanted = 1000 * effort.milliseconds;
  /** @type {number[]} */
  const samples = [];
  let warm = false;
  let since = process.cpuUsage();
  const end = () => {
    const { user, system } = process.cpuUsage(since);
    if (user + system < wanted) return;
    if (warm) samples.push((user + system) / (delivered / batch));
    warm = true;
    if (samples.length === effort.samples) reactor.stop();
    delivered = 0;
    since = process.cpuUsage();
  };
  // The clock is not read for each event: that would cost more than the event.
  const turns = Math.ceil(4096 / batch);
  let left = turns;
  const countTurns = () => {
    delivered++;
    if (--left > 0) return;
    left = turns;
    end();
  };
  for (const [index, { ready }] of pairs.entries())
    reactor.watch(ready, EVENT_READ, index === 0 ? countTurns : count);
  await reactor.run();
  reactor.close();
  return spreadOf(samples).median;
}

const measure = layers[values.layer];
if (measure === undefined)
  throw new Error(`--layer must be one of ${Object.keys(layers)}, not '${values.layer}'`);
console.log(JSON.stringify({ nanosecondsPerEvent: ((await measure()) * 1000) / batch }));
