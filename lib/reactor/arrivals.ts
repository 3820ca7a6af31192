/** What comes to a reactor from elsewhere. */
import type { Report } from './errors.js';

/** What other threads and signals leave for the reactor, waking it. */
export interface Arrivals {
  /** Whether something has come. */
  readonly pending: boolean;
  /** Delivers what has come. @returns how much that was. */
  deliver(report: Report): number;
}
