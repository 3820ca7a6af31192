/** What could not be measured, and why: one that fails is named in its row, and the others go on. */

export class Attempts {
  /** @type {Map<string, string>} by the name of whose turn it was. */
  failures = new Map();

  /**
   * What one turn measured. Where it failed there is nothing in this round nor in those to come.
   *
   * @template Result
   * @param {string} name - whose turn it is.
   * @param {() => Promise<Result>} turn
   * @returns {Promise<Result | undefined>}
   */
  async attempt(name, turn) {
    if (this.failures.has(name)) return undefined;
    try {
      return await turn();
    } catch (error) {
      this.failures.set(name, `not measured: ${/** @type {Error} */ (error).message}`);
      return undefined;
    }
  }

  /** Says on standard error what is missing, and has the program end with exit code 1 then. */
  conclude() {
    for (const [name, reason] of this.failures) console.error(`${name}: ${reason}`);
    if (this.failures.size > 0) process.exitCode = 1;
  }
}
