/** The checks that every call makes of its arguments. */
import { describe, expect, it } from 'vitest';
import { checkFunction, checkInt, checkInteger, milliseconds, NO_LIMIT } from '../lib/arguments.js';
import { thrownBy } from './support/expecting.js';

/** Of each kind that is no number. */
const NO_NUMBERS = [undefined, null, true, '1', '', 1n, Symbol('one'), {}, [], [1], () => 1, new Number(1)];
/** That are no whole numbers. */
const NO_INTEGERS = [0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

describe('checkInteger', () => {
  it('takes whole numbers of its range, both ends included', () => {
    for (const value of [-2, -1, 0, -0, 1, 5]) expect(() => checkInteger(value, 'x', -2, 5)).not.toThrow();
  });

  it('refuses numbers beyond, and ones that are not whole', () => {
    for (const value of [-3, 6, 2 ** 40, ...NO_INTEGERS]) {
      const error = thrownBy(() => checkInteger(value, 'x', -2, 5));
      expect(error).toBeInstanceOf(RangeError);
      expect(error['code']).toBe('ERR_OUT_OF_RANGE');
      expect(error.message).toBe(`x must be a whole number from -2 to 5, not ${value}`);
    }
  });

  it('refuses what is no number, also what could be made one', () => {
    for (const value of NO_NUMBERS) {
      const error = thrownBy(() => checkInteger(value as number, 'x', 0, 5));
      expect(error).toBeInstanceOf(TypeError);
      expect(error['code']).toBe('ERR_INVALID_ARG_TYPE');
      expect(error.message).toMatch(/^x must be a number, not /);
    }
  });
});

describe('checkInt', () => {
  it('takes what fits the C type int', () => {
    for (const value of [-(2 ** 31), -1, 0, 2 ** 31 - 1]) expect(() => checkInt(value, 'x')).not.toThrow();
    for (const value of [-(2 ** 31) - 1, 2 ** 31, ...NO_INTEGERS]) {
      expect(thrownBy(() => checkInt(value, 'x'))['code']).toBe('ERR_OUT_OF_RANGE');
    }
  });
});

describe('checkFunction', () => {
  it('takes functions of each kind, and nothing else', () => {
    for (const value of [() => {}, function named() {}, class {}, async () => {}, Math.max]) {
      expect(() => checkFunction(value, 'handler')).not.toThrow();
    }
    for (const value of [undefined, null, 1, 'handler', {}, { call() {} }]) {
      const error = thrownBy(() => checkFunction(value, 'handler'));
      expect(error).toBeInstanceOf(TypeError);
      expect(error['code']).toBe('ERR_INVALID_ARG_TYPE');
    }
  });
});

describe('milliseconds', () => {
  it('has no limit where none is given', () => {
    for (const timeout of [undefined, null, Number.POSITIVE_INFINITY]) {
      expect(milliseconds(timeout)).toBe(NO_LIMIT);
    }
  });

  it('leaves numbers as they are, fractions too', () => {
    for (const timeout of [0, 0.25, 1e-9, 1, 1e12]) expect(milliseconds(timeout)).toBe(timeout);
  });

  it('does not wait where the number is negative', () => {
    for (const timeout of [-1, -0.25, -1e12, Number.NEGATIVE_INFINITY]) expect(milliseconds(timeout)).toBe(0);
  });

  it('refuses NaN as out of range, and what is no number as of a wrong type', () => {
    const error = thrownBy(() => milliseconds(Number.NaN));
    expect(error).toBeInstanceOf(RangeError);
    expect(error['code']).toBe('ERR_OUT_OF_RANGE');
    for (const timeout of NO_NUMBERS.filter((value) => value !== undefined && value !== null)) {
      expect(thrownBy(() => milliseconds(timeout as number))['code']).toBe('ERR_INVALID_ARG_TYPE');
    }
  });
});
