/** The addon itself, misused: whatever it is called with, it answers with a number or a TypeError. */
import { constants } from 'node:os';
import { selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { native } from '../../lib/native/load.js';
import { runFixture } from '../support/processes.js';

interface Misuse {
  readonly calls: number;
  readonly refused: number;
  readonly violations: readonly string[];
}

/** In a process of its own: what would crash must not take the other tests along. */
async function misuse(...part: string[]): Promise<Misuse> {
  const { code, signal, stdout, stderr } = await runFixture('misuse-binding.mjs', part);
  expect({ code, signal }, stderr).toEqual({ code: 0, signal: null });
  return JSON.parse(stdout);
}

describe('the addon, called directly', () => {
  it('answers every kind of argument with a number or a TypeError', async () => {
    const { calls, refused, violations } = await misuse('calls');
    expect(violations).toEqual([]);
    expect(calls).toBeGreaterThan(10_000);
    expect(refused).toBeGreaterThan(5000);
  });

  for (const backend of selectorBackends()) {
    it(`answers so too for a wait set of ${backend}, open and closed`, async () => {
      const { violations } = await misuse('set', backend);
      expect(violations).toEqual([]);
    });

    it(`does not write the results of ${backend} into memory that was given away`, async () => {
      const { violations } = await misuse('detached', backend);
      expect(violations).toEqual([]);
    });
  }

  it('neither reads nor writes beyond the memory it is given', async () => {
    const { violations } = await misuse('exchange');
    expect(violations).toEqual([]);
  });

  it('refuses memory that is too small, and numbers that reach beyond it', async () => {
    const { violations } = await misuse('bounds');
    expect(violations).toEqual([]);
  });

  it('does not send memory that an accessor gave away while the chunks were read', async () => {
    const { violations } = await misuse('accessors');
    expect(violations).toEqual([]);
  });

  it('takes no number that is not whole, or not of 32 bits, for one that is', () => {
    const { descriptorCheck, waitSetControl } = native;
    for (const number of [
      Number.NaN,
      0.5,
      -0.5,
      2 ** 31,
      -(2 ** 31) - 1,
      2 ** 32,
      Number.POSITIVE_INFINITY,
    ]) {
      expect(() => descriptorCheck(number)).toThrow(/argument 0 must be a 32-bit integer/);
    }
    // A mask is as good with its highest bit as a sign.
    for (const events of [-(2 ** 31), -1, 2 ** 31, 2 ** 32 - 1]) {
      expect(waitSetControl(-1, -1, 0, events, 0, 0)).toBe(-constants.errno.EBADF);
    }
    for (const events of [Number.NaN, 0.5, -(2 ** 31) - 1, 2 ** 32, Number.NEGATIVE_INFINITY]) {
      expect(() => waitSetControl(-1, -1, 0, events, 0, 0)).toThrow(/argument 3 must be a 32-bit integer/);
    }
  });

  it('names the first argument that is wrong, before anything happened', () => {
    const into = new Int32Array(2);
    const socketPair = native.socketPair as (...args: unknown[]) => number;
    expect(() => socketPair(1, 1, 0, [])).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
        message: 'native argument 3 must be an Int32Array',
      }),
    );
    expect(() => socketPair(1, 1, 0, new Uint32Array(2))).toThrow(/argument 3 must be an Int32Array/);
    expect(() => socketPair(1, 1, 0, new Uint8Array(8))).toThrow(/argument 3 must be an Int32Array/);
    expect(() => socketPair('1', 1, 0, into)).toThrow(/argument 0 must be a 32-bit integer/);
    expect(into).toEqual(new Int32Array(2));
  });
});
