/**
 * What a crowd of timers costs: all are set, half of them cancelled, the rest fire.
 *
 *   node bench/programs/timers.mjs --by setTimeout|hosted|blocking [--count 1000000] [--longest 1000]
 *
 * Prints one line of JSON: `milliseconds` of CPU time, user and system, from before the first was set until the last
 * had fired. The delays are spread over whole milliseconds from 1 to the longest, for the sake of setTimeout, which knows no
 * other; they are the same in each run.
 */
import { parseArgs } from 'node:util';
import { Reactor } from '../../dist/lib/index.js';

const { values } = parseArgs({
  options: {
    by: { type: 'string', default: 'hosted' },
    count: { type: 'string', default: '1000000' },
    longest: { type: 'string', default: '1000' },
  },
});
const count = Number(values.count);
const longest = Number(values.longest);

let seed = 1;
/** The next of the delays that every run has: a linear congruence, of which the upper bits are used. */
function nextDelay() {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
  return 1 + Math.floor((seed / 0x80000000) * longest);
}

/**
 * Sets `count` timers, cancels every second, and calls `done` with the last of the others.
 *
 * @template Timer
 * @param {(delay: number, callback: () => void) => Timer} set
 * @param {(timer: Timer) => void} cancel
 * @param {() => void} done
 */
function load(set, cancel, done) {
  let left = count - Math.floor(count / 2);
  const fire = () => {
    left--;
    if (left === 0) done();
    if (left < 0) throw new Error('a timer fired that was cancelled, or twice');
  };
  /** @type {Timer[]} */
  const half = [];
  for (let index = 0; index < count; index++) {
    const timer = set(nextDelay(), fire);
    if (index % 2 === 1) half.push(timer);
  }
  for (const timer of half) cancel(timer);
}

const before = process.cpuUsage();
function report() {
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ timers: count, milliseconds: (user + system) / 1000 }));
}

if (values.by === 'setTimeout') {
  load((delay, callback) => setTimeout(callback, delay), clearTimeout, report);
} else {
  const reactor = new Reactor();
  load(
    (delay, callback) => reactor.callLater(delay, callback),
    (timer) => timer.cancel(),
    () => {
      report();
      reactor.stop();
    },
  );
  if (values.by === 'hosted') await reactor.run();
  else reactor.runForever();
  reactor.close();
}
