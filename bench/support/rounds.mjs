/** Rival programs in turn, round by round, each started anew for each turn. */
import { fileURLToPath } from 'node:url';
import { measure } from './programs.mjs';

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {string} script - in bench/programs.
 * @property {string[]} args
 */
/** @typedef {Map<string, Record<string, number>[]>} Rounds - by name, what was measured in each round. */

/**
 * After one round that is not counted: it fills the caches of the disk and the processor.
 *
 * @param {string} title - for the progress.
 * @param {readonly Contender[]} contenders
 * @param {{ rounds: number, core: number | undefined }} options
 * @param {import('./attempts.mjs').Attempts} attempts
 * @returns {Promise<Rounds>}
 */
export async function inRounds(title, contenders, { rounds, core }, attempts) {
  /** @type {Rounds} */
  const measured = new Map(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    console.error(`${title} ${round === 0 ? 'warm-up' : `round ${round}/${rounds}`}`);
    for (const { name, script, args } of contenders) {
      const path = fileURLToPath(new URL(`../programs/${script}`, import.meta.url));
      const result = await attempts.attempt(name, () => measure([process.execPath, path, ...args], core));
      if (result !== undefined && round > 0) measured.get(name)?.push(result);
    }
  }
  return measured;
}

/**
 * What one figure was in each round.
 *
 * @param {Rounds} rounds
 * @param {string} name
 * @param {string} figure
 */
export function figuresOf(rounds, name, figure) {
  return (rounds.get(name) ?? []).map((measured) => measured[figure] ?? Number.NaN);
}
