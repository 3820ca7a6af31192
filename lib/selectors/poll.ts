/** Level and oneshot over poll(2): every Unix. */
import { constants } from '../native/constants.js';
import { native } from '../native/load.js';
import { AddonSet } from './addon-set.js';
import type { SelectorCapabilities } from './capabilities.js';
import { Selector } from './selector.js';

const CAPABILITIES: SelectorCapabilities = Object.freeze({
  modes: Object.freeze(['level', 'oneshot'] as const),
  exclusive: false,
  priority: true,
  readClosed: constants['POLLRDHUP'] !== undefined,
  pollable: false,
  maxDescriptor: 0x7fff_ffff,
});

export class PollSet extends AddonSet {
  constructor() {
    super('poll', CAPABILITIES, native.pollOpen);
  }
}

/**
 * A selector over poll(2): a wait costs what is registered, which for a handful of descriptors is less than epoll's.
 * It also watches regular files, which are always ready.
 */
export class PollSelector<T = unknown> extends Selector<T> {
  readonly backend = 'poll';

  constructor() {
    super(new PollSet());
  }
}
