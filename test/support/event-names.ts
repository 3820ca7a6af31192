/** Masks in words, as tables and messages show them. */
import {
  EVENT_ERROR,
  EVENT_HANGUP,
  EVENT_INVALID,
  EVENT_PRIORITY,
  EVENT_READ,
  EVENT_READ_CLOSED,
  EVENT_WRITE,
} from 'iomux';

const EVENTS = {
  READ: EVENT_READ,
  WRITE: EVENT_WRITE,
  PRIORITY: EVENT_PRIORITY,
  READ_CLOSED: EVENT_READ_CLOSED,
  ERROR: EVENT_ERROR,
  HANGUP: EVENT_HANGUP,
  INVALID: EVENT_INVALID,
};

/** `READ|WRITE`; an empty mask is `nothing`. Throws where a bit has no name. */
export function namesIn(mask: number, bits: Readonly<Record<string, number>> = EVENTS): string {
  const names = Object.keys(bits).filter((name) => (mask & (bits[name] ?? 0)) !== 0);
  const named = names.reduce((sum, name) => sum | (bits[name] ?? 0), 0);
  if (named !== mask) throw new Error(`0x${mask.toString(16)} has a bit without a name`);
  return names.join('|') || 'nothing';
}

/** The mask of `READ|WRITE`. */
export function eventsNamed(names: string): number {
  return names.split('|').reduce((mask, name) => {
    const bit = (EVENTS as Record<string, number>)[name];
    if (bit === undefined) throw new Error(`${name} is no event`);
    return mask | bit;
  }, 0);
}
