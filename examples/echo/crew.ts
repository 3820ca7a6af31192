/** The threads of the echo server: started together, and stopped together whatever ends the first of them. */
import { Worker } from 'node:worker_threads';
import { Socket } from 'iomux';
import type { EchoOptions } from './options.js';
import type { Served } from './service.js';
import type { Message, Orders } from './worker.js';

export interface CrewOptions {
  /** One for each worker, whose it becomes. */
  readonly listeners: readonly Socket[];
  readonly options: EchoOptions;
  /** Called once all of them serve. */
  readonly onServing: () => void;
  /** Told, a line at a time, what whoever runs the server should know. */
  readonly onNotice: (text: string) => void;
}

export class Crew {
  // Our ends of a socket pair with each worker: it stops when its own is at the end of its stream.
  readonly #leashes: Socket[] = [];
  readonly #onServing: () => void;
  readonly #onNotice: (text: string) => void;
  readonly #ends: Promise<Served | null>[];
  #serving = 0;

  constructor({ listeners, options, onServing, onNotice }: CrewOptions) {
    this.#onServing = onServing;
    this.#onNotice = onNotice;
    this.#ends = listeners.map((listener) => {
      const [ours, theirs] = Socket.pair();
      this.#leashes.push(ours);
      return this.#run({ listener: listener.detach(), leash: theirs.detach(), options });
    });
  }

  /** What each of them served, once all have ended; `null`: it failed, as was reported. */
  get ended(): Promise<(Served | null)[]> {
    return Promise.all(this.#ends);
  }

  /** Stops whoever still serves, or is about to. */
  stop(): void {
    for (const leash of this.#leashes) leash.close();
  }

  async #run(orders: Orders): Promise<Served | null> {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: orders });
    let served: Served | null = null;
    worker.on('message', (message: Message) => {
      if (message.type === 'serving') this.#oneMoreServes();
      else if (message.type === 'notice') this.#onNotice(message.text);
      else served = message.served;
    });
    worker.on('error', (error) => {
      served = null;
      this.#onNotice(error.stack ?? error.message);
    });
    await new Promise((resolve) => worker.once('exit', resolve));
    this.stop();
    return served;
  }

  #oneMoreServes(): void {
    this.#serving++;
    if (this.#serving === this.#leashes.length) this.#onServing();
  }
}
