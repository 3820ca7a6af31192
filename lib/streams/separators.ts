/** What ends a piece of a stream, and where it does. */
import { invalidType, invalidValue } from '../native/errors.js';
import type { Chunks } from './chunks.js';
import { LimitOverrunError } from './errors.js';

export type Separator = string | Uint8Array;

/** Where a separator stands. */
export interface Match {
  readonly start: number;
  readonly end: number;
}

/** As far as one separator is looked for before the others are: one that is not there would cost a look at everything. */
const STRETCH = 1024;

export class Separators {
  readonly #separators: readonly Buffer[];
  readonly #longest: number;

  /** @throws TypeError: neither text nor bytes; an empty one; none. */
  constructor(separator: Separator | readonly Separator[]) {
    const given = Array.isArray(separator) ? separator : [separator];
    if (given.length === 0) throw invalidValue('separator', 'one separator at least', separator);
    this.#separators = given.map(bytesOf).sort((one, other) => one.length - other.length);
    this.#longest = this.#separators.at(-1)?.length ?? 0;
  }

  /** How many of `length` bytes, in which there is no separator, cannot be a part of one that is still to come. */
  clean(length: number): number {
    return Math.max(length - this.#longest + 1, 0);
  }

  /**
   * The separator that ends first, looked for in what stands from `from` on; of several that end there, the longest:
   * whatever the chunks, the bytes up to it are the same.
   */
  find(chunks: Chunks, from: number): Match | null {
    const { length } = chunks;
    const [only] = this.#separators;
    if (this.#separators.length === 1 && only !== undefined) {
      const start = chunks.indexOf(only, from, length);
      return start === -1 ? null : { start, end: start + only.length };
    }
    for (let begin = from; begin < length; begin += STRETCH) {
      // One that begins in this stretch may end in the next.
      const match = this.#findFirst(chunks, begin, Math.min(begin + STRETCH + this.#longest - 1, length));
      if (match !== null) return match;
    }
    return null;
  }

  #findFirst(chunks: Chunks, from: number, to: number): Match | null {
    let match: Match | null = null;
    for (const separator of this.#separators) {
      const start = chunks.indexOf(separator, from, match?.end ?? to);
      if (start !== -1) match = { start, end: start + separator.length };
    }
    return match;
  }
}

/** Looks for a separator again and again as bytes arrive, but at no byte more often than it must. */
export class Search {
  readonly #separators: Separators;
  readonly #limit: number;
  // So many bytes at the front hold no beginning of a separator, in this turn of the chunks.
  #clean = 0;
  #turn = 0;

  /** @param limit - how many bytes may stand before the separator. */
  constructor(separators: Separators, limit: number) {
    this.#separators = separators;
    this.#limit = limit;
  }

  /** @returns `null`: it has not come yet. @throws LimitOverrunError: there is more than the limit before it. */
  find(chunks: Chunks): Match | null {
    if (this.#turn !== chunks.turn) this.#clean = 0;
    this.#turn = chunks.turn;
    const match = this.#separators.find(chunks, this.#clean);
    this.#clean = match?.start ?? this.#separators.clean(chunks.length);
    if (this.#clean > this.#limit) throw new LimitOverrunError(this.#clean, this.#limit);
    return match;
  }
}

/** The end of a line, written in either way. */
export const LINE_ENDS = new Separators(['\n', '\r\n']);

function bytesOf(separator: Separator): Buffer {
  if (typeof separator !== 'string' && !(separator instanceof Uint8Array)) {
    throw invalidType('separator', 'a string, a Buffer or a Uint8Array, or an array of them', separator);
  }
  if (separator.length === 0) throw invalidValue('separator', 'not empty', separator);
  // A copy: the caller's memory may be another's when the end has come.
  return Buffer.from(separator as string);
}
