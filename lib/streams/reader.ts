/** The reading side of a connection: what has arrived is kept until somebody asks for it. */
import { constants } from 'node:buffer';
import { checkInteger } from '../arguments.js';
import { StateError } from '../native/errors.js';
import { Future } from '../reactor/future.js';
import type { PromiseWork } from '../reactor/promises.js';
import { ChunkIterator } from './chunk-iterator.js';
import { Chunks } from './chunks.js';
import { IncompleteReadError, LimitOverrunError } from './errors.js';
import { LINE_ENDS, type Match, Search, type Separator, Separators } from './separators.js';
import type { Transport } from './transport.js';

/** Bytes up to a separator, where nobody says otherwise. */
export const DEFAULT_LIMIT = 64 * 1024;

/** More must arrive before a read can be satisfied. */
const WAIT = Symbol('wait');

/** How a stream ended. */
interface End {
  readonly error: Error | null;
  /** Whether what was received is all that the peer sent. */
  readonly whole: boolean;
}

/** Takes from the buffer what a read asked for. @throws what the read is rejected with. */
type Attempt<T> = (reader: StreamReader) => T | typeof WAIT;

/** Whoever gets what was read: a future, or a step of an iteration. */
export interface Sink<T> {
  setResult(value: T): void;
  setException(error: unknown): void;
}

/**
 * Reads a connection. `null` stands for its end wherever a read returns data.
 *
 * Whatever arrived is delivered before the end, or the error, of the connection. A read that is satisfied from what is
 * there returns a future that is done; one read at a time can wait. A cancelled read loses nothing: it takes bytes only
 * when it is done, and where it is cancelled after that, but before its task got them, they go back. What a read returns
 * is the caller's own: memory that nobody else uses.
 *
 * The limit of the connection bounds how much stands before a separator, and how much is read ahead: above twice the
 * limit the transport pauses, until there is no more than the limit, or a read waits for more.
 */
export class StreamReader implements AsyncIterable<Buffer> {
  /** What most reads ask for: all that is there. */
  static readonly #readAll: Attempt<Buffer | null> = (reader) => reader.#takeUpTo(Number.POSITIVE_INFINITY);

  readonly #transport: Transport;
  readonly #limit: number;
  // Made when bytes come that nobody waits for: an idle connection has none.
  #chunks: Chunks | null = null;
  // The read that waits: who gets what was read, and how it is read.
  #waiting: Sink<unknown> | null = null;
  #attempt: Attempt<unknown> | null = null;
  #paused = false;
  #end: End | null = null;
  #onCancel: (() => void) | null = null;
  #onReturn: ((bytes: Buffer | null) => void) | null = null;

  /** @internal Made with a connection: `openConnection()`, `startServer()`. */
  constructor(transport: Transport, limit: number = DEFAULT_LIMIT) {
    this.#transport = transport;
    this.#limit = limit;
  }

  /** Whether the stream has ended in order, and all of it was read. */
  get atEnd(): boolean {
    return this.#end?.error === null && this.#buffered() === 0;
  }

  /**
   * Reads what there is, as soon as there is something.
   *
   * @param max - bytes at most; none: all that is there. 0 gives an empty Buffer at once.
   * @returns `null` at the end.
   * @throws RangeError: `max` is negative or no whole number. StateError `ERR_INVALID_STATE`: it would have to wait, and
   * another read does. Rejects with the error by which the connection was lost.
   */
  read(max?: number): Future<Buffer | null> {
    checkMax(max);
    const attempt =
      max === undefined ? StreamReader.#readAll : (reader: StreamReader) => reader.#takeUpTo(max);
    return this.#read(attempt, this.#returner());
  }

  /**
   * Reads so many bytes, whatever the limit.
   *
   * @throws RangeError: it is negative, no whole number, or more than a Buffer can hold. StateError as {@link
   * StreamReader.read}. Rejects with {@link IncompleteReadError}: the stream ended before; its `cause` is the error of the
   * connection, where there is one. With that error itself: nothing had arrived before it.
   */
  readExactly(length: number): Future<Buffer> {
    checkInteger(length, 'length', 0, constants.MAX_LENGTH);
    return this.#read(() => {
      if (this.#buffered() >= length) return this.#take(length);
      return this.#end === null ? WAIT : this.#incomplete(length);
    }, this.#returner());
  }

