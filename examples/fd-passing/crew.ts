/** The workers, each a process with a Unix socket to it, and whose turn it is. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { EVENT_WRITE, ready, Socket, SystemError } from 'iomux';
import { handOver } from './hand-over.js';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

interface Worker {
  readonly child: ChildProcess;
  readonly channel: Socket;
}

function start(number: number): Worker {
  const [channel, theirs] = Socket.pair();
  // It inherits its end as descriptor 3, and no other socket: all that the library opens is close-on-exec.
  const child = spawn(process.execPath, [WORKER, `${number}`], {
    stdio: ['ignore', 'inherit', 'inherit', theirs.fileno()],
  });
  // Open here as well, it would keep us from noticing that the worker is gone.
  theirs.close();
  return { child, channel };
}

export class Crew {
  /** Settled when all workers have ended. */
  readonly ended: Promise<unknown>;
  // The first has the next turn. Those that are gone are not among them.
  readonly #workers: Worker[];
  readonly #children: readonly ChildProcess[];

  constructor(size: number) {
    this.#workers = Array.from({ length: size }, (_, index) => start(index + 1));
    this.#children = this.#workers.map(({ child }) => child);
    this.ended = Promise.all(this.#children.map((child) => once(child, 'exit')));
  }

  /** Hands a connection to the next worker that has room, waiting where none has. @returns `false`: none is left. */
  async give(connection: Socket): Promise<boolean> {
    let full = 0;
    for (let worker = this.#workers.shift(); worker !== undefined; worker = this.#workers.shift()) {
      const taken = offer(worker, connection);
      if (taken === 'gone') continue;
      this.#workers.push(worker);
      if (taken) return true;
      full++;
      if (full < this.#workers.length) continue;
      await this.#room();
      full = 0;
    }
    connection.close();
    return false;
  }

  /** They get nothing more, and end with their last connection. */
  close(): void {
    for (const { channel } of this.#workers.splice(0)) channel.close();
  }

  /** They end now. */
  kill(): void {
    for (const child of this.#children) child.kill();
  }

  /** Waits until one of them has room, or is gone. */
  async #room(): Promise<void> {
    const found = new AbortController();
    const { signal } = found;
    const waits = this.#workers.map(({ channel }) => ready(channel, EVENT_WRITE, { signal }));
    await Promise.race(waits);
    found.abort();
    await Promise.allSettled(waits);
  }
}

function offer({ channel }: Worker, connection: Socket): boolean | 'gone' {
  try {
    return handOver(channel, connection);
  } catch (error) {
    if (!(error instanceof SystemError && error.code === 'EPIPE')) throw error;
    channel.close();
    return 'gone';
  }
}
