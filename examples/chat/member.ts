/** Somebody who is connected, and the lines that are to be sent there. */
import type { StreamWriter } from 'iomux/streams';
import { Queue } from 'iomux/sync';
import { waitFor } from 'iomux/tasks';

/** Lines that wait for a client to take them; one that would have more never reads, or too slowly. */
const MOST_LINES = 500;
/** How long a client that leaves may take for the rest, in milliseconds. */
const GRACE = 5_000;

export class Member {
  /** `null`: not yet in the room. */
  name: string | null = null;
  /** Why it is not in the room any more, for the others. */
  farewell = 'left';
  readonly #writer: StreamWriter;
  readonly #lines = new Queue<string>(MOST_LINES);
  readonly #sending: Promise<void>;

  constructor(writer: StreamWriter) {
    this.#writer = writer;
    this.#sending = this.#send();
  }

  /** Has a line sent. Nobody waits for it: whoever speaks must not be held up by one who does not listen. */
  tell(line: string): void {
    if (this.#lines.closed) return;
    if (!this.#lines.full) {
      this.#lines.putNowait(`${line}\n`);
      return;
    }
    this.farewell = 'was dropped, who did not read';
    this.#lines.close();
    // Its reader comes to the end by that, too.
    this.#writer.abort();
  }

  /** Nothing more will be told. Waits until what was is sent, unless that takes too long. */
  async finish(): Promise<void> {
    this.#lines.close();
    try {
      await waitFor(this.#sending, GRACE);
    } catch {
      this.#writer.abort();
    }
  }

  /** One line after the other, as fast as the client takes them. */
  async #send(): Promise<void> {
    try {
      for await (const line of this.#lines) {
        this.#writer.write(line);
        await this.#writer.drain();
      }
      await this.#writer.flush();
    } catch {
      // The connection is gone. The one who reads it hears of that as well.
    }
  }
}
