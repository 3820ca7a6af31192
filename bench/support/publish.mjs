/** What a run found, written into a folder: results.json, RESULTS.md and figures/. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reportOf } from './report.mjs';
import { readResults, textOf } from './results-file.mjs';

/** @typedef {import('./results.mjs').Results} Results */

/**
 * The report is made of what the file has, as it is when it is made anew.
 *
 * @param {Results} results
 * @param {string} folder
 */
export function publish(results, folder) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'results.json'), textOf(results));
  return report(folder);
}

/**
 * Makes RESULTS.md and the figures anew.
 *
 * @param {string} folder - with results.json.
 * @returns {Promise<string>} what RESULTS.md says.
 */
export async function report(folder) {
  const results = readResults(join(folder, 'results.json'));
  const drawings = await draw(results);
  const figures = join(folder, 'figures');
  rmSync(figures, { recursive: true, force: true });
  if (drawings.length > 0) mkdirSync(figures);
  for (const { name, svg } of drawings) writeFileSync(join(figures, `${name}.svg`), svg);
  const text = reportOf(results, drawings);
  writeFileSync(join(folder, 'RESULTS.md'), text);
  return text;
}

/**
 * Tables need nothing; what draws the figures may not be installed.
 *
 * @param {Results} results
 */
async function draw(results) {
  const { drawFigures } = await import('../charts/index.mjs');
  try {
    return await drawFigures(results);
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code !== 'ERR_MODULE_NOT_FOUND') throw error;
    console.error(`no figures: ${message.split('\n', 1)[0]}; npm ci --prefix bench`);
    return [];
  }
}
