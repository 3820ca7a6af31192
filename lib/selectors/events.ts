/** What can be asked of a descriptor, and what a selector answers; src-native/wait-set.h has the same bits. */

/** There is something to read: data, the end of the stream, a connection to accept. */
export const EVENT_READ = 1;
/** Writing would not block. */
export const EVENT_WRITE = 2;
/** Out-of-band data, a change of a GPIO or sysfs value: what poll(2) calls POLLPRI. */
export const EVENT_PRIORITY = 4;
/** The peer will send no more (RDHUP, EV_EOF). */
export const EVENT_READ_CLOSED = 8;
/** Result only: the descriptor has an error pending; read or write to learn it. */
export const EVENT_ERROR = 16;
/** Result only: both directions are closed, or the other end of a pipe is. */
export const EVENT_HANGUP = 32;
/** Result only: the descriptor was closed under the registration; reported once, the registration is then gone. */
export const EVENT_INVALID = 64;

/** What may be asked for. */
export const INTERESTS = EVENT_READ | EVENT_WRITE | EVENT_PRIORITY | EVENT_READ_CLOSED;
/** What is reported whether asked for or not. */
export const FAILURES = EVENT_ERROR | EVENT_HANGUP | EVENT_INVALID;

/** A mask in words, for messages: `READ|WRITE`. */
export function namesOf(events: number): string {
  const names = ['READ', 'WRITE', 'PRIORITY', 'READ_CLOSED', 'ERROR', 'HANGUP', 'INVALID'];
  return names.filter((_, bit) => (events & (1 << bit)) !== 0).join('|') || 'nothing';
}
