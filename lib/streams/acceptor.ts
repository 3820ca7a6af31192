/** Accepting connections from one listener, in turns, and with care where there are no descriptors left. */
import { SystemError } from '../native/errors.js';
import { AcceptPause, isExhaustion, type ReserveDescriptor } from '../reactor/accept-guard.js';
import type { Reactor } from '../reactor/reactor.js';
import type { TimerHandle } from '../reactor/timer.js';
import type { FileWatcher } from '../reactor/watcher.js';
import { EVENT_READ } from '../selectors/events.js';
import type { Socket } from '../sockets/socket.js';
import { hasEnded } from './reactor-end.js';

/** Connections accepted before others have their turn. */
const ACCEPTS_PER_TURN = 64;
/** What says that a socket listens no more; anything else may pass. */
const DEAD: ReadonlySet<string> = new Set(['EBADF', 'EINVAL', 'ENOTSOCK', 'EOPNOTSUPP']);

/** Whose connections they are. */
export interface AcceptorOwner {
  readonly reactor: Reactor;
  readonly reserve: ReserveDescriptor;
  /** Takes a connection. It may hold or close the acceptor, and must not throw. */
  accepted(socket: Socket): void;
  /** The listener was closed: by somebody else, or because the reactor was. */
  lost(acceptor: Acceptor): void;
}

export class Acceptor {
  readonly #listener: Socket;
  readonly #owner: AcceptorOwner;
  readonly #watcher: FileWatcher;
  #pause = new AcceptPause();
  #resuming: TimerHandle | null = null;
  #held = false;

  /** @throws as `reactor.watch`. */
  constructor(listener: Socket, owner: AcceptorOwner) {
    this.#listener = listener;
    this.#owner = owner;
    this.#watcher = owner.reactor.watchers.watch(listener, EVENT_READ, () => this.#serve(), undefined, {
      onLost: () => this.#lose(hasEnded(owner.reactor)),
    });
  }

  /** Whether its owner wants no more connections now. They wait in the queue of the listener. */
  set held(held: boolean) {
    this.#held = held;
    this.#update();
  }

  /** Accepts no more; the listener stays open. */
  close(): void {
    this.#watcher.close();
    this.#resuming?.cancel();
  }

  #serve(): void {
    // A watcher that is active no more was closed, or has found the listener closed: accept() says so.
    for (let count = 0; count < ACCEPTS_PER_TURN && !this.#held && !this.#listener.closed; count++) {
      let socket: Socket | null;
      try {
        socket = this.#listener.accept();
      } catch (error) {
        this.#failed(error);
        return;
      }
      if (socket === null) {
        // Nobody waits any more: the next pause is a short one.
        this.#pause = new AcceptPause();
        this.#owner.reserve.hold();
        return;
      }
      this.#owner.accepted(socket);
    }
  }

  #failed(error: unknown): void {
    const { reactor, reserve } = this.#owner;
    const fd = this.#listener.fileno();
    const code = error instanceof SystemError ? error.code : String(error);
    if (DEAD.has(code)) {
      // A descriptor that somebody closed behind our back may be another's by now.
      this.#lose(code !== 'EBADF');
      const message = `cannot accept any more (${code}): the listener is closed`;
      reactor.futures.report(error, { message, source: 'server', fd });
      return;
    }
    const dropped = isExhaustion(error) && reserve.spend(this.#listener);
    const delay = this.#pause.next();
    this.#resuming = reactor.callLater(delay, () => {
      this.#resuming = null;
      this.#update();
    });
    this.#update();
    const consequence = dropped ? 'one connection was closed unserved, ' : '';
    const message = `cannot accept (${code}): ${consequence}trying again in ${delay} ms`;
    reactor.futures.report(error, { message, source: 'server', fd });
  }

  /** It hears of the listener's close also while it rests. */
  #update(): void {
    if (this.#held || this.#resuming !== null) this.#watcher.pause();
    else this.#watcher.resume();
  }

  /** @param close - `false`: the listener is being closed already, or is closed. */
  #lose(close: boolean): void {
    this.close();
    try {
      if (close) this.#listener.close();
    } finally {
      this.#owner.lost(this);
    }
  }
}
