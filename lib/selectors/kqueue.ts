/** Level, edge and oneshot over kqueue(2); macOS, the BSDs, and Linux where the addon was built with libkqueue. */
import { native } from '../native/load.js';
import type { SelectorCapabilities } from './capabilities.js';
import type { Registration } from './registry.js';
import { WaitSetSelector } from './wait-set.js';

const CAPABILITIES: SelectorCapabilities = Object.freeze({
  modes: Object.freeze(['level', 'edge', 'oneshot', 'edge-oneshot'] as const),
  exclusive: false,
  priority: native.constants['EVFILT_EXCEPT'] !== undefined && native.constants['NOTE_OOB'] !== undefined,
  readClosed: true,
  // The descriptor of libkqueue is no kqueue, and nothing is reported of it.
  pollable: process.platform !== 'linux',
  maxDescriptor: 0x7fff_ffff,
});

/** A selector over kqueue(2): the kernel keeps the set, so a wait costs what is ready and not what is registered. */
export class KqueueSelector<T = unknown> extends WaitSetSelector<T> {
  readonly backend = 'kqueue';

  /** @throws StateError `ERR_UNSUPPORTED`: no kqueue here. SystemError `EMFILE`, `ENFILE`, `ENOMEM`. */
  constructor() {
    super('kqueue', native.kqueueOpen, CAPABILITIES);
  }

  /** The kqueue descriptor, which another selector can watch. */
  override fileno(): number {
    this.checkOpen();
    return kqueue().kqueueDescriptor(this.id);
  }

  /** The filters of a descriptor go with its close. @internal */
  protected override forgotten({ key, fired }: Registration<T>): boolean {
    return kqueue().kqueueCheck(this.id, key.fd, Number(fired)) < 0;
  }
}

/** The addon's functions of this OS; the constructor has refused where there are none. */
function kqueue(): Required<typeof native> {
  return native as Required<typeof native>;
}
