/** RESULTS.md: everything that a run found, for whoever reads it. */
import { cells } from '../cells/index.mjs';
import { targets } from '../targets.mjs';
import { groupTable } from './group-table.mjs';
import { machineLine, pinningLine } from './machine.mjs';
import { originLine } from './origin.mjs';
import { targetTable } from './target-table.mjs';
import { cellOfTarget, judge } from './verdicts.mjs';

/** @typedef {import('./results.mjs').Results} Results */
/** @typedef {{ name: string, title: string, alt: string, svg: string, cell: string }} Drawing */

/** @type {Readonly<Record<string, string>>} */
const PASSES = {
  quick: 'A quick pass: its rounds are few and short.',
  moment: 'A pass of a moment, which shows that everything runs: its figures mean nothing.',
};
const METHOD = `Rivals take turns, round by round, each a process of its own: ÷ is the median of the ratios of each round, with
the least and the greatest beside it, so that what slows a whole round down cancels out. Other figures are medians of
the rounds unless their title says otherwise. The machine is a shared one: it is the ratios that count.`;
const TARGETS_NOTE = `What is always promised holds in each round, all else in the median of the rounds. A time of this machine,
and no ratio, is left out by \`npm run bench:check\`; what is not measured, as where a rival is not installed, does not
hold there.`;

/**
 * @param {Results} results
 * @param {readonly Drawing[]} drawings - their files are in figures/.
 */
export function reportOf(results, drawings) {
  const { machine, cores, versions = {}, groups } = results;
  const promised = targets.filter((target) => results.cells.includes(cellOfTarget(target)));
  const verdicts = promised.map((target) => judge(target, groups));
  const sections = results.cells.map((name) => sectionOf(name, results, drawings));
  return `${[
    '# Results',
    'Written by `npm run bench`, not by hand; the raw samples are in [results.json](results.json).',
    originLine(results),
    [`${machineLine(machine)}.`, pinningLine(cores)].join(' ').trimEnd(),
    versionsLine(versions),
    ...provisos(results),
    METHOD,
    ...(verdicts.length === 0 ? [] : ['## Targets', targetTable(verdicts, groups), TARGETS_NOTE]),
    ...sections.flat(),
  ].join('\n\n')}\n`;
}

/** @param {Readonly<Record<string, string>>} versions */
function versionsLine(versions) {
  const installed = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `Rivals: ${installed.length === 0 ? 'none is installed' : installed.join(', ')}.`;
}

/**
 * What keeps this run from being all that there is to say.
 *
 * @param {Results} results
 */
function provisos({ pass, cells: measured }) {
  const said = PASSES[pass] === undefined ? [] : [PASSES[pass]];
  const left = Object.keys(cells).filter((name) => !measured.includes(name));
  if (left.length > 0) said.push(`Only some cells were measured in this run, not ${left.join(', ')}.`);
  return said;
}

/**
 * @param {string} name - of a cell.
 * @param {Results} results
 * @param {readonly Drawing[]} drawings
 * @returns {string[]}
 */
function sectionOf(name, { groups, failures = {} }, drawings) {
  const question = /** @type {Readonly<Record<string, string>>} */ (cells)[name] ?? '';
  const failure = failures[name];
  const tables = groups
    .filter(({ cell }) => cell === name)
    .flatMap((group) => [
      `### ${group.title}`,
      groupTable(group, groups),
      ...(group.note === undefined ? [] : [group.note]),
    ]);
  const figures = drawings.filter(({ cell }) => cell === name);
  return [
    `## ${name}`,
    question,
    ...(failure === undefined ? [] : [`It failed: ${failure}`]),
    ...figures.map(({ name: file, alt }) => `![${alt}](figures/${file}.svg)`),
    ...tables,
  ].filter((paragraph) => paragraph !== '');
}
