/** Rivals in turn, round by round: A B C A B C …, so that all meet the same disturbances of a shared machine. */
import { fileURLToPath } from 'node:url';
import { measure } from './programs.mjs';

/** @typedef {import('./results.mjs').Sample} Sample */
/** @typedef {import('./results.mjs').Row} Row */
/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {string | undefined} [missing] - it is not installed, and this is how it would be.
 * @property {(round: number) => Promise<Sample>} turn - round 0 is the warm-up.
 */

/**
 * After one round that leaves no sample. One that fails is named in its row, and takes no further turns; the others go
 * on.
 *
 * @param {string} title - for the progress, on standard error.
 * @param {readonly Contender[]} contenders
 * @param {number} rounds
 * @returns {Promise<Row[]>}
 */
export async function inRounds(title, contenders, rounds) {
  /** @type {Row[]} */
  const rows = contenders.map(({ name, missing }) => ({
    name,
    samples: [],
    ...(missing === undefined ? {} : { missing }),
  }));
  for (let round = 0; round <= rounds; round++) {
    console.error(`${title}: ${round === 0 ? 'warm-up' : `round ${round}/${rounds}`}`);
    for (const [index, { turn }] of contenders.entries()) {
      const row = rows[index];
      if (row === undefined || row.missing !== undefined || row.failure !== undefined) continue;
      try {
        const sample = await turn(round);
        if (round > 0) row.samples.push(sample);
      } catch (error) {
        row.failure = /** @type {Error} */ (error).message;
        console.error(`${title}: ${row.name}: ${row.failure}`);
      }
    }
  }
  return rows;
}

/**
 * A contender that is a program of bench/, started anew for each turn; it prints its sample as a line of JSON.
 *
 * @param {string} name
 * @param {string} script - in bench/: 'programs/timers.mjs'.
 * @param {readonly string[]} args
 * @param {number | undefined} core - the one core it may use.
 * @returns {Contender}
 */
export function programOf(name, script, args, core) {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  return { name, turn: () => measure([process.execPath, path, ...args], core) };
}
