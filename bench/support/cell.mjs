/** What a cell is: one question, put to everybody in the same words. */

/**
 * How thorough a pass is. `full` is what results are published of, `quick` what targets are checked with, and `moment`
 * only shows that everything runs: its figures mean nothing.
 *
 * @typedef {'full' | 'quick' | 'moment'} Pass
 */
/**
 * @typedef {object} Setting
 * @property {Pass} pass
 * @property {[number, number] | null} cores - one for whoever is measured, one for the load; `null`: nobody is pinned.
 */
/**
 * @typedef {object} Cell
 * @property {string} name - on the command line: `npm run bench -- timers`.
 * @property {(setting: Setting) => Promise<import('./results.mjs').Group[]>} measure
 */

export {};
