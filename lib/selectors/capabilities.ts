/** What a registration may ask for, and what a backend can do of it. */
import { invalidType, invalidValue, StateError } from '../native/errors.js';
import { EVENT_PRIORITY, EVENT_READ, EVENT_READ_CLOSED, EVENT_WRITE, INTERESTS, namesOf } from './events.js';

/** The backends, each named after the system call that waits. */
export type Backend = 'epoll' | 'kqueue' | 'poll' | 'select';

/**
 * How readiness is reported.
 *
 * - `level`: by every wait, as long as it holds.
 * - `edge`: when it changes; read and write until {@link WOULD_BLOCK}, or the rest is never heard of.
 * - `oneshot`: once, then the registration is mute, errors included, until `rearm`, or a `modify`
 *   that changes more than the data.
 * - `edge-oneshot`: both.
 */
export type TriggerMode = 'level' | 'edge' | 'oneshot' | 'edge-oneshot';

const MODES: readonly TriggerMode[] = ['level', 'edge', 'oneshot', 'edge-oneshot'];

/** How a registration is to be reported. */
export interface RegisterOptions {
  /** `'level'` where it is left out. */
  readonly mode?: TriggerMode;
  /** EPOLLEXCLUSIVE: of several selectors that watch one listener, one wakes for one event. */
  readonly exclusive?: boolean;
}

/** What a backend can do. What it cannot is refused by `register` with `ERR_UNSUPPORTED`. */
export interface SelectorCapabilities {
  readonly modes: readonly TriggerMode[];
  readonly exclusive: boolean;
  readonly priority: boolean;
  readonly readClosed: boolean;
  /** Has a descriptor of its own, so it can be watched by another selector. */
  readonly pollable: boolean;
  /** The highest descriptor it can watch. */
  readonly maxDescriptor: number;
}

export function modeOf(edge: boolean, oneshot: boolean): TriggerMode {
  if (edge) return oneshot ? 'edge-oneshot' : 'edge';
  return oneshot ? 'oneshot' : 'level';
}

export function isEdge(mode: TriggerMode): boolean {
  return mode === 'edge' || mode === 'edge-oneshot';
}

export function isOneshot(mode: TriggerMode): boolean {
  return mode === 'oneshot' || mode === 'edge-oneshot';
}

/** A non-empty set of interests. */
export function checkEvents(events: number): void {
  if (typeof events !== 'number') throw invalidType('events', 'a set of EVENT_* bits', events);
  if (!Number.isInteger(events) || events <= 0 || events > INTERESTS) {
    throw invalidValue('events', `some of ${namesOf(INTERESTS)} (1 to ${INTERESTS})`, events);
  }
}

/** What the options say, read once. */
export function checkOptions(options: RegisterOptions = {}): {
  mode: TriggerMode | undefined;
  exclusive: boolean | undefined;
} {
  if (typeof options !== 'object' || options === null) throw invalidType('options', 'an object', options);
  const { mode, exclusive } = options;
  if (mode !== undefined && !MODES.includes(mode)) {
    throw invalidValue('options.mode', MODES.map((name) => `'${name}'`).join(', '), mode);
  }
  if (exclusive !== undefined && typeof exclusive !== 'boolean') {
    throw invalidType('options.exclusive', 'a boolean', exclusive);
  }
  return { mode, exclusive };
}

/** Refuses what a backend cannot do. @throws StateError `ERR_UNSUPPORTED`. */
export function checkSupported(
  backend: Backend,
  capabilities: SelectorCapabilities,
  events: number,
  mode: TriggerMode,
  exclusive: boolean,
): void {
  const refuse = (what: string) => new StateError('ERR_UNSUPPORTED', `${backend} ${what}`);
  if (!capabilities.modes.includes(mode)) {
    throw refuse(`has no mode '${mode}', only ${capabilities.modes.join(', ')}`);
  }
  if ((events & EVENT_PRIORITY) !== 0 && !capabilities.priority)
    throw refuse('reports no EVENT_PRIORITY here');
  if ((events & EVENT_READ_CLOSED) !== 0 && !capabilities.readClosed)
    throw refuse('reports no EVENT_READ_CLOSED');
  if (!exclusive) return;
  if (!capabilities.exclusive) throw refuse('has no exclusive registrations');
  if (isOneshot(mode) || (events & ~(EVENT_READ | EVENT_WRITE)) !== 0) {
    throw refuse('takes exclusive registrations for READ and WRITE only, level or edge');
  }
}
