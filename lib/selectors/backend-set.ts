/** What a backend is to a selector: the set that a wait watches, and nothing that is the same on each. */
import { check } from '../native/errors.js';
import { native } from '../native/load.js';
import type { Backend, SelectorCapabilities, TriggerMode } from './capabilities.js';
import type { Registration } from './registry.js';
import { Waker, wakerState } from './waker.js';

/** A registration as the set has it. */
export interface Watched {
  readonly fd: number;
  readonly generation: number;
  /** 0 while a oneshot registration is mute. */
  readonly events: number;
  readonly mode: TriggerMode;
}

export interface BackendSet {
  readonly backend: Backend;
  readonly capabilities: SelectorCapabilities;
  /** Names the wait set to the addon. */
  readonly id: number;
  readonly waker: Waker;
  /** Its own descriptor; -1 where it has none. */
  readonly descriptor: number;

  /** Watches a descriptor. Throws, and changes nothing, where the kernel refuses. */
  add(registration: Registration<unknown>): void;
  /** Makes a registration that of `wanted`, and arms it. Throws, and changes nothing, where the kernel refuses. */
  change(wanted: Registration<unknown>, current: Registration<unknown>): void;
  /** Whether the kernel still knew the descriptor. Never throws: it may be closed or reused. */
  remove(fd: number): boolean;
  /**
   * Whether the kernel has lost a registration because its descriptor was closed. Asking may drop what is left of one
   * that is lost, and re-report an edge of one that is not; nothing else.
   */
  forgotten(registration: Registration<unknown>): boolean;
  /** What the set holds, which should be `size` registrations; `null` where it cannot be seen. */
  watched(size: number): Watched[] | null;
  /** Empties a set whose entries may outlive their descriptors, under its own descriptor; others stay as they are. */
  renew(): void;
}

/** Opens a wait set of the addon, with the waker that ends its waits. */
export function openWaitSet(
  backend: Backend,
  open: (shared: Int32Array) => number,
): { readonly id: number; readonly waker: Waker } {
  const state = wakerState();
  const id = check(open(new Int32Array(state)), `${backend} selector`);
  return { id, waker: Waker.from({ fd: native.waitSetWaker(id), state }) };
}
