/** Runs that hold the thread: one at a time in each. */
import { StateError } from '../native/errors.js';

let blocked = false;

/** Runs `action`, in which the thread does nothing but serve one reactor. @throws StateError `ERR_RUNNING`. */
export function holdThread(action: () => void): void {
  if (blocked) {
    throw new StateError(
      'ERR_RUNNING',
      'another reactor holds this thread: a callback of a blocking run cannot begin a second one',
    );
  }
  blocked = true;
  try {
    action();
  } finally {
    blocked = false;
  }
}
