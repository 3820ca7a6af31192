/** Every selector of every test is verified: before it is closed, and those still open after the test. */
import { Selector } from 'iomux';
import { afterEach } from 'vitest';
import { holders } from '../../lib/holders.js';

const { close } = Selector.prototype;

Selector.prototype.close = function (this: Selector): void {
  if (!this.closed) this.verify();
  close.call(this);
};

afterEach(() => {
  for (const holder of [...holders]) {
    if (!(holder instanceof Selector)) continue;
    try {
      holder.verify();
    } finally {
      close.call(holder);
    }
  }
});
