/** What a reader throws, though nothing is wrong with its arguments or its connection. */

/** The stream ended before a read had all that it asked for; what there was is in `partial`. */
export class IncompleteReadError extends Error {
  override readonly name = 'IncompleteReadError';
  readonly code = 'ERR_INCOMPLETE_READ';
  /** The bytes that did come. They are read; the buffer of the reader is empty. */
  readonly partial: Buffer;
  /** How many bytes were asked for; `Infinity` where that was not known before: up to a separator, or to the end. */
  readonly expected: number;

  /** @param cause - why the stream ended, where it did not in order. */
  constructor(partial: Buffer, expected: number, cause: Error | null = null) {
    const wanted = Number.isFinite(expected) ? ` of ${expected}` : '';
    const why = cause === null ? '' : `: ${cause.message}`;
    super(
      `the stream ended after ${partial.length}${wanted} bytes${why}`,
      cause === null ? undefined : { cause },
    );
    this.partial = partial;
    this.expected = expected;
  }
}

/**
 * There are more bytes before a separator than the limit allows. Nothing is lost: all of them can still be read.
 */
export class LimitOverrunError extends Error {
  override readonly name = 'LimitOverrunError';
  readonly code = 'ERR_LIMIT_OVERRUN';
  /** How many bytes `readExactly` can skip without skipping a part of the separator. */
  readonly consumed: number;

  constructor(consumed: number, limit: number) {
    super(
      `there is no separator within the limit of ${limit} bytes: ` +
        `read on with read() or readExactly(${consumed}), or open the connection with a higher limit`,
    );
    this.consumed = consumed;
  }
}
