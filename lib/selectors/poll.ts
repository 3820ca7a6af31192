/** Level and oneshot over poll(2): every Unix. */
import { native } from '../native/load.js';
import type { SelectorCapabilities } from './capabilities.js';
import { Selector } from './selector.js';
import { WaitSet } from './wait-set.js';

const CAPABILITIES: SelectorCapabilities = Object.freeze({
  modes: Object.freeze(['level', 'oneshot'] as const),
  exclusive: false,
  priority: true,
  readClosed: native.constants['POLLRDHUP'] !== undefined,
  pollable: false,
  maxDescriptor: 0x7fff_ffff,
});

export class PollSet extends WaitSet {
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
