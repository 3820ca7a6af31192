/** What was measured, and when: results must tell whether they are of the code that they stand beside. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} Origin
 * @property {string} version - of iomux.
 * @property {string} [commit] - as git describes it, where it is of a repository.
 * @property {string} date - ISO 8601, when the run began.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));

/** @returns {Origin} */
export function describeOrigin() {
  const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  const commit = describeCommit();
  return { version, ...(commit === '' ? {} : { commit }), date: new Date().toISOString() };
}

/** @param {Partial<Origin>} origin - results of before it was noted have none. */
export function originLine({ version = 'of an unknown version', commit, date }) {
  const source = commit === undefined ? version : `${version} (${commit})`;
  return `iomux ${source}${date === undefined ? '' : `, measured on ${date.slice(0, 'yyyy-mm-dd'.length)}`}.`;
}

/** @returns {string} empty where there is no git, or no repository. */
function describeCommit() {
  const args = ['-C', root, 'describe', '--always', '--dirty'];
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}
