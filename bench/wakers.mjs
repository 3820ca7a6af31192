/**
 * Measures what crosses threads: wakes, of which none may be lost, round trips, and messages.
 *
 *   npm run bench:wakers -- [--workers 4] [--wakes 100000] [--times 10000] [--count 100000] [--rounds 5]
 *                           [--out FILE.json]
 *
 * Each turn is a process of its own, the rivals take turns, and a result is the median of the rounds or of their
 * ratios, with the least and the greatest beside it. The threads of a process are not pinned: which of them share a
 * core is a part of what they cost. The tables go to standard output, progress to standard error, raw samples to
 * `--out`. Exit code 1: a wake or a message was lost, or something could not be measured.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measurePosts } from './cells/posts.mjs';
import { measureThreadRoundTrips } from './cells/thread-round-trips.mjs';
import { measureWakes } from './cells/wakes.mjs';
import { Attempts } from './support/attempts.mjs';
import { describeMachine, machineLine } from './support/machine.mjs';
import { positive } from './support/options.mjs';

const { values: options } = parseArgs({
  options: {
    workers: { type: 'string', default: '4' },
    wakes: { type: 'string', default: '100000' },
    times: { type: 'string', default: '10000' },
    count: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '5' },
    out: { type: 'string' },
  },
});
const workers = positive('workers', options.workers);
const wakes = positive('wakes', options.wakes);
const times = positive('times', options.times);
const count = positive('count', options.count);
const rounds = positive('rounds', options.rounds);
const attempts = new Attempts();
const machine = describeMachine();

console.log(`${machineLine(machine)}\n`);
const storm = await measureWakes({ workers, wakes, rounds }, attempts);
console.log(`${storm.text}\n`);
const roundTrips = await measureThreadRoundTrips({ times, rounds }, attempts);
console.log(`${roundTrips.text}\n`);
const posts = await measurePosts({ count, rounds }, attempts);
console.log(posts.text);

if (options.out !== undefined) {
  const measured = {
    wakes: Object.fromEntries(storm.measured),
    roundTrips: Object.fromEntries(roundTrips.measured),
    posts: Object.fromEntries(posts.measured),
    failures: Object.fromEntries(attempts.failures),
  };
  writeFileSync(options.out, `${JSON.stringify({ machine, options, ...measured }, null, 2)}\n`);
}
attempts.conclude();
