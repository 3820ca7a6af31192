/**
 * How exactly a timer keeps its time, one after the other.
 *
 *   node bench/programs/precision.mjs --by setTimeout|hosted|blocking [--delay 0.1] [--times 1000]
 *
 * Prints one line of JSON, in microseconds by a clock that is not the timer's own: how much later than they should the
 * timers fired, the `earliest` of them (negative: before its time), `p50` and `p99`.
 */
import { parseArgs } from 'node:util';
import { Reactor } from '../../dist/lib/index.js';
import { quantile } from '../support/statistics.mjs';

const { values } = parseArgs({
  options: {
    by: { type: 'string', default: 'hosted' },
    delay: { type: 'string', default: '1' },
    times: { type: 'string', default: '1000' },
  },
});
const delay = Number(values.delay);
const times = Number(values.times);
// Until V8 has compiled what is measured.
const WARM_UP = Math.ceil(times / 10);

/**
 * @param {(callback: () => void) => void} set
 * @param {() => void} done
 */
function measure(set, done) {
  /** @type {number[]} */
  const overshoots = [];
  let start = process.hrtime.bigint();
  const fire = () => {
    const elapsed = Number(process.hrtime.bigint() - start) / 1000;
    overshoots.push(elapsed - 1000 * delay);
    if (overshoots.length < WARM_UP + times) next();
    else {
      report(overshoots);
      done();
    }
  };
  const next = () => {
    start = process.hrtime.bigint();
    set(fire);
  };
  next();
}

/** @param {readonly number[]} overshoots */
function report(overshoots) {
  const measured = overshoots.slice(WARM_UP);
  // One that was early is not forgiven because it was among the first.
  const earliest = Math.min(...overshoots);
  console.log(JSON.stringify({ earliest, p50: quantile(measured, 0.5), p99: quantile(measured, 0.99) }));
}

if (values.by === 'setTimeout') {
  measure(
    (callback) => setTimeout(callback, delay),
    () => {},
  );
} else {
  const reactor = new Reactor();
  measure(
    (callback) => reactor.callLater(delay, callback),
    () => reactor.stop(),
  );
  if (values.by === 'hosted') await reactor.run();
  else reactor.runForever();
  reactor.close();
}