  /**
   * Reads up to and with a separator; of several, up to the one that ends first.
   *
   * @param separator - text stands for its UTF-8 bytes.
   * @throws TypeError: neither text nor bytes; an empty one; none. StateError as {@link StreamReader.read}. Rejects with
   * {@link LimitOverrunError}: more than the limit stands before it; all of that can be read still. With {@link
   * IncompleteReadError} as {@link StreamReader.readExactly}; `expected` is `Infinity`.
   */
  readUntil(separator: Separator | readonly Separator[]): Future<Buffer> {
    const search = new Search(new Separators(separator), this.#limit);
    return this.#read(() => {
      const match = search.find(this.#arrived());
      if (match !== null) return this.#take(match.end);
      return this.#end === null ? WAIT : this.#incomplete(Number.POSITIVE_INFINITY);
    }, this.#returner());
  }

  /**
   * Reads a line of UTF-8 text. It ends with `\n` or `\r\n`, which is not returned; the last one need not.
   *
   * @returns `null` at the end.
   * @throws StateError as {@link StreamReader.read}. Rejects with {@link LimitOverrunError}: the line is longer than the
   * limit, in bytes; all of it can be read still. With the error by which the connection was lost.
   */
  readLine(): Future<string | null> {
    const search = new Search(LINE_ENDS, this.#limit);
    let bytes: Buffer = NOTHING;
    return this.#read<string | null>(
      () => {
        const match = search.find(this.#arrived()) ?? this.#lastLine();
        if (match === null) return this.#end === null ? WAIT : this.#atLast(null);
        bytes = this.#arrived().cut(match.end);
        this.#resumeBelow();
        return bytes.toString('utf8', 0, match.start);
      },
      () => this.#returner()(bytes),
    );
  }

  /**
   * Reads everything up to the end, whatever the limit.
   *
   * @throws StateError as {@link StreamReader.read}. Rejects with {@link IncompleteReadError}: the connection was lost,
   * by the error that is its `cause`; with that itself: nothing had arrived before.
   */
  readAll(): Future<Buffer> {
    return this.#read(() => {
      if (this.#end === null) return WAIT;
      if (!this.#end.whole) return this.#incomplete(Number.POSITIVE_INFINITY);
      return this.#take(this.#buffered());
    }, this.#returner());
  }

  /**
   * A copy of what has arrived and is not read yet. Reads nothing, and waits for nothing.
   *
   * @param max - bytes at most.
   * @throws RangeError: it is negative or no whole number.
   */
  peek(max?: number): Buffer {
    checkMax(max);
    const { length } = this.#arrived();
    return this.#arrived().copy(max === undefined || max > length ? length : max);
  }

  /** The lines up to the end. Whoever leaves the loop may read on. @throws as {@link StreamReader.readLine}. */
  async *lines(): AsyncGenerator<string, void, undefined> {
    for (let line = await this.readLine(); line !== null; line = await this.readLine()) yield line;
  }

  /** Chunks as they come, up to the end. Whoever leaves the loop may read on. @throws as {@link StreamReader.read}. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    return new ChunkIterator(this);
  }

  /** @internal Among which a step of an iteration counts while it waits. */
  get promises(): PromiseWork {
    return this.#transport.reactor.futures.promises;
  }

  /** @internal Reads what there is, for a step of an iteration. @throws as {@link StreamReader.read}. */
  readTo(sink: Sink<Buffer | null>): void {
    this.#begin(sink, StreamReader.#readAll);
  }

  /** @internal Bytes arrived; what nobody else keeps stays where it is, else it is copied. */
  feed(data: Buffer): void {
    const waiting = this.#waiting;
    if (waiting !== null && this.#attempt === StreamReader.#readAll && this.#buffered() === 0) {
      // Nothing stands before it: no detour through the buffer.
      this.#waiting = this.#attempt = null;
      waiting.setResult(this.#transport.keep(data));
      this.waitingChanged();
      return;
    }
    const chunks = this.#arrived();
    if (!chunks.join(data)) chunks.push(this.#transport.keep(data));
    this.#tryAgain();
    this.#pauseAbove();
  }

  /** @internal Nothing more will come. What was said first holds. @param whole - whether the peer said so. */
  end(error: Error | null, whole = false): void {
    if (this.#end !== null) return;
    this.#end = { error, whole };
    this.#tryAgain();
  }

  /** Whether a read waits. */
  protected get waiting(): boolean {
    return this.#waiting !== null;
  }

  /** A read has begun, or ceased, to wait. */
  protected waitingChanged(): void {}

  /** Tries, and waits where it must. @param onReturn - gets back what nobody came to fetch. */
  #read<T>(attempt: Attempt<T>, onReturn: (value: T) => void): Future<T> {
    const future = new Future<T>(this.#transport.reactor.futures, this.#stopper(), onReturn);
    this.#begin(future, attempt);
    return future;
  }

  #begin<T>(sink: Sink<T>, attempt: Attempt<T>): void {
    if (settle(this, sink, attempt)) return;
    if (this.#waiting !== null) {
      throw new StateError('ERR_INVALID_STATE', 'another read waits for this stream: one can wait at a time');
    }
    this.#waiting = sink as Sink<unknown>;
    this.#attempt = attempt;
    this.waitingChanged();
    // However much is buffered, it is not enough.
    this.#resume();
  }

  #tryAgain(): void {
    const waiting = this.#waiting;
    const attempt = this.#attempt;
    if (waiting === null || attempt === null) return;
    // Nobody's turn meanwhile: what a transport has at hand may come in the moment in which it goes on.
    this.#waiting = this.#attempt = null;
    if (settle(this, waiting, attempt)) {
      this.waitingChanged();
      return;
    }
    this.#waiting = waiting;
    this.#attempt = attempt;
  }

  // These two are made once, when they are needed: most readers wait for one read after the other, or are iterated over.
  // Methods here, and no getters: V8 calls a private getter by way of its runtime.
  #stopper(): () => void {
    this.#onCancel ??= () => {
      this.#waiting = this.#attempt = null;
      this.waitingChanged();
      this.#pauseAbove();
    };
    return this.#onCancel;
  }

  #returner(): (bytes: Buffer | null) => void {
    this.#onReturn ??= (bytes) => {
      if (bytes === null) return;
      this.#arrived().prepend(bytes);
      this.#tryAgain();
      this.#pauseAbove();
    };
    return this.#onReturn;
  }

