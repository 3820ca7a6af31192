/** How long to leave a listener alone that has connections for us, where we have no descriptors for them. */

const SHORTEST = 5;
const LONGEST = 1000;

/**
 * Out of descriptors (EMFILE) a connection stays in the queue and the listener stays readable: watching it on would be
 * a busy loop. So it is not watched for a while, twice as long each time that this did not help. A pause that was cut
 * short, because a descriptor came free, goes on where that was not enough: it is no new one.
 */
export class AcceptPause {
  #paused = false;
  #until = 0;
  #delay = SHORTEST;

  /** Milliseconds until accepting is to be tried again; `null`: there is no pause. */
  get remaining(): number | null {
    return this.#paused ? Math.max(0, this.#until - performance.now()) : null;
  }

  /** Begins a pause. @returns its length in milliseconds; `null`: the one before goes on. */
  begin(): number | null {
    this.#paused = true;
    const now = performance.now();
    if (now < this.#until) return null;
    const delay = this.#delay;
    this.#until = now + delay;
    this.#delay = Math.min(2 * delay, LONGEST);
    return delay;
  }

  /** Accepting is tried again: time is up, or a descriptor was freed. */
  end(): void {
    this.#paused = false;
  }

  /** Nobody waits any more: the next pause is a short one. */
  reset(): void {
    this.#delay = SHORTEST;
  }
}
