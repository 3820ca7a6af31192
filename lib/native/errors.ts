/** The errors of the library, and the one place where a negative errno becomes one. */
import { constants as os } from 'node:os';
import { getSystemErrorName } from 'node:util';

const errnos: Readonly<Record<string, number>> = os.errno;

export const EAGAIN: number = errnos['EAGAIN'] as number;
export const EBADF: number = errnos['EBADF'] as number;
export const ECANCELED: number = errnos['ECANCELED'] as number;
export const EEXIST: number = errnos['EEXIST'] as number;
export const EINPROGRESS: number = errnos['EINPROGRESS'] as number;
export const ENAMETOOLONG: number = errnos['ENAMETOOLONG'] as number;
export const ENOENT: number = errnos['ENOENT'] as number;
export const ELOOP: number = errnos['ELOOP'] as number;
export const ENOSYS: number = errnos['ENOSYS'] as number;
export const ENOTCONN: number = errnos['ENOTCONN'] as number;
export const EPERM: number = errnos['EPERM'] as number;

/** What a system call was about, for its error. */
export interface SystemErrorDetails {
  readonly address?: string;
  readonly port?: number;
  readonly path?: string;
  readonly fd?: number;
  /** What the caller can do about it, added to the message. */
  readonly hint?: string;
}

/** The name of an errno, `'ECONNREFUSED'`. libuv does not know each of them, the OS's own table does. */
function nameOf(errno: number): string {
  const name = getSystemErrorName(errno);
  if (!name.startsWith('Unknown')) return name;
  return Object.keys(errnos).find((candidate) => errnos[candidate] === -errno) ?? `E${-errno}`;
}

function place({ address, port, path, fd }: SystemErrorDetails): string {
  if (address !== undefined) {
    return port === undefined ? ` ${address}` : ` ${address}:${port}`;
  }
  if (path !== undefined) return ` ${path.replace('\0', '@')}`;
  return fd !== undefined ? ` (fd ${fd})` : '';
}

/**
 * A system call failed. Its shape is that of Node's own: `code` is the errno's name, `errno` its negative value,
 * `syscall` the call, and where they are known `address`, `port`, `path` or `fd` say what it was about.
 */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  declare readonly address?: string;
  declare readonly port?: number;
  declare readonly path?: string;
  declare readonly fd?: number;

  /** @param errno - negative, as the addon returns it. */
  constructor(errno: number, syscall: string, details: SystemErrorDetails = {}) {
    const code = nameOf(errno);
    super(`${syscall} ${code}${place(details)}${details.hint === undefined ? '' : `: ${details.hint}`}`);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    const { hint: _, ...about } = details;
    Object.assign(this, about);
  }
}

/** Which rule of the library a call broke: something was used in a state in which it cannot be. */
export type StateErrorCode =
  | 'ERR_CLOSED'
  | 'ERR_NOT_REGISTERED'
  | 'ERR_ALREADY_REGISTERED'
  | 'ERR_UNSUPPORTED'
  | 'ERR_HOSTED'
  | 'ERR_RUNNING'
  | 'ERR_IN_MICROTASK'
  | 'ERR_INVALID_STATE';

/** A call was right in form but not in the state the object, or this system, is in; `code` says which. */
export class StateError extends Error {
  override readonly name = 'StateError';
  readonly code: StateErrorCode;

  constructor(code: StateErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** `result`, unless it is a negative errno: that is thrown. */
export function check(result: number, syscall: string, details?: SystemErrorDetails): number {
  if (result < 0) throw new SystemError(result, syscall, details);
  return result;
}

/** Stands for a value that is better described than shown. */
export class Description {
  constructor(readonly text: string) {}
}

function shown(value: unknown): string {
  if (value instanceof Description) return value.text;
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object' && value !== null) {
    return `an instance of ${(value as object).constructor?.name ?? 'Object'}`;
  }
  if (typeof value === 'string') return `'${JSON.stringify(value).slice(1, -1)}'`;
  return typeof value === 'bigint' ? `${value}n` : String(value);
}

/** An argument of a wrong type. */
export function invalidType(name: string, expected: string, value: unknown): TypeError {
  const error = new TypeError(`${name} must be ${expected}, not ${shown(value)}`);
  return Object.assign(error, { code: 'ERR_INVALID_ARG_TYPE' });
}

/** An argument of the right type that means nothing here. */
export function invalidValue(name: string, expected: string, value: unknown): TypeError {
  const error = new TypeError(`${name} must be ${expected}, not ${shown(value)}`);
  return Object.assign(error, { code: 'ERR_INVALID_ARG_VALUE' });
}

/** A number beyond its range, or one that is no whole number where one is needed. */
export function outOfRange(name: string, expected: string, value: unknown): RangeError {
  const error = new RangeError(`${name} must be ${expected}, not ${shown(value)}`);
  return Object.assign(error, { code: 'ERR_OUT_OF_RANGE' });
}
