/**
 * Rivals in turn, round by round: D B A C E D B A C E …, so that all meet the same disturbances of a shared machine. Those
 * come and go within a round: the less time lies between two turns, the less their ratio has of it.
 */
import { fileURLToPath } from 'node:url';
import { measure } from './programs.mjs';

/** @typedef {import('./results.mjs').Sample} Sample */
/** @typedef {import('./results.mjs').Row} Row */
/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {boolean | undefined} [ours] - it is of iomux.
 * @property {string | undefined} [missing] - it is not installed, and this is how it would be.
 * @property {(round: number) => Promise<Sample>} turn - round 0 is the warm-up.
 */
/**
 * @typedef {object} Order
 * @property {boolean} [warmUp] - one round before the others, which leaves no sample; unless told, there is one. Who
 *   is started anew for each turn, and warms up by itself, needs none.
 * @property {number} [atOnce] - turns that are taken at the same time, where nothing is timed; one unless told.
 */

/**
 * One that fails is named in its row, and takes no further turns; the others go on.
 *
 * @param {string} title - for the progress, on standard error.
 * @param {readonly Contender[]} contenders - the first is the one that the others are held against, and the
 *   earlier another one stands, the nearer to it is its turn.
 * @param {number} rounds
 * @param {Order} [order]
 * @returns {Promise<Row[]>}
 */
export async function inRounds(title, contenders, rounds, { warmUp = true, atOnce = 1 } = {}) {
  const entries = contenders.map((contender) => ({ contender, row: rowFor(contender) }));
  const order = aroundTheFirst(entries);
  for (let round = warmUp ? 0 : 1; round <= rounds; round++) {
    console.error(`${title}: ${round === 0 ? 'warm-up' : `round ${round}/${rounds}`}`);
    for (let first = 0; first < order.length; first += atOnce) {
      const some = order.slice(first, first + atOnce);
      await Promise.all(some.map(({ contender, row }) => takeTurn(title, contender, row, round)));
    }
  }
  return entries.map(({ row }) => row);
}

/**
 * The first in the middle, and the others by turns before it and after it: A B C D E as D B A C E.
 *
 * @template Entry
 * @param {readonly Entry[]} entries
 * @returns {Entry[]}
 */
function aroundTheFirst(entries) {
  const before = entries.filter((_, index) => index % 2 === 1);
  const after = entries.filter((_, index) => index % 2 === 0);
  return [...before.reverse(), ...after];
}

/** @type {(contender: Contender) => Row} */
function rowFor({ name, ours, missing }) {
  return { name, ...(ours ? { ours } : {}), samples: [], ...(missing === undefined ? {} : { missing }) };
}

/** @type {(title: string, contender: Contender, row: Row, round: number) => Promise<void>} */
async function takeTurn(title, { turn }, row, round) {
  if (row.missing !== undefined || row.failure !== undefined) return;
  try {
    const sample = await turn(round);
    if (round > 0) row.samples.push(sample);
  } catch (error) {
    row.failure = /** @type {Error} */ (error).message;
    console.error(`${title}: ${row.name}: ${row.failure}`);
  }
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
