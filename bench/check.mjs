/**
 * Holds a quick run against what is promised (targets.mjs).
 *
 *   npm run bench:check -- [--from FILE] [CELL…]
 *
 * A quick run is short and the machine a shared one: a cell in which something falls short by it, is close to its bound,
 * or could not be measured takes two further passes, always both, and the median of the rounds of all three decides. A
 * pass in which something failed decides nothing. With `--from`, the results in a file are judged as they are. Exit code
 * 1: a target was missed, or could not be measured, as where its rival is not installed, or something failed; a table
 * on standard output says which, and standard error what failed. Where none was, the table has them all.
 */
import { pinningLine, twoCores } from './support/machine.mjs';
import { allRoundsOf, failuresOf, measureCells } from './support/measuring.mjs';
import { commandLine, refuse } from './support/options.mjs';
import { readResults } from './support/results-file.mjs';
import { targetTable } from './support/target-table.mjs';
import { cellOfTarget, judge } from './support/verdicts.mjs';
import { targets } from './targets.mjs';

/**
 * @typedef {object} Checked
 * @property {[number, number] | null} [cores]
 * @property {import('./support/results.mjs').Group[]} groups
 * @property {string[]} failures
 */

/** Odd, with the first: as many rounds again on either side would leave the last word to a draw. */
const FURTHER_PASSES = 2;

const USAGE = 'npm run bench:check -- [--from FILE] [CELL…]';
const { values, chosen } = commandLine(USAGE, { from: { type: 'string' } });
const promised = targets.filter((target) => !target.absolute && chosen.includes(cellOfTarget(target)));
if (promised.length === 0) refuse(`nothing is promised of ${chosen.join(', ')}`, USAGE);
const { cores, groups, failures } = values.from === undefined ? await measure() : read(values.from);
for (const failure of failures) console.error(`failed: ${failure}`);
if (cores === null) console.error(pinningLine(cores));
const verdicts = promised.map((target) => judge(target, groups));
const short = verdicts.filter(({ word }) => word !== 'met');
const all = promised.length;
const summary =
  short.length === 0 ? `${all} of ${all} targets hold` : `${short.length} of ${all} targets fall short`;
console.log(`${summary}:\n\n${targetTable(short.length === 0 ? verdicts : short, groups)}`);
if (short.length > 0 || failures.length > 0) process.exitCode = 1;

/** @type {(file: string) => Checked} */
function read(file) {
  const results = readResults(file);
  return { ...results, failures: failuresOf(results) };
}

/**
 * A quick pass of the cells that have targets, and more of those that are in doubt after it.
 *
 * @returns {Promise<Checked>}
 */
async function measure() {
  /** @type {import('./support/cell.mjs').Setting} */
  const setting = { pass: 'quick', cores: twoCores() };
  const names = chosen.filter((name) => promised.some((target) => cellOfTarget(target) === name));
  const first = await measureCells(names, setting);
  const doubtful = promised.map((target) => judge(target, first.groups)).filter(isInDoubt);
  const again = names.filter((name) => doubtful.some(({ target }) => cellOfTarget(target) === name));
  const passes = [first];
  if (again.length > 0) {
    console.error(`measured again, ${FURTHER_PASSES} passes more: ${again.join(', ')}`);
    while (passes.length <= FURTHER_PASSES) passes.push(await measureCells(again, setting));
  }
  const groups = names.flatMap((name) => allRoundsOf(name, passes));
  return { cores: setting.cores, groups, failures: passes.flatMap(failuresOf) };
}

/** What is counted is not counted again until it fits, nor is looked for again what is not installed. */
/** @type {(verdict: import('./support/verdicts.mjs').Verdict) => boolean} */
function isInDoubt({ target, word, missing, close }) {
  if (word === 'not measured') return missing === undefined;
  return !target.every && (word === 'NOT met' || close === true);
}
