/** What waiting ends with. */

/** The time is over. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
  readonly code = 'ERR_TIMEOUT';

  constructor(message = 'the time is over') {
    super(message);
  }
}
