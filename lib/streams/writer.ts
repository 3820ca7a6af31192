/** The writing side of a connection. */
import { StateError } from '../native/errors.js';
import { Future } from '../reactor/future.js';
import type { Reactor } from '../reactor/reactor.js';
import type { Transport } from './transport.js';

/** Why the connection ended; `null`: in order. */
interface Loss {
  readonly error: Error | null;
}

// One for all writers of a reactor: most calls of drain() have nothing to wait for.
const drained = new WeakMap<Reactor, Future<void>>();

function drainedOf(reactor: Reactor): Future<void> {
  const known = drained.get(reactor);
  if (known !== undefined) return known;
  const future = new Future<void>(reactor.futures);
  future.setResult();
  drained.set(reactor, future);
  return future;
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
  #closed = false;
  #aborted = false;
  #loss: Loss | null = null;
  #draining: Set<Future<void>> | null = null;
  #closing: Set<Future<void>> | null = null;
  // What most calls of drain() return.
  #drained: Future<void> | null = null;

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
    if (this.#loss !== null) return this.#failed(this.#loss.error ?? closed());
    // What is closing may have failed: the loop that writes to it must learn why, and not only that it is closed.
    if (this.#full || this.transport.closing) {
      this.#draining ??= new Set();
      return this.#wait(this.#draining);
    }
    this.#drained ??= drainedOf(this.transport.reactor);
    return this.#drained;
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
    this.#closed = true;
    this.transport.close();
    if (this.#loss === null) {
      this.#closing ??= new Set();
      return this.#wait(this.#closing);
    }
    const failure = this.#loss.error ?? this.dropped;
    return failure === null ? this.#done() : this.#failed(failure);
  }

  /** Closes the connection at once; what is buffered is dropped. */
  abort(): void {
    this.#closed = this.#aborted = true;
    this.transport.abort();
  }

  /** As {@link StreamWriter.close}. */
  [Symbol.asyncDispose](): Future<void> {
    return this.close();
  }

  /** @internal Whether it was closed, or aborted, by this. */
  get closed(): boolean {
    return this.#closed;
  }

  /** @internal More is buffered than the high-water mark. */
  pause(): void {
    this.#full = true;
  }

  /** @internal No more than the low-water mark is. */
  resume(): void {
    this.#full = false;
    this.#endDraining(null);
  }

  /** @internal Somebody else has the connection: nobody says any more when it is time to go on. */
  handOver(error: Error): void {
    this.#full = false;
    this.#endDraining(error);
  }

  /** @internal The connection is gone. */
  end(error: Error | null): void {
    this.#loss = { error };
    this.#endDraining(error ?? (this.#full ? closed() : null));
    for (const future of this.#closing ?? []) settle(future, error ?? this.dropped);
    this.#closing = null;
  }

  /** @internal What became of what was written, where somebody else dropped it. */
  get dropped(): Error | null {
    return this.#aborted ? null : this.transport.unsent;
  }

  #endDraining(error: Error | null): void {
    for (const future of this.#draining ?? []) settle(future, error);
    this.#draining = null;
  }

  #wait(waiting: Set<Future<void>>): Future<void> {
    const future: Future<void> = new Future(this.transport.reactor.futures, () => waiting.delete(future));
    waiting.add(future);
    return future;
  }

  #done(): Future<void> {
    const future = new Future<void>(this.transport.reactor.futures);
    future.setResult();
    return future;
  }

  #failed(error: Error): Future<void> {
    const future = new Future<void>(this.transport.reactor.futures);
    settle(future, error);
    return future;
  }
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
