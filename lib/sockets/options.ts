/** Socket options by level and name: setsockopt(2), getsockopt(2), and the few that have a name of their own. */
import { checkInt, checkInteger } from '../arguments.js';
import { checkBuffer } from '../buffers.js';
import { constant, constants } from '../native/constants.js';
import { check, invalidType, outOfRange, StateError } from '../native/errors.js';
import { native } from '../native/load.js';

export const SOL_SOCKET = constant('SOL_SOCKET');
export const SO_ERROR = constant('SO_ERROR');
const SO_KEEPALIVE = constant('SO_KEEPALIVE');
export const SO_REUSEADDR = constant('SO_REUSEADDR');
export const IPPROTO_TCP = constant('IPPROTO_TCP');
export const TCP_NODELAY = constant('TCP_NODELAY');
export const IPPROTO_IPV6 = constant('IPPROTO_IPV6');
export const IPV6_V6ONLY = constant('IPV6_V6ONLY');
// Not every OS has these.
const { SO_REUSEPORT, SO_PASSCRED, TCP_KEEPIDLE, TCP_KEEPALIVE } = constants;

const word = new Int32Array(1);

export function setOption(
  fd: number,
  level: number,
  name: number,
  value: number | boolean | Uint8Array,
): void {
  checkInt(level, 'level');
  checkInt(name, 'name');
  if (typeof value === 'object') {
    checkBuffer(value, 'value');
    check(native.optionSetBytes(fd, level, name, value), 'setsockopt', { fd });
    return;
  }
  if (typeof value !== 'boolean' && typeof value !== 'number') {
    throw invalidType('value', 'a number, a boolean or a Uint8Array', value);
  }
  if (typeof value === 'number') checkInteger(value, 'value', -0x8000_0000, 0xffff_ffff);
  check(native.optionSet(fd, level, name, Number(value) | 0), 'setsockopt', { fd });
}

export function intOption(fd: number, level: number, name: number): number {
  checkInt(level, 'level');
  checkInt(name, 'name');
  check(native.optionGet(fd, level, name, word), 'getsockopt', { fd });
  return word[0] as number;
}

export function bytesOption(fd: number, level: number, name: number, length: number): Buffer {
  checkInt(level, 'level');
  checkInt(name, 'name');
  checkInteger(length, 'length', 1, 65_536);
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, check(native.optionGetBytes(fd, level, name, bytes), 'getsockopt', { fd }));
}

/** SO_KEEPALIVE, and first what the system may refuse: the idle time, in ms, before the first probe. */
export function setKeepAlive(fd: number, enable: boolean, initialDelay: number | undefined): void {
  const seconds = initialDelay === undefined ? 0 : keepAliveSeconds(initialDelay);
  const idle = TCP_KEEPIDLE ?? TCP_KEEPALIVE;
  if (enable && initialDelay !== undefined && idle !== undefined) setOption(fd, IPPROTO_TCP, idle, seconds);
  setOption(fd, SOL_SOCKET, SO_KEEPALIVE, enable);
}

function keepAliveSeconds(initialDelay: number): number {
  if (typeof initialDelay !== 'number')
    throw invalidType('initialDelay', 'a number of milliseconds', initialDelay);
  if (!(initialDelay >= 0 && initialDelay < Number.POSITIVE_INFINITY))
    throw outOfRange('initialDelay', 'a number of milliseconds, 0 or more', initialDelay);
  return Math.max(1, Math.ceil(initialDelay / 1000));
}

export function setReusePort(fd: number, enable: boolean): void {
  if (SO_REUSEPORT === undefined) throw new StateError('ERR_UNSUPPORTED', 'this OS has no SO_REUSEPORT');
  setOption(fd, SOL_SOCKET, SO_REUSEPORT, enable);
}

/** SO_PASSCRED: the kernel names the sender of each message. */
export function passCredentials(fd: number): void {
  if (SO_PASSCRED === undefined) {
    throw new StateError(
      'ERR_UNSUPPORTED',
      `credentials of messages are Linux's; this is ${process.platform}`,
    );
  }
  if (intOption(fd, SOL_SOCKET, SO_PASSCRED) === 0) setOption(fd, SOL_SOCKET, SO_PASSCRED, true);
}
