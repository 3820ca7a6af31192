/** Both outputs of a program up to their ends, and its exit. */
import { Future } from '../reactor/future.js';
import type { Reactor } from '../reactor/reactor.js';
import type { StreamReader } from './reader.js';

/** What a program wrote; what it was not asked for is empty. */
export interface SubprocessOutput {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** Is told of each end, and waits for no callback: the reactor may be closed, and calls nobody then. */
export class Communication {
  readonly future: Future<SubprocessOutput>;
  readonly #reads: (Future<Buffer> | null)[] = [];
  readonly #returns: (() => void)[] = [];

  constructor(reactor: Reactor, outputs: readonly (StreamReader | null)[]) {
    this.future = new Future(
      reactor.futures,
      () => this.#letGo(),
      () => {
        for (const giveBack of this.#returns) giveBack();
      },
    );
    try {
      for (const output of outputs) this.#reads.push(output?.readAll() ?? null);
    } catch (error) {
      this.#letGo();
      this.future.setException(error);
    }
  }

  /** An output has ended, or the program. */
  advance(exited: boolean): void {
    if (this.future.done()) return;
    const failed = this.#reads.find((read) => read?.done() === true && !read.fulfilled);
    if (failed) {
      this.#letGo();
      this.future.setException(failed.exception());
      return;
    }
    if (!exited || this.#reads.some((read) => read?.done() === false)) return;
    const [stdout = NOTHING, stderr = NOTHING] = this.#reads.map((read) => this.#take(read));
    this.future.setResult({ stdout, stderr });
  }

  #take(read: Future<Buffer> | null): Buffer | undefined {
    if (read === null) return undefined;
    const { value, giveBack } = read.passOn();
    if (giveBack !== null) this.#returns.push(giveBack);
    return value;
  }

  /** What was read goes back, and can be read by others. */
  #letGo(): void {
    for (const read of this.#reads) {
      if (read === null || read.cancel()) continue;
      if (read.fulfilled) read.giveBack();
      // It was looked at.
      else if (!read.cancelled()) read.exception();
    }
  }
}

const NOTHING = Buffer.alloc(0);
