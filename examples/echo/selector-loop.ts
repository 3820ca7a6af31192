/** The smallest loop: a selector, and callbacks as the data of its keys. */
import { EVENT_READ, type RegisterOptions, type Selector, type SelectorKey, type Socket } from 'iomux';
import type { Loop, Watcher } from './loop.js';

type Callback = (events: number, watcher: Watcher) => void;

interface Timer {
  readonly when: number;
  readonly callback: () => void;
}

/** Owns its selector, and the thread while it waits. */
export class SelectorLoop implements Loop, Disposable {
  readonly #timers = new Set<Timer>();
  // Edge-triggered, and not read to their end: nobody will report them again.
  #again = new Set<SelectorWatcher>();
  #stopping = false;

  constructor(readonly selector: Selector<SelectorWatcher>) {}

  watch(socket: Socket, events: number, callback: Callback, options: RegisterOptions = {}): Watcher {
    return new SelectorWatcher(this, socket, events, callback, options);
  }

  callLater(delay: number, callback: () => void): { cancel(): void } {
    const timer: Timer = { when: performance.now() + delay, callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Calls a watcher back in the next turn, whatever the selector reports. */
  callAgain(watcher: SelectorWatcher): void {
    this.#again.add(watcher);
  }

  /** Takes turns until `stop()`. */
  run(): void {
    this.#stopping = false;
    while (!this.#stopping) this.turn();
  }

  /** Ends `run()` after this turn. */
  stop(): void {
    this.#stopping = true;
  }

  /** Waits once, and calls back whoever is ready, then whoever is due. */
  turn(): void {
    const again = this.#again;
    if (again.size > 0) this.#again = new Set();
    this.selector.dispatch(again.size > 0 ? 0 : this.#untilDue(), deliver);
    for (const watcher of again) watcher.read();
    this.#callDue();
  }

  close(): void {
    this.selector.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #untilDue(): number | null {
    if (this.#timers.size === 0) return null;
    const first = Math.min(...Array.from(this.#timers, ({ when }) => when));
    return Math.max(0, first - performance.now());
  }

  #callDue(): void {
    for (const timer of this.#timers) {
      if (timer.when > performance.now()) continue;
      this.#timers.delete(timer);
      timer.callback();
    }
  }
}

class SelectorWatcher implements Watcher {
  readonly #loop: SelectorLoop;
  readonly #socket: Socket;
  readonly #callback: Callback;
  readonly #options: RegisterOptions;
  #events: number;

  constructor(
    loop: SelectorLoop,
    socket: Socket,
    events: number,
    callback: Callback,
    options: RegisterOptions,
  ) {
    this.#loop = loop;
    this.#socket = socket;
    this.#events = events;
    this.#callback = callback;
    this.#options = options;
    loop.selector.register(socket, events, this, options);
  }

  /** None once it is closed. */
  get events(): number {
    return this.#events;
  }

  modify(events: number): void {
    this.#loop.selector.modify(this.#socket, events, this, this.#options);
    this.#events = events;
  }

  rearm(): void {
    if (this.#options.mode === 'edge') this.#loop.callAgain(this);
    else this.#loop.selector.rearm(this.#socket);
  }

  close(): void {
    // A closed socket has left the selector by itself.
    if (this.#events !== 0 && !this.#socket.closed) this.#loop.selector.unregister(this.#socket);
    this.#events = 0;
  }

  call(events: number): void {
    this.#callback(events, this);
  }

  /** Calls back as if there was something to read. */
  read(): void {
    if (!this.#socket.closed && (this.#events & EVENT_READ) !== 0) this.call(EVENT_READ);
  }
}

function deliver({ data: watcher }: SelectorKey<SelectorWatcher>, events: number): void {
  watcher.call(events);
}
