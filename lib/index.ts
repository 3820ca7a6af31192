/** The core of iomux: errors and constants, the system calls, sockets, selectors, the reactor. */
export { Epoll } from './calls/epoll.js';
export { type Kevent, Kqueue } from './calls/kqueue.js';
export { Poll } from './calls/poll.js';
export { select } from './calls/select.js';
export type { FileLike } from './files.js';
export {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  constants,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from './native/constants.js';
export { StateError, type StateErrorCode, SystemError, type SystemErrorDetails } from './native/errors.js';
export { defaultReactor, ready, watch } from './reactor/ambient.js';
export type { Handle } from './reactor/callbacks.js';
export type { ErrorContext, ErrorHandler } from './reactor/errors.js';
export { CancelledError, Future } from './reactor/future.js';
export { Reactor, type ReactorOptions } from './reactor/reactor.js';
export { Remote } from './reactor/remote.js';
export type { Received } from './reactor/socket-operations.js';
export type { TimerHandle } from './reactor/timer.js';
export type { Watcher, WatcherCallback } from './reactor/watcher.js';
export type {
  Backend,
  RegisterOptions,
  SelectorCapabilities,
  TriggerMode,
} from './selectors/capabilities.js';
export { createSelector, DefaultSelector, selectorBackends } from './selectors/default.js';
export type { SelectorStats } from './selectors/delivery.js';
export { EpollSelector } from './selectors/epoll.js';
export {
  EVENT_ERROR,
  EVENT_HANGUP,
  EVENT_INVALID,
  EVENT_PRIORITY,
  EVENT_READ,
  EVENT_READ_CLOSED,
  EVENT_WRITE,
} from './selectors/events.js';
export { KqueueSelector } from './selectors/kqueue.js';
export { PollSelector } from './selectors/poll.js';
export type { ReadyKey, SelectorKey } from './selectors/registry.js';
export { SelectSelector } from './selectors/select.js';
export { Selector } from './selectors/selector.js';
export { Waker, type WakerHandle } from './selectors/waker.js';
export type { Address } from './sockets/address.js';
export { DatagramBatch } from './sockets/datagram-batch.js';
export { WOULD_BLOCK } from './sockets/exchange.js';
export type { ReceivedMessage } from './sockets/message.js';
export { Socket } from './sockets/socket.js';
