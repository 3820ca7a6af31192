/** Sends datagrams, and keeps what there is no room for: a receiver that reads nothing holds up no other. */
import { AF_UNIX } from '../native/constants.js';
import { SystemError } from '../native/errors.js';
import type { Reactor } from '../reactor/reactor.js';
import type { TimerHandle } from '../reactor/timer.js';
import type { Address } from '../sockets/address.js';
import { WOULD_BLOCK } from '../sockets/exchange.js';
import type { Socket } from '../sockets/socket.js';
import { type Datagram, DatagramQueue } from './datagram-queue.js';

/** Datagrams sent before others have their turn. */
const DATAGRAMS_PER_TURN = 32;
/** Milliseconds until a receiver without room is tried again; twice as long each time. */
const SHORTEST_PAUSE = 1;
const LONGEST_PAUSE = 100;
/** What a datagram counts beside its bytes, as the header of UDP does: many empty ones are too much as well. */
const HEADER = 8;

/** Whom it sends for. */
export interface SenderOwner {
  /** A datagram could not be sent, and is dropped. */
  failed(error: SystemError): void;
  /** Some were sent, or a receiver is tried again later. */
  flushed(): void;
}

/** What waits for the same room. */
interface Lane {
  readonly queue: DatagramQueue;
  pause: number;
  resting: TimerHandle | null;
}

export class DatagramSender {
  readonly #reactor: Reactor;
  readonly #socket: Socket;
  readonly #owner: SenderOwner;
  // Those of one are sent in turn. None of them is empty, but while it is being flushed.
  readonly #lanes = new Map<string, Lane>();
  #resting = 0;
  #size = 0;

  constructor(reactor: Reactor, socket: Socket, owner: SenderOwner) {
    this.#reactor = reactor;
    this.#socket = socket;
    this.#owner = owner;
  }

  /** Bytes that wait, with a header for each datagram: 0 where none does. */
  get size(): number {
    return this.#size;
  }

  /** Datagrams that wait. */
  get count(): number {
    let count = 0;
    for (const { queue } of this.#lanes.values()) count += queue.length;
    return count;
  }

  /** Whether any of them waits for the socket to be writable. */
  get waiting(): boolean {
    return this.#lanes.size > this.#resting;
  }

  /** Sends a datagram, or keeps a copy. @throws SystemError: it cannot be sent. */
  send(data: Uint8Array, address: Address | null): void {
    const key = this.#laneOf(address);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      if (this.#transmit({ data, address })) return;
      lane = { queue: new DatagramQueue(), pause: SHORTEST_PAUSE, resting: null };
      this.#lanes.set(key, lane);
    }
    lane.queue.push(data, address);
    this.#size += data.length + HEADER;
  }

  /** The socket is writable. */
  flush(): void {
    let most = DATAGRAMS_PER_TURN;
    for (const [key, lane] of [...this.#lanes]) {
      if (most === 0) break;
      if (lane.resting === null) most -= this.#flushLane(key, lane, most);
    }
    this.#owner.flushed();
  }

  /** Drops what waits. */
  clear(): void {
    for (const { queue, resting } of this.#lanes.values()) {
      queue.clear();
      resting?.cancel();
    }
    this.#lanes.clear();
    this.#resting = 0;
    this.#size = 0;
  }

  /** @returns how many it is rid of. */
  #flushLane(key: string, lane: Lane, most: number): number {
    const { queue } = lane;
    let count = 0;
    for (let { first } = queue; first !== undefined && count < most; first = queue.first) {
      try {
        if (!this.#transmit(first)) break;
        this.#shift(queue, first);
      } catch (error) {
        // Only a system call fails a datagram; what else is thrown is a mistake in here.
        if (!(error instanceof SystemError)) throw error;
        this.#shift(queue, first);
        this.#owner.failed(error);
      }
      count++;
    }
    // What was called may have ended all.
    if (this.#lanes.get(key) !== lane) return count;
    if (queue.length === 0) {
      this.#lanes.delete(key);
    } else if (count > 0) {
      lane.pause = SHORTEST_PAUSE;
      // Behind the others.
      this.#lanes.delete(key);
      this.#lanes.set(key, lane);
    } else {
      this.#rest(key, lane);
    }
    return count;
  }

  /** The socket is writable, and yet there is no room: that of a Unix receiver, which no readiness reports. */
  #rest(key: string, lane: Lane): void {
    lane.resting = this.#reactor.callLater(lane.pause, () => {
      lane.resting = null;
      this.#resting--;
      this.#flushLane(key, lane, DATAGRAMS_PER_TURN);
      this.#owner.flushed();
    });
    this.#resting++;
    lane.pause = Math.min(2 * lane.pause, LONGEST_PAUSE);
  }

  #shift(queue: DatagramQueue, { data }: Datagram): void {
    queue.shift();
    this.#size -= data.length + HEADER;
  }

  /** @returns `false`: there is no room now. */
  #transmit({ data, address }: Datagram): boolean {
    const sent = address === null ? this.#socket.send(data) : this.#socket.sendTo(data, address);
    return sent !== WOULD_BLOCK;
  }

  /** Unix datagrams wait for room at their receiver, all others for that of the socket. */
  #laneOf(address: Address | null): string {
    if (address === null || this.#socket.family !== AF_UNIX || !('path' in address)) return '';
    const { path } = address;
    return typeof path === 'string' ? path : Buffer.from(path).toString();
  }
}
