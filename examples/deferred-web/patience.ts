/** How long a client has kept us waiting for one thing. */
import type { Reactor, TimerHandle } from 'iomux';

export class Patience<What extends string> {
  readonly #reactor: Reactor;
  readonly #limit: number;
  readonly #onOver: (what: What) => void;
  #since: unknown = null;
  #timer: TimerHandle | null = null;

  /** @param limit - milliseconds. */
  constructor(reactor: Reactor, limit: number, onOver: (what: What) => void) {
    this.#reactor = reactor;
    this.#limit = limit;
    this.#onOver = onOver;
  }

  /**
   * From now on we wait for `what`; unless we did before, for the same `count`th time: a client that sends a byte now and
   * then gains nothing by it.
   */
  waitFor(what: What, count: number): void {
    const since = `${what} ${count}`;
    if (since === this.#since) return;
    this.stop();
    this.#since = since;
    this.#timer = this.#reactor.callLater(this.#limit, () => this.#onOver(what));
  }

  /** We wait for nothing of the client's. */
  stop(): void {
    this.#since = null;
    this.#timer?.cancel();
  }
}
