/** Datagrams at protocol level: a socket that a reactor waits for. */
import { constants as os } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { checkFunction, checkObject } from '../arguments.js';
import { checkBuffer } from '../buffers.js';
import { constants } from '../native/constants.js';
import {
  Description,
  ECANCELED,
  invalidType,
  invalidValue,
  StateError,
  SystemError,
} from '../native/errors.js';
import type { Reactor } from '../reactor/reactor.js';
import type { TimerHandle } from '../reactor/timers.js';
import { type FileWatcher, LOST } from '../reactor/watcher.js';
import { EVENT_READ, EVENT_WRITE } from '../selectors/events.js';
import { type Address, decode, encode } from '../sockets/address.js';
import { WOULD_BLOCK } from '../sockets/exchange.js';
import type { Socket } from '../sockets/socket.js';
import { type Datagram, DatagramQueue } from './datagram-queue.js';
import { receiveBufferOf } from './receive-buffer.js';

/** Datagrams received, or sent, before others have their turn. */
const DATAGRAMS_PER_TURN = 32;
/** Milliseconds until a datagram is sent again whose receiver has no room. */
const PAUSE = 1;
/** Linux says how long a datagram was that did not fit. */
const RECEIVE_FLAGS = process.platform === 'linux' ? (constants['MSG_TRUNC'] ?? 0) : 0;
const EMSGSIZE = os.errno.EMSGSIZE;

/**
 * The callbacks of a datagram endpoint, each of which may be left out. What one throws goes to the reactor's `onError`, and
 * the endpoint goes on; thrown by `connectionMade`, it ends it.
 */
export interface DatagramProtocol {
  /** Once, first. */
  connectionMade?(transport: DatagramTransport): void;
  /**
   * @param data - a view into the reactor's receive buffer: valid during the call, copy what must last. It may be empty.
   * @param address - of the sender; `null`: a Unix socket that is not bound.
   */
  datagramReceived?(data: Buffer, address: Address | null): void;
  /** A datagram could not be sent (`ECONNREFUSED`: nobody receives there), or received. The endpoint stays open. */
  errorReceived?(error: SystemError): void;
  /** Once, last. `null`: it was closed in order; otherwise why it ended. */
  connectionLost?(error: Error | null): void;
}

const CALLBACKS = ['connectionMade', 'datagramReceived', 'errorReceived', 'connectionLost'] as const;

/** Sends datagrams, and tells its {@link DatagramProtocol} what comes. Made by `createDatagramEndpoint()`. */
export class DatagramTransport {
  readonly socket: Socket;
  readonly #reactor: Reactor;
  readonly #protocol: DatagramProtocol;
  // Whom it is connected to.
  readonly #peer: Address | null;
  readonly #release: () => void;
  readonly #buffer: Buffer;
  readonly #watcher: FileWatcher;
  readonly #queue = new DatagramQueue();
  #state: 'new' | 'open' | 'closing' | 'losing' | 'lost' = 'new';
  #error: Error | null = null;
  #resting: TimerHandle | null = null;

