/**
 * What one wait costs when one descriptor is ready and others are registered, but idle.
 *
 *   node bench/programs/idle.mjs --backend epoll --idle 9000 [--samples 9]
 *
 * Prints one line of JSON: `microseconds` of CPU time, user and system, for each `selector.dispatch(0, …)`. It is the
 * median of the samples; a sample is as many waits as fit into 20 ms.
 */
import { parseArgs } from 'node:util';
import { AF_UNIX, createSelector, EVENT_READ, SOCK_DGRAM, Socket } from '../../dist/lib/index.js';
import { spreadOf } from '../support/statistics.mjs';

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'epoll' },
    idle: { type: 'string', default: '10' },
    samples: { type: 'string', default: '9' },
  },
});
const idle = Number(values.idle);
const SAMPLE_MICROSECONDS = 20_000;

const selector = createSelector(/** @type {import('../../dist/lib/index.js').Backend} */ (values.backend));
// A socket without a name or a peer: nobody can ever send to it.
for (let count = 0; count < idle; count++) {
  selector.register(new Socket(AF_UNIX, SOCK_DGRAM), EVENT_READ);
}
// Never read, so each wait reports it.
const [ready, peer] = Socket.pair();
peer.send(Buffer.from('x'));
selector.register(ready, EVENT_READ);

let delivered = 0;
const handler = () => {
  delivered++;
};

/** @param {number} waits */
function microsecondsOf(waits) {
  const before = process.cpuUsage();
  for (let wait = 0; wait < waits; wait++) selector.dispatch(0, handler);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

// Until V8 has compiled the loop, and to learn how many waits fill a sample.
let waits = 1;
let spent = 0;
for (; spent < SAMPLE_MICROSECONDS; waits *= 2) spent = microsecondsOf(waits);
const perSample = Math.max(1, Math.round(((waits / 2) * SAMPLE_MICROSECONDS) / spent));

const before = delivered;
const samples = Array.from({ length: Number(values.samples) }, () => microsecondsOf(perSample) / perSample);
if (delivered - before !== perSample * samples.length) {
  throw new Error(`${perSample * samples.length} waits delivered ${delivered - before} events`);
}
console.log(JSON.stringify({ waits: perSample, microseconds: spreadOf(samples).median }));
