/** The writing side of a connection. */
import { StateError } from '../native/errors.js';
import { Future } from '../reactor/future.js';
import type { Transport } from './transport.js';

/** Why the connection ended; `null`: in order. */
interface Loss {
  readonly error: Error | null;
}

/**
 * Writes to a connection.
 *
 * `write` sends what the kernel takes at once, and buffers the rest, however much that is; to wait by `drain` after each
 * keeps that bounded. Closing is the writer's: the connection is open until `close` or `abort`, also when the reader has
 * come to the end.
 *
 * @example
 * ```ts
 * for await (const chunk of reader) {
 *   writer.write(chunk);
 *   await writer.drain();
 * }
 * await writer.close();
 * ```
 */
export class StreamWriter implements AsyncDisposable {
  readonly transport: Transport;
  #full = false;
  // Whether this has ended the connection, and how.
  #ended: 'closed' | 'aborted' | null = null;
  #loss: Loss | null = null;
  #draining: Set<Future<void>> | null = null;
  #closing: Set<Future<void>> | null = null;

  /** @internal Made with a connection: `openConnection()`, `startServer()`. */
  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** @returns, throws as {@link Transport.write}: `false` says that it is time to `drain`. */
  write(data: Uint8Array | string): boolean {
    return this.transport.write(data);
  }

  /** Sends chunks in order, as one. @returns, throws as {@link Transport.writev}. */
  writev(chunks: readonly Uint8Array[]): boolean {
    return this.transport.writev(chunks);
  }

  /**
   * Waits until no more than the low-water mark is buffered, where it was above the high-water mark; otherwise for
   * nothing. Any number may wait.
   *
   * @throws (rejects) the error by which the connection was lost. StateError `ERR_CLOSED`: it was closed before, or was
   * aborted.
   */
  drain(): Future<void> {
    if (this.#loss !== null) return failed(this.transport, this.#loss.error ?? closed());
    // What is closing may have failed: the loop that writes to it must learn why, and not only that it is closed.
    if (this.#full || this.transport.closing) {
      this.#draining ??= new Set();
      return wait(this.transport, this.#draining);
    }
    return this.transport.reactor.done;
  }

  /** Waits until everything that was written has been handed to the kernel. @throws as {@link Transport.flush}. */
  flush(): Future<void> {
    return this.transport.flush();
  }

  /** Tells the peer that nothing more will be written; reading goes on. Again: nothing. */
  writeEof(): void {
    this.transport.writeEof();
  }

  /**
   * Closes the connection when all that was written is sent, and waits for that. Again, or when it is lost: waits as
   * well.
   *
   * @throws (rejects) the error by which the connection was lost. StateError `ERR_CLOSED`: somebody else aborted it before
   * all was sent.
   */
  close(): Future<void> {
    this.#ended ??= 'closed';
    this.transport.close();
    if (this.#loss === null) {
      this.#closing ??= new Set();
      return wait(this.transport, this.#closing);
    }
    const failure = this.#loss.error ?? this.dropped;
    return failure === null ? this.transport.reactor.done : failed(this.transport, failure);
  }

  /** Closes the connection at once; what is buffered is dropped. */
  abort(): void {
    this.#ended = 'aborted';
    this.transport.abort();
  }

  /** As {@link StreamWriter.close}. */
  [Symbol.asyncDispose](): Future<void> {
    return this.close();
  }

  /** @internal Whether it was closed, or aborted, by this. */
  get closed(): boolean {
    return this.#ended !== null;
  }

  /** @internal More is buffered than the high-water mark. */
  pause(): void {
    this.#full = true;
  }

  /** @internal No more than the low-water mark is. */
  resume(): void {
    this.#full = false;
    this.#draining = settleAll(this.#draining, null);
  }

  /** @internal Somebody else has the connection: nobody says any more when it is time to go on. */
  handOver(error: Error): void {
    this.#full = false;
    this.#draining = settleAll(this.#draining, error);
  }

  /** @internal The connection is gone. */
  end(error: Error | null): void {
    this.#loss = { error };
    this.#draining = settleAll(this.#draining, error ?? (this.#full ? closed() : null));
    this.#closing = settleAll(this.#closing, error ?? this.dropped);
  }

  /** @internal What became of what was written, where somebody else dropped it. */
  get dropped(): Error | null {
    return this.#ended === 'aborted' ? null : this.transport.unsent;
  }
}

function wait({ reactor }: Transport, waiting: Set<Future<void>>): Future<void> {
  const future: Future<void> = new Future(reactor.futures, () => waiting.delete(future));
  waiting.add(future);
  return future;
}

function failed({ reactor }: Transport, error: Error): Future<void> {
  const future = new Future<void>(reactor.futures);
  settle(future, error);
  return future;
}

/** @returns whoever waits now. */
function settleAll(waiting: Set<Future<void>> | null, error: Error | null): null {
  for (const future of waiting ?? []) settle(future, error);
  return null;
}

/** Nobody is told of an error that nobody waits for: whoever reads or writes hears of it. */
function settle(future: Future<void>, error: Error | null): void {
  if (error === null) {
    future.setResult();
    return;
  }
  future.setException(error);
  future.addDoneCallback(() => {});
}

function closed(): StateError {
  return new StateError('ERR_CLOSED', 'the connection is closed: nothing can be written any more');
}