  /** @internal Becomes the owner of the socket. @throws as `reactor.watch`; the socket is open then. */
  constructor(
    reactor: Reactor,
    socket: Socket,
    protocol: DatagramProtocol,
    peer: Address | null,
    release: () => void,
  ) {
    this.socket = socket;
    this.#reactor = reactor;
    this.#protocol = protocol;
    this.#peer = peer;
    this.#release = release;
    this.#buffer = receiveBufferOf(reactor).memory;
    this.#watcher = reactor.watchers.watch(socket, EVENT_READ, this.#serve, undefined, {
      onLost: this.#onLost,
    });
    this.#watcher.pause();
  }

  /** @internal Tells the protocol, and begins to receive. */
  begin(): void {
    if (this.#state !== 'new') return;
    this.#state = 'open';
    this.#watcher.resume();
    try {
      this.#protocol.connectionMade?.(this);
    } catch (error) {
      this.#report(error, 'connectionMade');
      this.#lose(error instanceof Error ? error : new Error('connectionMade() threw', { cause: error }));
    }
  }

  /**
   * Sends a datagram, which may be empty: at once, or where the kernel has no room, a copy when it has, in the order of the
   * calls. What cannot be sent is told by `errorReceived`.
   *
   * @param address - to whom. An endpoint with a remote address sends to that one only, and needs none.
   * @throws TypeError: no bytes; no address, one of another family, one that is not the remote's. StateError `ERR_CLOSED`:
   * after `close`, `abort` or loss.
   */
  send(data: Uint8Array, address?: Address): void {
    checkBuffer(data, 'data');
    if (this.#state !== 'open') throw new StateError('ERR_CLOSED', 'the datagram endpoint is closed');
    const destination = this.#destination(address);
    if (this.#queue.first === undefined) {
      try {
        if (this.#transmit({ data, address: destination })) return;
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        // Not from here: a protocol that sends again would call itself.
        this.#watcher.runInAsyncScope(() => this.#reactor.callSoon(() => this.#tellError(error)));
        return;
      }
    }
    this.#queue.push(data, destination);
    this.#wait();
  }

  /** Receives no more, and ends when all that waits is sent. Again: nothing. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#endIfSent();
  }

  /** Ends at once; what waits to be sent is dropped. */
  abort(): void {
    this.#lose(null);
  }

  readonly #serve = (events: number): void => {
    if (!this.#watcher.active) {
      // The descriptor was found closed.
      this.#lose(canceled());
      return;
    }
    if ((events & EVENT_WRITE) !== 0) this.#flush();
    if ((events & EVENT_READ) !== 0) this.#receive();
  };

  readonly #onLost = (): void => {
    this.#lose(canceled());
    if (this.#reactor.state === 'closed') this.#tellLost();
  };

  #receive(): void {
    for (let count = 0; count < DATAGRAMS_PER_TURN && this.#state === 'open'; count++) {
      let received: { length: number; address: Address | null } | null;
      try {
        received = this.socket.recvFrom(this.#buffer, RECEIVE_FLAGS);
        if (received !== null && received.length > this.#buffer.length) throw tooLong(received.length);
      } catch (error) {
        this.#tellFailure(error);
        return;
      }
      if (received === null) return;
      const { length, address } = received;
      try {
        this.#protocol.datagramReceived?.(this.#buffer.subarray(0, length), address);
      } catch (error) {
        this.#report(error, 'datagramReceived');
      }
    }
  }

  #flush(): void {
    for (let count = 0; count < DATAGRAMS_PER_TURN; count++) {
      const { first } = this.#queue;
      if (first === undefined) break;
      try {
        if (!this.#transmit(first)) {
          // Ready, and yet no room: that of a Unix receiver, which no readiness reports.
          if (count === 0) this.#rest();
          break;
        }
        this.#queue.shift();
      } catch (error) {
        this.#queue.shift();
        this.#tellFailure(error);
      }
    }
    this.#endIfSent();
  }

  /** @returns `false`: there is no room now. */
  #transmit({ data, address }: Datagram): boolean {
    const sent = address === null ? this.socket.send(data) : this.socket.sendTo(data, address);
    return sent !== WOULD_BLOCK;
  }

  #rest(): void {
    this.#resting = this.#reactor.callLater(PAUSE, () => {
      this.#resting = null;
      this.#flush();
    });
  }

  #endIfSent(): void {
    if (this.#state === 'closing' && this.#queue.first === undefined) this.#lose(null);
    else this.#wait();
  }

  /** Waits for what there is to wait for. */
  #wait(): void {
    if (this.#state === 'losing' || this.#state === 'lost' || !this.#watcher.active) return;
    const sending = this.#queue.first !== undefined && this.#resting === null;
    const interest = (this.#state === 'open' ? EVENT_READ : 0) | (sending ? EVENT_WRITE : 0);
    if (interest === 0) {
      this.#watcher.pause();
      return;
    }
    this.#watcher.modify(interest);
    this.#watcher.resume();
  }

  /** Whom to send to; `null`: to the one it is connected to. */
  #destination(address: Address | undefined): Address | null {
    const peer = this.#peer;
    if (peer === null) {
      if (address === undefined)
        throw invalidType('address', 'given: the endpoint has no remote one', address);
      encode(address, this.socket.family);
      return address;
    }
    if (address !== undefined && !isDeepStrictEqual(decode(encode(address, this.socket.family)), peer)) {
      throw invalidValue('address', 'left out or the remote one', new Description('another'));
    }
    return null;
  }

  #lose(error: Error | null): void {
    if (this.#state === 'losing' || this.#state === 'lost') return;
    const known = this.#state !== 'new';
    this.#state = 'losing';
    this.#error = error;
    this.#queue.clear();
    this.#resting?.cancel();
    // It hears of the reactor's close, which may come before connectionLost() was called.
    this.#watcher.pause();
    if (!known) this.#end();
    else if (this.#reactor.state !== 'closed') {
      this.#watcher.runInAsyncScope(() => this.#reactor.callSoon(() => this.#tellLost()));
    }
  }

  #tellLost(): void {
    if (this.#state !== 'losing') return;
    this.#state = 'lost';
    try {
      this.#protocol.connectionLost?.(this.#error);
    } catch (error) {
      this.#report(error, 'connectionLost');
    } finally {
      this.#end();
    }
  }

  #end(): void {
    this.#state = 'lost';
    this.#watcher.close();
    this.#release();
    this.socket.close();
  }

  /** Only a system call fails a datagram; what else is thrown is a mistake in here. */
  #tellFailure(error: unknown): void {
    if (!(error instanceof SystemError)) throw error;
    this.#tellError(error);
  }

  #tellError(error: SystemError): void {
    if (this.#state !== 'open' && this.#state !== 'closing') return;
    try {
      this.#protocol.errorReceived?.(error);
    } catch (thrown) {
      this.#report(thrown, 'errorReceived');
    }
  }

  #report(error: unknown, callback: keyof DatagramProtocol): void {
    const fd = this.socket.fileno();
    const message = `${callback}() of a datagram protocol threw`;
    this.#reactor.futures.report(error, { message, source: 'transport', ...(fd >= 0 && { fd }) });
  }
}

/** @throws TypeError: it is no object, or a callback no function. */
export function checkDatagramProtocol(protocol: DatagramProtocol): void {
  checkObject(protocol, 'protocol');
  for (const callback of CALLBACKS) {
    const value = protocol[callback];
    if (value !== undefined) checkFunction(value, `protocol.${callback}`);
  }
}

function canceled(): SystemError {
  return new SystemError(-ECANCELED, 'recvfrom', { hint: LOST });
}

function tooLong(length: number): SystemError {
  return new SystemError(-EMSGSIZE, 'recvfrom', {
    hint: `a datagram of ${length} bytes was cut off, and is dropped`,
  });
}
