/**
 * Measures echo servers on `selector.dispatch`, on reactor watchers, on transports and on streams beside the same loop in
 * C, beside node:net and uvloop; what descriptors that are merely registered cost a wait; and what a connection that is
 * merely open costs in memory.
 *
 *   npm run bench:echo -- [--connections 64] [--size 1024] [--seconds 0.15] [--warmup 2] [--rounds 101]
 *                         [--backend epoll]… [--idle 10]… [--open 10000] [--out FILE.json]
 *
 * Each server is a process of its own on one core, each meets the same load generator on another: a closed loop that
 * verifies every byte. They take short turns, so that all meet the same disturbances of a shared machine; a result is
 * the median of the per-round ratios, with the least and the greatest beside it. The tables go to standard output,
 * progress to standard error, raw samples to `--out`. Exit code 1: something that is promised here could not be
 * measured.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { selectorBackends } from '../dist/lib/index.js';
import { echoRivals, measureEcho } from './cells/echo.mjs';
import { measureIdle } from './cells/idle.mjs';
import { measureMemory } from './cells/memory.mjs';
import { measureRoundTrip, roundTripRivals } from './cells/round-trip.mjs';
import { C_LOOP } from './cells/servers.mjs';
import { Attempts } from './support/attempts.mjs';
import { buildBaseline } from './support/baseline.mjs';
import { describeMachine, machineLine, twoCores } from './support/machine.mjs';
import { positive } from './support/options.mjs';

const { values: options } = parseArgs({
  options: {
    connections: { type: 'string', default: '64' },
    size: { type: 'string', default: '1024' },
    seconds: { type: 'string', default: '0.15' },
    warmup: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '101' },
    backend: { type: 'string', multiple: true },
    idle: { type: 'string', multiple: true, default: ['10', '1000', '9000'] },
    open: { type: 'string', default: '10000' },
    out: { type: 'string' },
  },
});
const cores = twoCores();
const load = {
  title: 'echo',
  connections: positive('connections', options.connections),
  size: positive('size', options.size),
  seconds: positive('seconds', options.seconds),
  warmup: Number(options.warmup),
  rounds: positive('rounds', options.rounds),
  cores,
};
const rivals = echoRivals(load, options.backend);
const attempts = new Attempts();
const machine = describeMachine();

const { connections, size, seconds, rounds } = load;
const pinned = cores === null ? 'not pinned' : `server on core ${cores[0]}, load on core ${cores[1]}`;
console.log(machineLine(machine));
console.log(`${connections} connections, ${size} bytes, ${rounds} rounds of ${seconds} s; ${pinned}\n`);

const reason = buildBaseline();
if (reason !== null) {
  for (const { name } of [...rivals, ...roundTripRivals]) {
    attempts.failures.set(name, 'not measured: the load generator is a C program');
  }
  attempts.failures.set(C_LOOP, reason);
}
const echo = await measureEcho(rivals, load, attempts);
console.log(`${echo.text}\n`);
// Round trips are the same in each round or disturbed; a few tell which.
const roundTrip = await measureRoundTrip({ ...load, rounds: Math.min(rounds, 31) }, attempts);
console.log(`${roundTrip.text}\n`);
// Each round of these is a new process, and the median of several samples already.
const few = { rounds: Math.min(rounds, 5), cores };
const idle = await measureIdle(options.backend ?? selectorBackends(), options.idle, few, attempts);
console.log(`${idle.text}\n`);
const memory = await measureMemory({ ...few, connections: positive('open', options.open) }, attempts);
console.log(memory.text);

if (options.out !== undefined) {
  const measured = {
    echo: Object.fromEntries(echo.samples),
    roundTrip: Object.fromEntries(roundTrip.samples),
    idle: idle.cells,
    memory: Object.fromEntries(memory.samples),
    failures: Object.fromEntries(attempts.failures),
  };
  writeFileSync(options.out, `${JSON.stringify({ machine, cores, options, ...measured }, null, 2)}\n`);
}
attempts.conclude();
