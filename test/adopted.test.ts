/** How a descriptor that exists already gets into a constructor. */
import * as iomux from 'iomux';
import { describe, expect, it } from 'vitest';
import { Adopted } from '../lib/adopted.js';
import { thrownBy } from './support/expecting.js';

describe('adopting descriptors', () => {
  it('is for the library alone: nothing exported makes or is one', () => {
    expect(Object.values(iomux)).not.toContain(Adopted);
  });

  it('is not done for objects that look like it', () => {
    const lookalike = { fd: 0, family: 1, type: 1 } as unknown as number;
    expect(thrownBy(() => new iomux.Socket(lookalike))['code']).toBe('ERR_INVALID_ARG_TYPE');
  });
});
