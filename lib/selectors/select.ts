/** Level and oneshot over select(2): every Unix. */
import { native } from '../native/load.js';
import { AddonSet } from './addon-set.js';
import type { SelectorCapabilities } from './capabilities.js';
import { Selector } from './selector.js';

const CAPABILITIES: SelectorCapabilities = Object.freeze({
  modes: Object.freeze(['level', 'oneshot'] as const),
  exclusive: false,
  priority: true,
  readClosed: false,
  pollable: false,
  maxDescriptor: 0x7fff_ffff,
});

export class SelectSet extends AddonSet {
  constructor() {
    super('select', CAPABILITIES, native.selectOpen);
  }
}

/**
 * A selector over select(2): a wait costs what the highest descriptor is. There is no FD_SETSIZE: the bit arrays are
 * as long as they must be.
 *
 * select(2) knows readable, writable and exceptional, nothing else: an error or hang-up shows as READ and WRITE alone.
 */
export class SelectSelector<T = unknown> extends Selector<T> {
  readonly backend = 'select';

  constructor() {
    super(new SelectSet());
  }
}
