/**
 * Measures iomux beside its rivals.
 *
 *   npm run bench -- [--quick | --pass full|quick|moment] [--out DIR] [CELL…]
 *
 * Writes DIR/results.json, which has the raw samples, after each cell, and of it at the end DIR/RESULTS.md and
 * DIR/figures; the tables go to standard output too, progress to standard error. A full pass takes about 22 minutes,
 * a quick one five. What a full pass found is not replaced by less than that. Exit code 1: something that can be
 * measured here could not be.
 */
import { describeMachine, twoCores } from './support/machine.mjs';
import { failuresOf, measureCells } from './support/measuring.mjs';
import { commandLine, refuse } from './support/options.mjs';
import { describeOrigin } from './support/origin.mjs';
import { prepare, report, store } from './support/publish.mjs';
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
try {
  prepare(values.out, { pass, cells: chosen });
} catch (error) {
  refuse(/** @type {Error} */ (error).message, USAGE);
}

const cores = twoCores();
const setting = { ...describeOrigin(), machine: describeMachine(), cores, versions: rivalVersions(), pass };
const measured = await measureCells(chosen, { pass, cores }, (cells) =>
  store({ ...setting, ...cells }, values.out),
);
console.log(await report(values.out));
console.error(`written to ${values.out}`);
const failures = failuresOf(measured);
for (const failure of failures) console.error(`failed: ${failure}`);
if (failures.length > 0) process.exitCode = 1;
