/** How a call that may return a promise is refused, at once or by rejecting, in two words. */
import { refusal } from './refusals.js';

/** As {@link refusal}; the call itself is made before this returns. */
export async function rejection(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    return refusal(() => {
      throw error;
    });
  }
  return 'nothing';
}
