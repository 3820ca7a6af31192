/** Operations on sockets as futures: tried at once, and where they would block, finished when the socket is ready. */
import { checkBuffer, checkSlice } from '../buffers.js';
import { invalidType, StateError, SystemError } from '../native/errors.js';
import { EVENT_READ, EVENT_WRITE } from '../selectors/events.js';
import type { Address } from '../sockets/address.js';
import { WOULD_BLOCK } from '../sockets/exchange.js';
import { Socket } from '../sockets/socket.js';
import { AcceptPause, isExhaustion, ReserveDescriptor } from './accept-guard.js';
import type { Report } from './errors.js';
import { Future, type FutureOwner } from './future.js';
import { type Attempt, OperationQueue, PENDING, Wait } from './operation-queue.js';
import type { Watchers } from './watchers.js';

/** Connections accepted, and other operations done, before others have their turn. */
const ACCEPTS_PER_TURN = 64;
const OPERATIONS_PER_TURN = 16;

/** What the operations need of their reactor. */
export interface OperationsOwner {
  readonly watchers: Watchers;
  readonly futures: FutureOwner;
  readonly report: Report;
  after(delay: number, callback: () => void): { cancel(): void };
}

/** A datagram's length, and whose it is. */
export interface Received {
  length: number;
  address: Address | null;
}

export class SocketOperations {
  readonly #owner: OperationsOwner;
  readonly #readers = new Map<Socket, OperationQueue>();
  readonly #writers = new Map<Socket, OperationQueue>();
  readonly #reserve = new ReserveDescriptor();
  // Accepted for somebody who was cancelled before he was told. Those of a listener that is garbage are garbage, too.
  readonly #returned = new WeakMap<Socket, Socket[]>();

  constructor(owner: OperationsOwner) {
    this.#owner = owner;
  }

  accept(listener: Socket): Future<Socket> {
    checkSocket(listener);
    this.#reserve.hold();
    const pause = new AcceptPause();
    const attempt = () => {
      try {
        return this.#returned.get(listener)?.shift() ?? listener.accept() ?? PENDING;
      } catch (error) {
        if (!isExhaustion(error)) throw error;
        return this.#pauseAccepting(listener, error, pause.next());
      }
    };
    return this.#begin(listener, EVENT_READ, 'accept', attempt, (connection) =>
      this.#takeBack(listener, connection),
    );
  }

  /** A connection goes to whoever accepts next. */
  #takeBack(listener: Socket, connection: Socket): void {
    if (listener.closed) {
      connection.close();
      return;
    }
    const returned = this.#returned.get(listener);
    if (returned === undefined) this.#returned.set(listener, [connection]);
    else returned.push(connection);
    this.#readers.get(listener)?.retry();
  }

  connect(socket: Socket, address: Address): Future<void> {
    checkSocket(socket);
    let begun = false;
    return this.#begin<void>(socket, EVENT_WRITE, 'connect', () => {
      const connected = begun ? socket.finishConnect() : socket.connect(address);
      begun = true;
      return connected ? undefined : PENDING;
    });
  }

  recv(socket: Socket, buffer: Uint8Array): Future<number> {
    checkSocket(socket);
    checkBuffer(buffer, 'buffer');
    checkSlice(buffer, 0, buffer.length);
    return this.#begin(socket, EVENT_READ, 'recv', () => unlessBlocked(socket.recv(buffer)));
  }

  sendAll(socket: Socket, data: Uint8Array): Future<void> {
    checkSocket(socket);
    checkBuffer(data, 'data');
    let sent = 0;
    return this.#begin<void>(socket, EVENT_WRITE, 'send', () => {
      while (sent < data.length) {
        const count = socket.send(data, sent, data.length - sent);
        if (count === WOULD_BLOCK) return PENDING;
        sent += count;
      }
      return undefined;
    });
  }

  recvFrom(socket: Socket, buffer: Uint8Array): Future<Received> {
    checkSocket(socket);
    checkBuffer(buffer, 'buffer');
    return this.#begin(socket, EVENT_READ, 'recvfrom', () => socket.recvFrom(buffer) ?? PENDING);
  }

  sendTo(socket: Socket, data: Uint8Array, address: Address): Future<number> {
    checkSocket(socket);
    checkBuffer(data, 'data');
    return this.#begin(socket, EVENT_WRITE, 'sendto', () => unlessBlocked(socket.sendTo(data, address)));
  }

  close(): void {
    this.#reserve.release();
  }

  /** @param onReturn - takes back a result that nobody was told of. */
  #begin<T>(
    socket: Socket,
    direction: number,
    syscall: string,
    attempt: Attempt<T>,
    onReturn: ((value: T) => void) | null = null,
  ): Future<T> {
    const queues = direction === EVENT_READ ? this.#readers : this.#writers;
    const { futures } = this.#owner;
    const present = queues.get(socket);
    if (present !== undefined) return present.add(syscall, attempt, PENDING, onReturn);
    this.#owner.watchers.checkFree(socket, direction);
    let outcome: T | Wait;
    try {
      outcome = attempt();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      const failed = new Future<T>(futures);
      failed.setException(error);
      return failed;
    }
    if (!(outcome instanceof Wait)) {
      const done = new Future<T>(futures, null, onReturn);
      done.setResult(outcome);
      return done;
    }
    // An attempt that reports may have been told to do another.
    const since = queues.get(socket);
    if (since !== undefined) return since.add(syscall, attempt, outcome, onReturn);
    const perTurn = syscall === 'accept' ? ACCEPTS_PER_TURN : OPERATIONS_PER_TURN;
    const queue = new OperationQueue(socket, perTurn, {
      futures,
      watch: (onReady, onLost) =>
        this.#owner.watchers.watch(socket, direction, onReady, undefined, { onLost }),
      after: this.#owner.after,
      emptied: () => queues.delete(socket),
    });
    const future = queue.add(syscall, attempt, outcome, onReturn);
    queues.set(socket, queue);
    return future;
  }

  #pauseAccepting(listener: Socket, error: SystemError, delay: number): Wait {
    const dropped = this.#reserve.spend(listener) ? 'one connection was closed unserved, ' : '';
    const message = `cannot accept (${error.code}): ${dropped}trying again in ${delay} ms`;
    this.#owner.report(error, { message, source: 'server', fd: listener.fileno() });
    return new Wait(delay);
  }
}

function unlessBlocked(count: number): number | Wait {
  return count === WOULD_BLOCK ? PENDING : count;
}

function checkSocket(socket: Socket): void {
  if (!(socket instanceof Socket)) throw invalidType('socket', 'a Socket', socket);
  if (socket.closed) throw new StateError('ERR_CLOSED', 'the socket is closed');
}
