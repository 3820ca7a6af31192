/** Datagrams at protocol level: a socket that a reactor waits for. */
import { constants as os } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
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
import type { TimerHandle } from '../reactor/timer.js';
import { type FileWatcher, LOST } from '../reactor/watcher.js';
import { EVENT_READ, EVENT_WRITE } from '../selectors/events.js';
import { type Address, decode, encode } from '../sockets/address.js';
import type { Socket } from '../sockets/socket.js';
import type { DatagramProtocol } from './datagram-protocol.js';
import { DatagramSender } from './datagram-sender.js';
import { perReactor } from './per-reactor.js';
import { hasEnded } from './reactor-end.js';
import { Slab } from './slab.js';

export type { DatagramProtocol } from './datagram-protocol.js';

/** Bytes that are received of a datagram; one of UDP has no more. */
const LONGEST = 64 * 1024;
/** Where datagrams are received, one after the other. */
const bufferOf = perReactor(() => new Slab(LONGEST));
/** Datagrams received before others have their turn. */
const DATAGRAMS_PER_TURN = 32;
/** Bytes that wait to be sent when the protocol is to pause, and when it is to go on. */
const HIGH = 64 * 1024;
const LOW = 16 * 1024;
/** Milliseconds that what waits to be sent has after `close`. */
const GRACE = 5_000;
/** Linux says how long a datagram was that did not fit. */
const RECEIVE_FLAGS = process.platform === 'linux' ? (constants['MSG_TRUNC'] ?? 0) : 0;
const { EMSGSIZE, ETIMEDOUT } = os.errno;

/** Sends datagrams, and tells its {@link DatagramProtocol} what comes. Made by `createDatagramEndpoint()`. */
export class DatagramTransport {
  readonly socket: Socket;
  readonly reactor: Reactor;
  readonly #protocol: DatagramProtocol;
  // Whom it is connected to.
  readonly #peer: Address | null;
  readonly #release: () => void;
  readonly #buffer: Slab;
  readonly #watcher: FileWatcher;
  readonly #sender: DatagramSender;
  #state: 'new' | 'open' | 'closing' | 'losing' | 'lost' = 'new';
  #error: Error | null = null;
  #full = false;
  #grace: TimerHandle | null = null;

