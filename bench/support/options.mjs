/** Numbers on a benchmark's command line. */

/**
 * @param {string} option - its name, for who reads the refusal.
 * @param {string} text
 * @returns {number} above 0; for anything else the program ends, with exit code 1.
 */
export function positive(option, text) {
  const value = Number(text);
  if (value > 0) return value;
  console.error(`--${option} must be a positive number, not '${text}'`);
  return process.exit(1);
}
