/** Who watches descriptors, and hears of what happens to one. */
import * as iomux from 'iomux';
import { describe, expect, it } from 'vitest';
import { holders } from '../lib/holders.js';

describe('holders', () => {
  it('has exactly the selectors of this thread that are open', () => {
    const before = holders.size;
    const selector = iomux.createSelector();
    expect([...holders]).toContain(selector);
    selector.close();
    expect(holders.size).toBe(before);
  });
});
