/** Connecting to whichever address of a name answers first: happy eyeballs. */
import type { Reactor } from '../reactor/reactor.js';
import type { TimerHandle } from '../reactor/timer.js';
import type { Address } from '../sockets/address.js';
import type { Socket } from '../sockets/socket.js';
import { ConnectAttempt } from './connect-attempt.js';
import { hasEnded } from './reactor-end.js';

/** Milliseconds an address has for itself, before the next one is tried beside it. */
const HEAD_START = 250;

export class AddressRace {
  readonly #reactor: Reactor;
  readonly #waiting: Address[];
  readonly #noDelay: boolean;
  readonly #ended: (outcome: Socket | Error) => void;
  readonly #attempts = new Set<ConnectAttempt>();
  readonly #errors: Error[] = [];
  #timer: TimerHandle | null = null;

  /**
   * @param addresses - one at least, in the order in which they are tried.
   * @param ended - gets the first socket that is connected, all others being closed; or, when all have failed, why.
   */
  constructor(
    reactor: Reactor,
    addresses: readonly Address[],
    noDelay: boolean,
    ended: (outcome: Socket | Error) => void,
  ) {
    this.#reactor = reactor;
    this.#waiting = [...addresses];
    this.#noDelay = noDelay;
    this.#ended = ended;
  }

  begin(): void {
    this.#startNext();
  }

  /** Closes what was opened; nobody is told. */
  cancel(): void {
    this.#timer?.cancel();
    this.#waiting.length = 0;
    for (const attempt of this.#attempts) attempt.cancel();
    this.#attempts.clear();
  }

  #startNext(): void {
    this.#timer?.cancel();
    const address = this.#waiting.shift();
    if (address === undefined) return;
    const attempt = new ConnectAttempt(this.#reactor, address, this.#noDelay, this.#attemptEnded);
    this.#attempts.add(attempt);
    if (this.#waiting.length > 0) this.#timer = this.#reactor.callLater(HEAD_START, () => this.#startNext());
    attempt.begin();
  }

  readonly #attemptEnded = (attempt: ConnectAttempt, outcome: Socket | Error): void => {
    this.#attempts.delete(attempt);
    if (!(outcome instanceof Error)) {
      this.cancel();
      this.#ended(outcome);
      return;
    }
    this.#errors.push(outcome);
    if (this.#waiting.length > 0 && !hasEnded(this.#reactor)) this.#startNext();
    else if (this.#attempts.size === 0) this.#ended(together(this.#errors));
  };
}

/** One error is itself; of several the code is the first one's. */
function together(errors: readonly Error[]): Error {
  const [first] = errors;
  if (first !== undefined && errors.length === 1) return first;
  const message = `no address could be connected to: ${errors.map((error) => error.message).join('; ')}`;
  const { code } = first as NodeJS.ErrnoException;
  return Object.assign(new AggregateError(errors, message), { code });
}
