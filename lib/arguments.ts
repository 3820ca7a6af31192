/** Checks that every call makes of its arguments, before anything changes. */
import { invalidType, outOfRange } from './native/errors.js';

/** A whole number from `least` to `most`. */
export function checkInteger(value: number, name: string, least: number, most: number): void {
  if (typeof value !== 'number') throw invalidType(name, 'a number', value);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw outOfRange(name, `a whole number from ${least} to ${most}`, value);
  }
}

/** The C type int. */
export function checkInt(value: number, name: string): void {
  checkInteger(value, name, -0x8000_0000, 0x7fff_ffff);
}

/** Options that may be left out. */
export function checkObject(value: unknown, name: string): void {
  if (typeof value !== 'object' || value === null) throw invalidType(name, 'an object', value);
}

export function checkIterable(value: unknown, name: string): void {
  if (typeof (value as Iterable<unknown> | null | undefined)?.[Symbol.iterator] !== 'function') {
    throw invalidType(name, 'an iterable', value);
  }
}

export function checkBoolean(value: unknown, name: string): void {
  if (typeof value !== 'boolean') throw invalidType(name, 'a boolean', value);
}

export function checkFunction(value: unknown, name: string): void {
  if (typeof value !== 'function') throw invalidType(name, 'a function', value);
}

export function checkSignal(value: unknown, name = 'options.signal'): void {
  if (value !== undefined && !(value instanceof AbortSignal))
    throw invalidType(name, 'an AbortSignal', value);
}

/** What the addon takes for "no limit". `Infinity` would be an object on the heap, made anew for each wait. */
export const NO_LIMIT = -1;

/** Milliseconds as the addon takes them: 0 does not wait, {@link NO_LIMIT} has none. */
export function milliseconds(timeout: number | null | undefined): number {
  if (timeout === undefined || timeout === null || timeout === Number.POSITIVE_INFINITY) return NO_LIMIT;
  if (typeof timeout !== 'number') throw invalidType('timeout', 'a number of milliseconds', timeout);
  if (Number.isNaN(timeout)) throw outOfRange('timeout', 'a number of milliseconds', timeout);
  return timeout > 0 ? timeout : 0;
}

/** A time or a duration. */
export function finite(value: number, name: string): number {
  if (typeof value !== 'number') throw invalidType(name, 'a number of milliseconds', value);
  if (!Number.isFinite(value)) throw outOfRange(name, 'a finite number of milliseconds', value);
  return value;
}
