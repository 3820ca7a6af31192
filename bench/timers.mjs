/**
 * Measures the reactor's timers beside Node's own: what a million of them cost, and how exact one is.
 *
 *   npm run bench:timers -- [--count 1000000] [--times 1000] [--rounds 5] [--out FILE.json]
 *
 * Each turn is a process of its own on one core, the rivals take turns, and a result is the median of the per-round
 * ratios, with the least and the greatest beside it. The tables go to standard output, progress to standard error, raw
 * samples to `--out`. Exit code 1: a timer was early, or something could not be measured.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measureTimerCrowd } from './cells/timer-crowd.mjs';
import { measureTimerPrecision } from './cells/timer-precision.mjs';
import { Attempts } from './support/attempts.mjs';
import { describeMachine, machineLine, twoCores } from './support/machine.mjs';
import { positive } from './support/options.mjs';

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    times: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
    out: { type: 'string' },
  },
});
const count = positive('count', options.count);
const times = positive('times', options.times);
const rounds = positive('rounds', options.rounds);
const core = twoCores()?.[0];
const attempts = new Attempts();
const machine = describeMachine();

console.log(machineLine(machine));
console.log(`${core === undefined ? 'not pinned' : `on core ${core}`}\n`);
const crowd = await measureTimerCrowd({ count, rounds, core }, attempts);
console.log(`${crowd.text}\n`);
const precision = await measureTimerPrecision({ times, rounds, core }, attempts);
console.log(precision.text);

if (options.out !== undefined) {
  const measured = {
    crowd: Object.fromEntries(crowd.measured),
    precision: Object.fromEntries(precision.measured),
    failures: Object.fromEntries(attempts.failures),
  };
  writeFileSync(options.out, `${JSON.stringify({ machine, core, options, ...measured }, null, 2)}\n`);
}
attempts.conclude();
