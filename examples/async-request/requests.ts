/** The requests that have no answer yet: those to be begun, and those under way. */
import { checkOptions, type RequestOptions } from './message.js';
import { AsyncRequest } from './request.js';

export class Requests implements Disposable {
  readonly #added: AsyncRequest[] = [];
  readonly #underWay = new Set<AsyncRequest>();

  /** Also from a callback. @throws TypeError, RangeError: bad options. */
  add(options: RequestOptions): void {
    const request: AsyncRequest = new AsyncRequest(checkOptions(options), () =>
      this.#underWay.delete(request),
    );
    this.#added.push(request);
  }

  /** How many callbacks are still to be called. */
  get size(): number {
    return this.#added.length + this.#underWay.size;
  }

  /** Starts what was added. @returns what is under way then: one may fail at once. */
  start(): AsyncRequest[] {
    const added = this.#added.splice(0);
    for (const request of added) {
      this.#underWay.add(request);
      request.start();
    }
    return added.filter((request) => this.#underWay.has(request));
  }

  /** How long to wait at most, in milliseconds: until somebody's time is over; not at all, where there is one to start. */
  get remaining(): number {
    if (this.#added.length > 0 || this.#underWay.size === 0) return 0;
    let first = Number.POSITIVE_INFINITY;
    for (const { deadline } of this.#underWay) first = Math.min(first, deadline);
    return first - performance.now();
  }

  /** Ends those whose time is over, in that order. @returns them. */
  expire(): AsyncRequest[] {
    const now = performance.now();
    const expired = [...this.#underWay]
      .filter(({ deadline }) => deadline <= now)
      .sort((a, b) => a.deadline - b.deadline);
    for (const request of expired) request.expire();
    return expired;
  }

  /** Gives up all of them. */
  [Symbol.dispose](): void {
    for (const request of this.#underWay) request.close();
    this.#underWay.clear();
    this.#added.length = 0;
  }
}
