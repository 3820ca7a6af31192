/**
 * Measures iomux beside its rivals.
 *
 *   npm run bench -- [--quick | --pass full|quick|moment] [--out DIR] [CELL…]
 *
 * Writes DIR/results.json, which has the raw samples, and of it DIR/RESULTS.md and DIR/figures; the tables go to
 * standard output too, progress to standard error. A full pass takes about a quarter of an hour, a quick one two minutes.
 * Exit code 1: something that can be measured here could not be.
 */

import { describeMachine, twoCores } from './support/machine.mjs';
import { failuresOf, measureCells } from './support/measuring.mjs';
import { commandLine, refuse } from './support/options.mjs';
import { publish } from './support/publish.mjs';
import { rivalVersions } from './support/rivals.mjs';

const USAGE = 'npm run bench -- [--quick | --pass full|quick|moment] [--out DIR] [CELL…]';
const { values, chosen } = commandLine(USAGE, {
  quick: { type: 'boolean', default: false },
  pass: { type: 'string' },
  out: { type: 'string', default: '.cache/bench' },
});
if (values.quick && values.pass !== undefined) refuse('--quick is --pass quick: one of them will do', USAGE);
const pass = values.pass ?? (values.quick ? 'quick' : 'full');
if (pass !== 'full' && pass !== 'quick' && pass !== 'moment') refuse(`there is no pass '${pass}'`, USAGE);

const machine = describeMachine();
const versions = rivalVersions();
const measured = await measureCells(chosen, { pass, cores: twoCores() });
const results = { machine, versions, pass, cells: chosen, ...measured };
console.log(await publish(results, values.out));
console.error(`written to ${values.out}`);
const failures = failuresOf(results);
for (const failure of failures) console.error(`failed: ${failure}`);
if (failures.length > 0) process.exitCode = 1;
