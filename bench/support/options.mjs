/** What a benchmark is asked for on its command line. */
import { parseArgs } from 'node:util';
import { cells } from '../cells/index.mjs';

/**
 * Options, and the cells that are named after them: all of them unless told. For what there is not, the program ends
 * with exit code 1 and says what there is.
 *
 * @template {NonNullable<import('node:util').ParseArgsConfig['options']>} Options
 * @param {string} usage
 * @param {Options} options
 */
export function commandLine(usage, options) {
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const unknown = positionals.find((name) => !Object.hasOwn(cells, name));
    if (unknown !== undefined) throw new TypeError(`there is no cell '${unknown}'`);
    const chosen = Object.keys(cells).filter(
      (name) => positionals.length === 0 || positionals.includes(name),
    );
    return { values, chosen };
  } catch (error) {
    return refuse(/** @type {Error} */ (error).message, usage);
  }
}

/**
 * @param {string} reason
 * @param {string} usage
 * @returns {never}
 */
export function refuse(reason, usage) {
  const list = Object.entries(cells).map(([name, question]) => `  ${name.padEnd(14)}${question}`);
  console.error(`${reason}\n\nusage: ${usage}\n\ncells, all unless told:\n${list.join('\n')}`);
  return process.exit(1);
}
