/** What a run found, written into a folder: results.json, RESULTS.md and figures/. */
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reportOf } from './report.mjs';
import { readResults, textOf } from './results-file.mjs';

/** @typedef {import('./results.mjs').Results} Results */
/** @typedef {import('./report.mjs').Drawing} Drawing */

const RESULTS = 'results.json';
const REPORT = 'RESULTS.md';
const FIGURES = 'figures';

/**
 * Makes sure, before anything is measured, that results can be written, and that nothing is lost by it: those of a full
 * pass are replaced by a full pass of the same cells only.
 *
 * @param {string} folder
 * @param {Pick<Results, 'pass' | 'cells'>} run - that is about to begin.
 * @throws where they cannot or must not.
 */
export function prepare(folder, { pass, cells }) {
  mkdirSync(folder, { recursive: true });
  accessSync(folder, constants.W_OK);
  const file = join(folder, RESULTS);
  if (!existsSync(file)) return;
  accessSync(file, constants.W_OK);
  const present = readResults(file);
  if (present.pass !== 'full') return;
  const lost = present.cells.filter((name) => pass !== 'full' || !cells.includes(name));
  if (lost.length === 0) return;
  throw new Error(
    `${file} has a full pass of ${lost.join(', ')}, and would lose it: name another folder by --out`,
  );
}

/** @type {(results: Results, folder: string) => void} */
export function store(results, folder) {
  writeFileSync(join(folder, RESULTS), textOf(results));
}

/**
 * Makes RESULTS.md and the figures anew: the tables first, so that they are there whatever becomes of the figures.
 *
 * @param {string} folder - with results.json.
 * @returns {Promise<string>} what RESULTS.md says.
 */
export async function report(folder) {
  const results = readResults(join(folder, RESULTS));
  const file = join(folder, REPORT);
  const shown = figuresShownBy(file);
  const tables = reportOf(results, []);
  writeFileSync(file, tables);
  const drawings = await draw(results);
  if (drawings === null) return tables;
  const figures = join(folder, FIGURES);
  for (const name of shown) rmSync(join(figures, name), { force: true });
  if (drawings.length > 0) mkdirSync(figures, { recursive: true });
  for (const { name, svg } of drawings) writeFileSync(join(figures, `${name}.svg`), svg);
  const text = reportOf(results, drawings);
  writeFileSync(file, text);
  return text;
}

/** The files of the report before: a folder of figures may have others, which are not ours. @param {string} file */
function figuresShownBy(file) {
  if (!existsSync(file)) return [];
  return [...readFileSync(file, 'utf8').matchAll(/\]\(figures\/([\w-]+\.svg)\)/g)].map(
    ([, name = '']) => name,
  );
}

/**
 * Tables need nothing; what draws the figures may not be installed.
 *
 * @param {Results} results
 * @returns {Promise<Drawing[] | null>} `null`: nothing could be drawn.
 */
async function draw(results) {
  try {
    const { drawFigures } = await import('../charts/index.mjs');
    return await drawFigures(results);
  } catch (error) {
    const { message, stack } = /** @type {Error} */ (error);
    // A module that is missing is called by its path, and then it is one of ours.
    if (message.startsWith('Cannot find package')) {
      console.error(`no figures: ${message.split('\n', 1)[0]}; npm ci --prefix bench`);
    } else {
      console.error(`no figures: ${stack}`);
      process.exitCode = 1;
    }
    return null;
  }
}