  /** What has arrived, and was not read. */
  #arrived(): Chunks {
    this.#chunks ??= new Chunks();
    return this.#chunks;
  }

  /** Its bytes. */
  #buffered(): number {
    return this.#chunks === null ? 0 : this.#chunks.length;
  }

  #takeUpTo(max: number): Buffer | null | typeof WAIT {
    const length = this.#buffered();
    if (length > 0 || max === 0) return this.#take(Math.min(max, length));
    return this.#end === null ? WAIT : this.#atLast(null);
  }

  #take(length: number): Buffer {
    const bytes = this.#arrived().take(length);
    this.#resumeBelow();
    return bytes;
  }

  /** What a read finds when all was read. */
  #atLast<T>(result: T): T {
    const error = this.#end?.error ?? null;
    if (error !== null) throw error;
    return result;
  }

  #incomplete(expected: number): never {
    const length = this.#buffered();
    if (length === 0) this.#atLast(null);
    throw new IncompleteReadError(this.#take(length), expected, this.#end?.error ?? null);
  }

  /** A line that only the end of the stream ends; what a lost connection breaks off is none. */
  #lastLine(): Match | null {
    const length = this.#buffered();
    if (this.#end?.whole !== true || length === 0) return null;
    if (length > this.#limit) throw new LimitOverrunError(length, this.#limit);
    return { start: length, end: length };
  }

  #pauseAbove(): void {
    if (this.#paused || this.#waiting !== null || this.#buffered() <= 2 * this.#limit) return;
    this.#paused = true;
    this.#transport.pauseReading();
  }

  #resumeBelow(): void {
    if (this.#buffered() <= this.#limit) this.#resume();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#transport.resumeReading();
  }
}

const NOTHING = Buffer.alloc(0);

function checkMax(max: number | undefined): void {
  if (max !== undefined) checkInteger(max, 'max', 0, Number.MAX_SAFE_INTEGER);
}

/** @returns whether it is done. */
function settle<T>(reader: StreamReader, sink: Sink<T>, attempt: Attempt<T>): boolean {
  try {
    const outcome = attempt(reader);
    if (outcome === WAIT) return false;
    sink.setResult(outcome);
  } catch (error) {
    sink.setException(error);
  }
  return true;
}
