/** What the echo server needs of whoever calls it: so little that a reactor has it, and a loop of one's own. */
import type { RegisterOptions, Selector, Socket } from 'iomux';

export interface Loop {
  /** What it waits with. */
  readonly selector: Selector<unknown>;
  /** Calls back whenever one of `events` holds for a socket, until the watcher or the socket is closed. */
  watch(
    socket: Socket,
    events: number,
    callback: (events: number, watcher: Watcher) => void,
    options?: RegisterOptions,
  ): Watcher;
  /** Calls back once, after so many milliseconds. */
  callLater(delay: number, callback: () => void): { cancel(): void };
}

export interface Watcher {
  /** What the socket is watched for. */
  readonly events: number;
  /** Watches it for something else. */
  modify(events: number): void;
  /** Of a oneshot watcher: arms it again. Of an edge-triggered one: has it called once more, in the next turn. */
  rearm(): void;
  close(): void;
}
