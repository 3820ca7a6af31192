/** One attempt to connect a new socket to one address. */
import { AF_UNIX } from '../native/constants.js';
import { ECANCELED, SystemError } from '../native/errors.js';
import type { Reactor } from '../reactor/reactor.js';
import type { TimerHandle } from '../reactor/timer.js';
import { type FileWatcher, LOST } from '../reactor/watcher.js';
import { EVENT_WRITE } from '../selectors/events.js';
import { type Address, detailsOf, familyOf } from '../sockets/address.js';
import { Socket } from '../sockets/socket.js';

/** Milliseconds until a Unix listener is asked again that has no room; twice as long each time. */
const SHORTEST_PAUSE = 1;
const LONGEST_PAUSE = 100;

export class ConnectAttempt {
  readonly #reactor: Reactor;
  readonly #address: Address;
  readonly #noDelay: boolean;
  readonly #ended: (attempt: ConnectAttempt, outcome: Socket | Error) => void;
  #socket: Socket | null = null;
  #watcher: FileWatcher | null = null;
  #retry: TimerHandle | null = null;
  #pause = SHORTEST_PAUSE;

  /** @param ended - gets the connected socket, or why there is none; what fails at once calls it before `begin` returns. */
  constructor(
    reactor: Reactor,
    address: Address,
    noDelay: boolean,
    ended: (attempt: ConnectAttempt, outcome: Socket | Error) => void,
  ) {
    this.#reactor = reactor;
    this.#address = address;
    this.#noDelay = noDelay;
    this.#ended = ended;
  }

  begin(): void {
    try {
      const family = familyOf(this.#address);
      const socket = new Socket(family);
      this.#socket = socket;
      if (this.#noDelay && family !== AF_UNIX) socket.setNoDelay();
      this.#watcher = this.#reactor.watchers.watch(socket, EVENT_WRITE, () => this.#finish(), undefined, {
        onLost: () => this.#lose(),
      });
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    this.#connect();
  }

  /** Closes what was opened; nobody is told. */
  cancel(): void {
    this.#retry?.cancel();
    this.#watcher?.close();
    this.#socket?.close();
  }

  #connect(): void {
    this.#retry = null;
    try {
      this.#socket?.connect(this.#address);
      // Also where it is connected at once: whoever is told is told in an iteration of the reactor.
      this.#watcher?.resume();
    } catch (error) {
      if (error instanceof SystemError && error.code === 'EAGAIN') this.#rest();
      else this.#fail(error as Error);
    }
  }

  /** The queue of a Unix listener is full, which no readiness reports. On TCP the kernel itself would try again. */
  #rest(): void {
    this.#watcher?.pause();
    this.#retry = this.#reactor.callLater(this.#pause, () => this.#connect());
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }

  #finish(): void {
    const socket = this.#socket;
    try {
      if (socket?.finishConnect() !== true) return;
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    this.#watcher?.close();
    this.#socket = null;
    this.#ended(this, socket);
  }

  /** The reactor is being closed. */
  #lose(): void {
    this.#fail(new SystemError(-ECANCELED, 'connect', { ...detailsOf(this.#address), hint: LOST }));
  }

  #fail(error: Error): void {
    this.cancel();
    this.#ended(this, error);
  }
}
