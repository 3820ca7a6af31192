/** Turns that measure the same of two situations, which become two tables: rows of both share their rounds. */

/** @typedef {import('../support/results.mjs').Row} Row */

/**
 * The figures of one situation, named so that those of another can stand beside them: `alone.messagesPerSecond`.
 *
 * @param {string} part
 * @param {import('../support/results.mjs').Sample} sample
 */
export function asPart(part, sample) {
  return Object.fromEntries(Object.entries(sample).map(([key, value]) => [`${part}.${key}`, value]));
}

/** The rows with the figures of one situation only, by their own names. @type {(rows: readonly Row[], part: string) => Row[]} */
export function partOf(rows, part) {
  const prefix = `${part}.`;
  return rows.map((row) => ({
    ...row,
    samples: row.samples.map((sample) => {
      const figures = Object.entries(sample).filter(([key]) => key.startsWith(prefix));
      return Object.fromEntries(figures.map(([key, value]) => [key.slice(prefix.length), value]));
    }),
  }));
}
