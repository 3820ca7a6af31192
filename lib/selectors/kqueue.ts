/** Level, edge and oneshot over kqueue(2); macOS, the BSDs, and Linux where the addon was built with libkqueue. */
import type { KqueueBinding } from '../native/binding.js';
import { constants } from '../native/constants.js';
import { kqueueBinding } from '../native/facilities.js';
import { AddonSet } from './addon-set.js';
import type { SelectorCapabilities } from './capabilities.js';
import type { Registration } from './registry.js';
import { Selector } from './selector.js';

const CAPABILITIES: SelectorCapabilities = Object.freeze({
  modes: Object.freeze(['level', 'edge', 'oneshot', 'edge-oneshot'] as const),
  exclusive: false,
  priority: constants['EVFILT_EXCEPT'] !== undefined && constants['NOTE_OOB'] !== undefined,
  readClosed: true,
  // The descriptor of libkqueue is no kqueue, and nothing is reported of it.
  pollable: process.platform !== 'linux',
  maxDescriptor: 0x7fff_ffff,
});

/** A kqueue; its filters are src-native/kqueue.cc's business. */
export class KqueueSet extends AddonSet {
  readonly #kqueue: KqueueBinding;
  override readonly descriptor: number;

  constructor() {
    const kqueue = kqueueBinding();
    super('kqueue', CAPABILITIES, kqueue.kqueueOpen);
    this.#kqueue = kqueue;
    this.descriptor = kqueue.kqueueDescriptor(this.id);
  }

  /** The filters of a descriptor go with its close. */
  override forgotten({ fd, fired }: Registration<unknown>): boolean {
    return this.#kqueue.kqueueCheck(this.id, fd, Number(fired)) < 0;
  }
}

/** A selector over kqueue(2): the kernel keeps the set, so a wait costs what is ready and not what is registered. */
export class KqueueSelector<T = unknown> extends Selector<T> {
  readonly backend = 'kqueue';

  /** @throws StateError `ERR_UNSUPPORTED`: no kqueue here. SystemError `EMFILE`, `ENFILE`, `ENOMEM`. */
  constructor() {
    super(new KqueueSet());
  }
}
