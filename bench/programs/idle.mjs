/**
 * What one wait costs when one descriptor is ready and others are registered, but idle.
 *
 *   node bench/programs/idle.mjs [--backend epoll] [--idle 10] [--samples 9] [--milliseconds 20]
 *
 * Prints one line of JSON: `microseconds` of CPU time, user and system, for each `selector.dispatch(0, …)`. It is the
 * median of the samples, each of so many milliseconds.
 */
import { parseArgs } from 'node:util';
import { AF_UNIX, createSelector, EVENT_READ, SOCK_DGRAM, Socket } from '../../dist/lib/index.js';
import { cpuTimeOf } from '../support/cpu-time.mjs';

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'epoll' },
    idle: { type: 'string', default: '10' },
    samples: { type: 'string', default: '9' },
    milliseconds: { type: 'string', default: '20' },
  },
});

const selector = createSelector(/** @type {import('../../dist/lib/index.js').Backend} */ (values.backend));
// A socket without a name or a peer: nobody can ever send to it.
for (let count = 0; count < Number(values.idle); count++) {
  selector.register(new Socket(AF_UNIX, SOCK_DGRAM), EVENT_READ);
}
// Never read, so each wait reports it.
const [ready, peer] = Socket.pair();
peer.send(Buffer.from('x'));
selector.register(ready, EVENT_READ);

let waits = 0;
let delivered = 0;
const handler = () => {
  delivered++;
};
const { microseconds } = cpuTimeOf(
  () => {
    waits++;
    selector.dispatch(0, handler);
  },
  { samples: Number(values.samples), milliseconds: Number(values.milliseconds) },
);
if (delivered !== waits) throw new Error(`${waits} waits delivered ${delivered} events`);
console.log(JSON.stringify({ waits, microseconds }));
