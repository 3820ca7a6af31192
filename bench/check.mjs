/**
 * Holds a quick run against what is promised (targets.mjs).
 *
 *   npm run bench:check -- [--from FILE] [CELL…]
 *
 * A quick run is short and the machine a shared one: what falls short by it is measured by two further passes, always
 * both, and the median of the rounds of all three decides. With `--from`, the results in a file are judged as they are.
 * Exit code 1: a target was missed, or could not be measured; a table on standard output says which.
 */
import { twoCores } from './support/machine.mjs';
import { failuresOf, measureCells, withRounds } from './support/measuring.mjs';
import { commandLine } from './support/options.mjs';
import { readResults } from './support/results-file.mjs';
import { targetTable } from './support/target-table.mjs';
import { cellOfTarget, judge } from './support/verdicts.mjs';
import { targets } from './targets.mjs';

/** Odd, with the first: as many rounds again on either side would leave the last word to a draw. */
const FURTHER_PASSES = 2;

const { values, chosen } = commandLine('npm run bench:check -- [--from FILE] [CELL…]', {
  from: { type: 'string' },
});
const promised = targets.filter((target) => !target.absolute && chosen.includes(cellOfTarget(target)));
const { groups, failures } = values.from === undefined ? await measure() : readResults(values.from);
for (const failure of failuresOf({ groups, failures: failures ?? {} })) console.error(`failed: ${failure}`);
const short = promised.map((target) => judge(target, groups)).filter(({ word }) => word !== 'met');
if (short.length === 0) {
  console.log(`all ${promised.length} targets hold`);
} else {
  console.log(`${short.length} of ${promised.length} targets fall short:\n\n${targetTable(short, groups)}`);
  process.exitCode = 1;
}

/** A quick pass of the cells that have targets, and more of those that fall short by it. */
async function measure() {
  /** @type {import('./support/cell.mjs').Setting} */
  const setting = { pass: 'quick', cores: twoCores() };
  const names = chosen.filter((name) => promised.some((target) => cellOfTarget(target) === name));
  let { groups, failures } = await measureCells(names, setting);
  const doubtful = promised.filter((target) => !target.every && judge(target, groups).word === 'NOT met');
  const again = names.filter((name) => doubtful.some((target) => cellOfTarget(target) === name));
  if (again.length === 0) return { groups, failures };
  console.error(`measured again, ${FURTHER_PASSES} passes more: ${again.join(', ')}`);
  for (let pass = 0; pass < FURTHER_PASSES; pass++) {
    const more = await measureCells(again, setting);
    groups = withRounds(groups, more.groups);
    failures = { ...failures, ...more.failures };
  }
  return { groups, failures };
}
