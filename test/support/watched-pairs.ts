/** Many socket pairs with watchers on both ends, changed at random, and a model of who is to be called. */
import { EVENT_READ, EVENT_WRITE, type Reactor, Socket, type Watcher } from 'iomux';
import { drain, send } from './pairs.js';
import type { Random } from './random.js';

const DIRECTIONS = EVENT_READ | EVENT_WRITE;
/** Far less than a socket takes, so that each can always be written to. */
const MOST_UNREAD = 50;

/** A watcher as it should be. */
export interface Watch {
  readonly watcher: Watcher;
  readonly end: End;
  events: number;
  /** The iteration in whose batch it was set; -1: in none. */
  readonly born: number;
}

/** One end of a pair. */
export interface End {
  readonly socket: Socket;
  peer: End;
  unread: number;
  readonly watches: Watch[];
}

export class WatchedPairs {
  readonly ends: End[] = [];
  /** Ends that were changed since this was last cleared. */
  readonly touched = new Set<End>();
  /** The iteration whose batch is being delivered; -1: none is. */
  batch = -1;
  readonly #reactor: Reactor;
  readonly #random: Random;
  readonly #called: (watch: Watch, events: number) => void;

  constructor(
    reactor: Reactor,
    random: Random,
    pairs: number,
    called: (watch: Watch, events: number) => void,
  ) {
    this.#reactor = reactor;
    this.#random = random;
    this.#called = called;
    for (let index = 0; index < pairs; index++) {
      for (const end of openPair()) {
        this.ends.push(end);
        this.#watch(end, EVENT_READ);
      }
    }
  }

  /** What a watcher is to be called for; 0: it is not. */
  expected({ end, events }: Watch): number {
    if (end.peer.socket.closed) return events;
    return events & (EVENT_WRITE | (end.unread > 0 ? EVENT_READ : 0));
  }

  /** Whether a watch is still one of its end. */
  holds(watch: Watch): boolean {
    return watch.end.watches.includes(watch);
  }

  /** Does something to some end. */
  change(): void {
    const random = this.#random;
    const index = random.below(this.ends.length);
    const end = this.ends[index] as End;
    this.#touch(end);
    if (end.socket.closed) {
      this.#reopen(index, end);
      return;
    }
    const { watches } = end;
    switch (random.below(8)) {
      case 0:
        this.#close(end);
        return;
      case 1:
      case 2:
        if (end.peer.socket.closed || end.peer.unread >= MOST_UNREAD) return;
        send(end.socket);
        end.peer.unread++;
        return;
      case 3:
        // A peer that closed with something unread has left an error.
        if (end.peer.socket.closed) return;
        drain(end.socket);
        end.unread = 0;
        return;
      case 4:
        if (watches.length > 0) this.#unwatch(random.pick(watches));
        return;
      case 5:
        if (watches.length > 0) this.#modify(random.pick(watches));
        return;
      default: {
        const free = this.#free(end);
        if (free !== 0) this.#watch(end, this.#some(free));
      }
    }
  }

  /** Every watcher there should be. */
  *watches(): Generator<Watch> {
    for (const { watches } of this.ends) yield* watches;
  }

  close(): void {
    for (const { socket } of this.ends) socket.close();
  }

  #touch(end: End): void {
    this.touched.add(end);
    this.touched.add(end.peer);
  }

  #watch(end: End, events: number): void {
    const watch: Watch = {
      watcher: this.#reactor.watch(end.socket, events, (found) => this.#called(watch, found)),
      end,
      events,
      born: this.batch,
    };
    end.watches.push(watch);
  }

  #unwatch(watch: Watch): void {
    watch.watcher.close();
    watch.end.watches.splice(watch.end.watches.indexOf(watch), 1);
  }

  #modify(watch: Watch): void {
    watch.events = this.#some(this.#free(watch.end) | watch.events);
    watch.watcher.modify(watch.events);
  }

  #close(end: End): void {
    end.socket.close();
    end.watches.length = 0;
  }

  /** A new pair in the place of a closed end and of its peer. */
  #reopen(index: number, end: End): void {
    const peerIndex = this.ends.indexOf(end.peer);
    this.#close(end.peer);
    const pair = openPair();
    this.ends[index] = pair[0];
    this.ends[peerIndex] = pair[1];
    for (const fresh of pair) this.#touch(fresh);
    this.#watch(pair[0], EVENT_READ);
  }

  #free({ watches }: End): number {
    return watches.reduce((free, { events }) => free & ~events, DIRECTIONS);
  }

  /** A non-empty part of `events`, rarely WRITE: that is nearly always ready. */
  #some(events: number): number {
    const random = this.#random;
    const part = (random.oneIn(2) ? EVENT_READ : 0) | (random.oneIn(4) ? EVENT_WRITE : 0);
    return (part & events) === 0 ? events : part & events;
  }
}

function openPair(): [End, End] {
  const [one, other] = Socket.pair().map((socket) => ({ socket, unread: 0, watches: [] as Watch[] }));
  const [near, far] = [one, other] as [End, End];
  near.peer = far;
  far.peer = near;
  return [near, far];
}
