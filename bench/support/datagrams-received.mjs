/**
 * What a receiver of datagrams knows: how many came, and that each is as it was sent (bench/load/datagram.h).
 *
 * It is all that the receivers in JavaScript do with a datagram, so that what they differ by is how they get it.
 */

export const DATAGRAM_SIZE = 64;
/** What is asked for; the OS gives as much as its limit allows, and the load keeps below the usual limit. */
export const RECEIVE_BUFFER = 1024 * 1024;
const WORDS = DATAGRAM_SIZE / 4;
const LAST = DATAGRAM_SIZE - 4;
/** A receiver tells how far it is after each so many. */
const DATAGRAMS_PER_ANSWER = 256;
const FACTOR = 0x9e3779b1;
// The places of what is answered: the highest sequence number, how many came, the sum of all their sequence numbers.
const NEWEST = 0;
const COUNT = 1;
const SUM = 2;

export class Received {
  #progress = new Float64Array([-1, 0, 0]);
  /** The answer to the sender: it always is how far this is at the moment. */
  answer = Buffer.from(this.#progress.buffer);

  /**
   * @param {Buffer} datagram - which it begins.
   * @param {number} length
   * @returns {boolean} whether the sender is to have the answer.
   */
  take(datagram, length) {
    if (length === 0) return true;
    if (length !== DATAGRAM_SIZE) throw new Error(`a datagram of ${length} bytes`);
    const sequence = datagram.readUInt32LE(0);
    if (datagram.readInt32LE(LAST) !== wordOf(sequence, WORDS - 1)) throw wrong(sequence);
    const progress = this.#progress;
    const count = at(progress, COUNT) + 1;
    progress[NEWEST] = Math.max(at(progress, NEWEST), sequence);
    progress[COUNT] = count;
    progress[SUM] = at(progress, SUM) + sequence;
    if (count % DATAGRAMS_PER_ANSWER !== 0) return false;
    checkWhole(datagram, sequence);
    return true;
  }
}

/** The first word of a datagram is its sequence number, and each says which place it has. */
export function wordOf(/** @type {number} */ sequence, /** @type {number} */ index) {
  return sequence ^ Math.imul(index, FACTOR);
}

/** @type {(numbers: Float64Array, place: number) => number} */
function at(numbers, place) {
  return /** @type {number} */ (numbers[place]);
}

/**
 * Costs more than to receive it, so that only few are looked at so closely.
 *
 * @param {Buffer} datagram
 * @param {number} sequence
 */
function checkWhole(datagram, sequence) {
  for (let index = 0; index < WORDS; index++) {
    if (datagram.readInt32LE(4 * index) !== wordOf(sequence, index)) throw wrong(sequence);
  }
}

/** @param {number} sequence */
function wrong(sequence) {
  return new Error(`datagram ${sequence} is not as it was sent`);
}
