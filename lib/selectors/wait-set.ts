/** A selector whose registrations the addon keeps, because the kernel does not, or does not show them. */
import { check } from '../native/errors.js';
import { native } from '../native/load.js';
import { isEdge, modeOf } from './capabilities.js';
import { INTERESTS } from './events.js';
import type { Registration } from './registry.js';
import { Selector } from './selector.js';
import type { Watched } from './verify.js';

// Beside the events in a dump.
const EDGE = 256;
const ONESHOT = 512;
const { waitSetControl, waitSetDump, waitSetRemove } = native;

/** What poll, select and kqueue have in common; src-native/wait-set.h is its other half. */
export abstract class WaitSetSelector<T> extends Selector<T> {
  /** @internal */
  protected override add({ key, generation, oneshot }: Registration<T>): void {
    const { fd, events, mode } = key;
    const status = waitSetControl(this.id, fd, generation, events, Number(isEdge(mode)), Number(oneshot));
    check(status, this.backend, { fd });
  }

  /** @internal */
  protected override change(wanted: Registration<T>): void {
    this.add(wanted);
  }

  /** @internal */
  protected override remove(fd: number): boolean {
    return waitSetRemove(this.id, fd) === 0;
  }

  /** A set in user space loses nothing when a descriptor is closed. @internal */
  protected override forgotten(_registration: Registration<T>): boolean {
    return false;
  }

  /** @internal */
  protected override watched(): Watched[] {
    // Room for more than there should be, so that it is found out.
    const into = new Int32Array(3 * (this.getMap().size + 16));
    const count = check(waitSetDump(this.id, into), this.backend);
    return Array.from({ length: count }, (_, index) => ({
      fd: into[3 * index] as number,
      generation: into[3 * index + 1] as number,
      events: (into[3 * index + 2] as number) & INTERESTS,
      mode: modeOf(
        ((into[3 * index + 2] as number) & EDGE) !== 0,
        ((into[3 * index + 2] as number) & ONESHOT) !== 0,
      ),
    }));
  }
}
