/** Notices that nothing has happened for some time. */

/** The longest time a timer of Node takes. */
const MOST_MILLISECONDS = 2 ** 31 - 1;

/** Runs in Node's loop, as the streams that it serves; it does not keep the process alive. */
export class IdleTimer {
  readonly #progress: () => number;
  readonly #onIdle: () => void;
  #timer: NodeJS.Timeout | null = null;
  #before = 0;

  /** @param progress - a number that changes where something goes on of which nobody tells. */
  constructor(progress: () => number, onIdle: () => void) {
    this.#progress = progress;
    this.#onIdle = onIdle;
  }

  /** Calls back after so many milliseconds, once; again after those that follow the next `refresh`. */
  start(milliseconds: number): void {
    this.stop();
    const fire = () => {
      if (this.#progress() === this.#before) this.#onIdle();
      else this.refresh();
    };
    this.#timer = setTimeout(fire, Math.min(milliseconds, MOST_MILLISECONDS)).unref();
    this.#before = this.#progress();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Something has happened: the time begins anew. */
  refresh(): void {
    if (this.#timer === null) return;
    this.#timer.refresh();
    this.#before = this.#progress();
  }
}
