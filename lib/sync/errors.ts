/** What waiting for others can end with. */

export type QueueErrorCode = 'ERR_QUEUE_FULL' | 'ERR_QUEUE_EMPTY' | 'ERR_QUEUE_CLOSED';

/** A queue could not take or give an item; `code` says why. */
export class QueueError extends Error {
  override readonly name = 'QueueError';
  readonly code: QueueErrorCode;

  constructor(code: QueueErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Not everybody will come to a barrier. */
export class BrokenBarrierError extends Error {
  override readonly name = 'BrokenBarrierError';
  readonly code = 'ERR_BROKEN_BARRIER';
}