  /** @internal Becomes the owner of the socket. @throws as `reactor.watch`; the socket is open then. */
  constructor(
    reactor: Reactor,
    socket: Socket,
    protocol: DatagramProtocol,
    peer: Address | null,
    release: () => void,
  ) {
    this.socket = socket;
    this.reactor = reactor;
    this.#protocol = protocol;
    this.#peer = peer;
    this.#release = release;
    this.#buffer = bufferOf(reactor);
    this.#watcher = reactor.watchers.watch(socket, EVENT_READ, this.#serve, undefined, {
      onLost: this.#onLost,
    });
    this.#watcher.pause();
    this.#sender = new DatagramSender(reactor, socket, {
      failed: (error) => this.#tellError(error),
      flushed: () => this.#flushed(),
    });
  }

  /** Bytes that wait to be sent, and 8 more for each datagram, as many as the header of UDP has. */
  get writeBufferSize(): number {
    return this.#sender.size;
  }

  /** Whether it is being closed, or has ended. */
  get closing(): boolean {
    return this.#state !== 'open';
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
   * Sends a datagram, which may be empty: at once, or where the kernel has no room, a copy when it has. What goes to one
   * receiver is sent in the order of the calls; a Unix receiver that has no room holds up no other. What cannot be sent is
   * told by `errorReceived`.
   *
   * @param address - to whom. An endpoint with a remote address sends to that one only, and needs none.
   * @returns `false`: more waits to be sent than the high-water mark, 64 KiB; wait for `resumeWriting`.
   * @throws TypeError: no bytes; no address, one of another family, one that is not the remote's. StateError `ERR_CLOSED`:
   * after `close`, `abort` or loss.
   */
  send(data: Uint8Array, address?: Address): boolean {
    checkBuffer(data, 'data');
    if (this.#state !== 'open') throw new StateError('ERR_CLOSED', 'the datagram endpoint is closed');
    const destination = this.#destination(address);
    try {
      this.#sender.send(data, destination);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      // Not from here: a protocol that sends again would call itself.
      this.#soon(() => this.#tellError(error));
    }
    if (this.writeBufferSize > 0) this.#wait();
    if (!this.#full && this.writeBufferSize > HIGH) {
      this.#full = true;
      this.#tell('pauseWriting');
    }
    return !this.#full && !this.closing;
  }

  /** Keeps the process alive while it is open, and its reactor hosted: the default. */
  ref(): this {
    this.#watcher.ref();
    return this;
  }

  /** Does not; a Unix datagram whose receiver has no room still does, until it is sent. */
  unref(): this {
    this.#watcher.unref();
    return this;
  }

  /** Receives no more, and ends when all that waits is sent, at the latest after 5 s. Again: nothing. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#wait();
    if (this.writeBufferSize === 0) this.#lose(null);
    else if (hasEnded(this.reactor)) this.#lose(canceled());
    else {
      this.#watcher.runInAsyncScope(() => {
        this.#grace = this.reactor.callLater(GRACE, () => this.#giveUp());
      });
    }
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
    if ((events & EVENT_WRITE) !== 0) this.#sender.flush();
    if ((events & EVENT_READ) !== 0) this.#receive();
  };

  readonly #onLost = (): void => {
    this.#lose(canceled());
    // It may have been lost before, and the reactor was to tell.
    if (hasEnded(this.reactor)) this.#watcher.runInAsyncScope(() => this.#tellLost());
  };

  #receive(): void {
    for (let count = 0; count < DATAGRAMS_PER_TURN && this.#state === 'open'; count++) {
      let received: { length: number; address: Address | null } | null;
      try {
        this.#buffer.reserve(LONGEST);
        received = this.socket.recvFrom(this.#buffer.bytes, RECEIVE_FLAGS);
        if (received !== null && received.length > LONGEST) throw tooLong(received.length);
      } catch (error) {
        this.#tellFailure(error);
        return;
      }
      if (received === null) return;
      const { length, address } = received;
      try {
        this.#protocol.datagramReceived?.(this.#buffer.view(length), address);
      } catch (error) {
        this.#report(error, 'datagramReceived');
      }
    }
  }

  /** Fewer wait to be sent, or not for the socket. */
  #flushed(): void {
    if (this.#full && this.writeBufferSize <= LOW) {
      this.#full = false;
      this.#tell('resumeWriting');
    }
    if (this.#state === 'closing' && this.writeBufferSize === 0) this.#lose(null);
    else this.#wait();
  }

  /** It was closed, and there is a receiver that does not read. */
  #giveUp(): void {
    this.#tellError(unsent(this.#sender.count));
    this.#lose(null);
  }

  /** Waits for what there is to wait for. */
  #wait(): void {
    if (this.#state === 'losing' || this.#state === 'lost' || !this.#watcher.active) return;
    const interest = (this.#state === 'open' ? EVENT_READ : 0) | (this.#sender.waiting ? EVENT_WRITE : 0);
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
    this.#sender.clear();
    this.#grace?.cancel();
    // It hears of the reactor's close, which may come before connectionLost() was called.
    this.#watcher.pause();
    if (!known) this.#end();
    else if (hasEnded(this.reactor)) this.#watcher.runInAsyncScope(() => this.#tellLost());
    else this.#soon(() => this.#tellLost());
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
    const fd = this.socket.fileno();
    try {
      this.socket.close();
    } catch (error) {
      const message = 'the socket of a datagram endpoint was closed by somebody else';
      this.reactor.futures.report(error, { message, source: 'transport', fd });
    }
  }

  #soon(callback: () => void): void {
    this.#watcher.runInAsyncScope(() => this.reactor.callSoon(callback));
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

  #tell(callback: 'pauseWriting' | 'resumeWriting'): void {
    try {
      this.#protocol[callback]?.();
    } catch (error) {
      this.#report(error, callback);
    }
  }

  #report(error: unknown, callback: keyof DatagramProtocol): void {
    const fd = this.socket.fileno();
    const message = `${callback}() of a datagram protocol threw`;
    this.reactor.futures.report(error, { message, source: 'transport', ...(fd >= 0 && { fd }) });
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

function unsent(count: number): SystemError {
  return new SystemError(-ETIMEDOUT, 'sendto', {
    hint: `datagrams that had not been sent 5 s after close() are dropped: ${count}`,
  });
}
