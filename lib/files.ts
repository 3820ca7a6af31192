/** Anything that carries a file descriptor, and the number in it. */
import { invalidType, outOfRange, StateError } from './native/errors.js';

/** A descriptor, a Python-style object with `fileno()`, or one with `fd`: `fs.FileHandle`, `tty.ReadStream`, … */
export type FileLike = number | { fileno(): number } | { readonly fd: number };

/** The number that `file` carries now, unchecked: -1 where an object is closed, `undefined` where it has none. */
function numberIn(file: FileLike): unknown {
  if (typeof file === 'number') return file;
  if (typeof file !== 'object' || file === null) return undefined;
  if ('fileno' in file) return typeof file.fileno === 'function' ? file.fileno() : undefined;
  return file.fd;
}

/**
 * The descriptor of `file`.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE`: it carries none. RangeError `ERR_OUT_OF_RANGE`: the number is negative or
 * no whole number. StateError `ERR_CLOSED`: the object is closed, its number is negative.
 */
export function descriptorOf(file: FileLike, name = 'file'): number {
  return checked(file, numberIn(file), name);
}

/** The same for looking up what was registered: -1 where the object is closed. */
export function descriptorOrClosed(file: FileLike, name = 'file'): number {
  const fd = numberIn(file);
  return typeof file === 'object' && typeof fd === 'number' && fd < 0 ? -1 : checked(file, fd, name);
}

function checked(file: FileLike, fd: unknown, name: string): number {
  if (typeof fd !== 'number') {
    throw invalidType(name, 'a file descriptor or an object with fileno() or fd', file);
  }
  if (fd < 0 && typeof file !== 'number') throw new StateError('ERR_CLOSED', `${name} is closed`);
  if (!Number.isInteger(fd) || fd < 0 || fd > 0x7fff_ffff) {
    throw outOfRange(name, 'a whole number from 0 to 2147483647', fd);
  }
  return fd;
}
