/** select(2), one to one. */
import { checkIterable, milliseconds } from '../arguments.js';
import { descriptorOf, type FileLike } from '../files.js';
import { EBADF, SystemError } from '../native/errors.js';
import { native } from '../native/load.js';

/**
 * Waits until one of the files is ready, as select(2) does.
 *
 * The sets are bit arrays as long as the highest descriptor needs, so there is no FD_SETSIZE; the kernel still looks
 * at every descriptor up to the highest, each time. A signal does not end the wait.
 *
 * @param timeout - milliseconds; none: no limit; 0 and less: do not wait.
 * @returns three new arrays with the very objects passed in, in their order, duplicates kept: readable, writable, and
 * those with an exceptional condition (out-of-band data). Three empty ones at the timeout.
 * @throws SystemError `EBADF` with `fd`: that descriptor is closed.
 * @example
 * ```ts
 * const [readable] = select([socket, 0], [], [], 1000);
 * ```
 */
export function select<R extends FileLike, W extends FileLike, X extends FileLike>(
  readers: Iterable<R>,
  writers: Iterable<W>,
  exceptional: Iterable<X>,
  timeout?: number | null,
): [R[], W[], X[]] {
  const limit = milliseconds(timeout);
  checkIterable(readers, 'readers');
  checkIterable(writers, 'writers');
  checkIterable(exceptional, 'exceptional');
  // Copied first: a fileno() may do anything, to these very arrays too.
  const read = [...readers];
  const write = [...writers];
  const except = [...exceptional];
  const r = descriptorsOf(read);
  const w = descriptorsOf(write);
  const x = descriptorsOf(except);
  const status = native.selectWait(r, w, x, limit);
  if (status < 0) throw failure(status, [r, w, x]);
  // What is not ready was overwritten with -1.
  return [ready(read, r), ready(write, w), ready(except, x)];
}

function descriptorsOf(files: readonly FileLike[]): Int32Array {
  return Int32Array.from(files, (file) => descriptorOf(file));
}

function ready<F>(files: readonly F[], descriptors: Int32Array): F[] {
  return files.filter((_, index) => descriptors[index] !== -1);
}

/** The kernel says that a descriptor is closed, but not which. */
function failure(errno: number, descriptors: readonly Int32Array[]): SystemError {
  if (errno === -EBADF) {
    for (const set of descriptors) {
      const fd = set.find((candidate) => native.descriptorCheck(candidate) < 0);
      if (fd !== undefined) return new SystemError(errno, 'select', { fd });
    }
  }
  return new SystemError(errno, 'select');
}
