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
    const help = { type: /** @type {const} */ ('boolean'), short: 'h' };
    const { values, positionals } = parseArgs({ options: { ...options, help }, allowPositionals: true });
    if ('help' in values && values.help) {
      console.log(instructions(usage));
      process.exit();
    }
    const unknown = positionals.find((name) => !Object.hasOwn(cells, name));
    if (unknown !== undefined) throw new TypeError(`there is no cell '${unknown}'`);
    const chosen = Object.keys(cells).filter(
      (name) => positionals.length === 0 || positionals.includes(name),
    );
    return { values, chosen };
  } catch (error) {
    // Node.js goes on with how to have words that look like options, of which there are none here.
    const [reason = ''] = /** @type {Error} */ (error).message.split('. ', 1);
    return refuse(reason, usage);
  }
}

/**
 * @param {string} reason
 * @param {string} usage
 * @returns {never}
 */
export function refuse(reason, usage) {
  console.error(`${reason}\n\n${instructions(usage)}`);
  return process.exit(1);
}

/** @param {string} usage */
function instructions(usage) {
  const list = Object.entries(cells).map(([name, question]) => `  ${name.padEnd(14)}${question}`);
  return `usage: ${usage}\n\ncells, all unless told:\n${list.join('\n')}`;
}
