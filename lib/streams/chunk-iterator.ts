/** Iteration over the chunks of a reader, by `for await`. */
import type { PromiseWork } from '../reactor/promises.js';
import type { Sink, StreamReader } from './reader.js';

type Step = IteratorResult<Buffer, undefined>;
type Resolve = (step: Step | Promise<Step>) => void;

/**
 * Its steps are native promises, which `await` takes as they are. The future of a read it has to ask for its `then`, which
 * costs 0.4 µs more for each message.
 */
export class ChunkIterator implements AsyncIterableIterator<Buffer>, Sink<Buffer | null> {
  readonly #reader: StreamReader;
  readonly #promises: PromiseWork;
  // Of the step that waits. Its reject is not kept, which is a function for each connection: a rejected promise does as well.
  #resolve: Resolve | null = null;

  constructor(reader: StreamReader) {
    this.#reader = reader;
    this.#promises = reader.promises;
  }

  next(): Promise<Step> {
    // One waits: the reader says to another what it says to everybody.
    if (this.#resolve !== null) return new ChunkIterator(this.#reader).next();
    try {
      this.#promises.begin();
    } catch (error) {
      return Promise.reject(error);
    }
    const step = new Promise<Step>((resolve) => {
      this.#resolve = resolve;
    });
    try {
      this.#reader.readTo(this);
    } catch (error) {
      this.setException(error);
    }
    return step;
  }

  /** Whoever leaves the loop may read on. */
  return(): Promise<Step> {
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @internal */
  setResult(chunk: Buffer | null): void {
    this.#settle(chunk === null ? { value: undefined, done: true } : { value: chunk, done: false });
  }

  /** @internal */
  setException(error: unknown): void {
    this.#settle(Promise.reject(error));
  }

  #settle(step: Step | Promise<Step>): void {
    const resolve = this.#resolve;
    this.#resolve = null;
    this.#promises.end();
    resolve?.(step);
  }
}
