/**
 * What a crowd of timers costs: all are set, half of them cancelled, the rest fire.
 *
 *   node bench/programs/timers.mjs --by setTimeout|hosted|blocking|AsyncResource [--count 1000000] [--longest 1000]
 *
 * Prints one line of JSON: `milliseconds` of CPU time, user and system, from before the first was set until the last
 * had fired. The delays are spread over whole milliseconds from 1 to the longest, for the sake of setTimeout, which knows no
 * other; they are the same in each run.
 */
import { AsyncResource } from 'node:async_hooks';
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

/** What a timer costs whose callback finds its AsyncLocalStorage, before anything makes it one: no due time, no order, no clock. */
class Resource extends AsyncResource {
  /** @param {number} slot @param {() => void} callback */
  constructor(slot, callback) {
    super('Resource');
    this.slot = slot;
    this.callback = callback;
  }
}

/**
 * Which of the timers fire, in the order in which they are due and, among equals, were set. All of them are numbers: objects
 * would be garbage of the measurement.
 */
function dueOrder() {
  const start = seed;
  const keys = new Float64Array(count - Math.floor(count / 2));
  for (let slot = 0; slot < count; slot++) {
    const delay = nextDelay();
    if (slot % 2 === 0) keys[slot / 2] = delay * count + slot;
  }
  seed = start;
  return Uint32Array.from(keys.sort(), (key) => key % count);
}

const order = values.by === 'AsyncResource' ? dueOrder() : new Uint32Array();
const before = process.cpuUsage();
function report() {
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ timers: count, milliseconds: (user + system) / 1000 }));
}

if (values.by === 'setTimeout') {
  load((delay, callback) => setTimeout(callback, delay), clearTimeout, report);
} else if (values.by === 'AsyncResource') {
  /** @type {(Resource | null)[]} */
  const resources = [];
  load(
    (_delay, callback) => {
      const resource = new Resource(resources.length, callback);
      resources.push(resource);
      return resource;
    },
    ({ slot }) => {
      resources[slot] = null;
    },
    report,
  );
  for (const slot of order) {
    const resource = /** @type {Resource} */ (resources[slot]);
    resources[slot] = null;
    resource.runInAsyncScope(resource.callback);
  }
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
