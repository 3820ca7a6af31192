/** Iteration over the chunks of a reader, by `for await`. */
import type { PromiseWork } from '../reactor/promises.js';
import type { Sink, StreamReader } from './reader.js';

type Step = IteratorResult<Buffer, undefined>;

/**
 * Its steps are native promises, which `await` takes as they are. The future of a read it has to ask for its `then`, which
 * costs 0.4 µs more for each message.
 */
export class ChunkIterator implements AsyncIterableIterator<Buffer> {
  readonly #reader: StreamReader;
  readonly #promises: PromiseWork;

  constructor(reader: StreamReader, promises: PromiseWork) {
    this.#reader = reader;
    this.#promises = promises;
  }

  next(): Promise<Step> {
    return new Promise((resolve, reject) => {
      this.#promises.begin();
      const step = new StepSink(this.#promises, resolve, reject);
      try {
        this.#reader.readTo(step);
      } catch (error) {
        step.setException(error);
      }
    });
  }

  /** Whoever leaves the loop may read on. */
  return(): Promise<Step> {
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** One step, which a read settles. */
class StepSink implements Sink<Buffer | null> {
  constructor(
    private readonly promises: PromiseWork,
    private readonly resolve: (step: Step) => void,
    private readonly reject: (error: unknown) => void,
  ) {}

  setResult(chunk: Buffer | null): void {
    this.promises.end();
    this.resolve(chunk === null ? { value: undefined, done: true } : { value: chunk, done: false });
  }

  setException(error: unknown): void {
    this.promises.end();
    this.reject(error);
  }
}
