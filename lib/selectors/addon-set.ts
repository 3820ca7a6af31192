/** A set whose registrations the addon keeps, because the kernel does not, or does not show them. */
import { check } from '../native/errors.js';
import { native } from '../native/load.js';
import { type BackendSet, openWaitSet, type Watched } from './backend-set.js';
import { type Backend, isEdge, modeOf, type SelectorCapabilities } from './capabilities.js';
import { INTERESTS } from './events.js';
import type { Registration } from './registry.js';
import type { Waker } from './waker.js';

const { waitSetControl, waitSetDump, waitSetRemove } = native;
// Beside the events in a dump.
const EDGE = 256;
const ONESHOT = 512;

/** What poll, select and kqueue have in common. An `add` of what is watched already replaces it, and arms it. */
export class AddonSet implements BackendSet {
  readonly id: number;
  readonly waker: Waker;
  readonly descriptor: number = -1;

  constructor(
    readonly backend: Backend,
    readonly capabilities: SelectorCapabilities,
    open: (shared: Int32Array) => number,
  ) {
    const { id, waker } = openWaitSet(backend, open);
    this.id = id;
    this.waker = waker;
  }

  add({ fd, events, mode, generation, oneshot }: Registration<unknown>): void {
    const status = waitSetControl(this.id, fd, generation, events, Number(isEdge(mode)), Number(oneshot));
    check(status, this.backend, { fd });
  }

  change(wanted: Registration<unknown>): void {
    this.add(wanted);
  }

  remove(fd: number): boolean {
    return waitSetRemove(this.id, fd) === 0;
  }

  /** A set in user space loses nothing when a descriptor is closed. */
  forgotten(_registration: Registration<unknown>): boolean {
    return false;
  }

  watched(size: number): Watched[] {
    // Room for more than there should be, so that it is found out.
    const into = new Int32Array(3 * (size + 16));
    const count = check(waitSetDump(this.id, into), this.backend);
    return Array.from({ length: count }, (_, index) => {
      const [fd = -1, generation = 0, shown = 0] = into.subarray(3 * index);
      const mode = modeOf((shown & EDGE) !== 0, (shown & ONESHOT) !== 0);
      return { fd, generation, events: shown & INTERESTS, mode };
    });
  }

  /** Nothing outlives its descriptor here. */
  renew(): void {}
}
