/** Socket addresses, and the bytes in which the addon takes them. */
import { isUtf8 } from 'node:buffer';
import { isIPv4, isIPv6 } from 'node:net';
import { checkInteger } from '../arguments.js';
import { isDetached } from '../buffers.js';
import { AF_INET, AF_INET6, AF_UNIX } from '../native/constants.js';
import {
  check,
  Description,
  ENAMETOOLONG,
  invalidType,
  invalidValue,
  outOfRange,
  StateError,
  type SystemErrorDetails,
} from '../native/errors.js';
import { native } from '../native/load.js';
import { recall, remember } from './recent-addresses.js';

/**
 * Where a socket is, or its peer.
 *
 * - `address` is numeric, IPv4 or IPv6; names are for `node:dns`. An IPv6 zone may stand in it (`fe80::1%eth0`) or in
 *   `scopeId`, the index of the interface. In an address that the library returns, `family` is set, `flowinfo` and
 *   `scopeId` where they are not 0.
 * - `path` is the file of a Unix socket. A Linux abstract name begins with a NUL; it comes back as a string where its
 *   bytes are UTF-8, else as a Buffer. `''` is no name: of a socket that was not bound, or to bind to a free abstract
 *   one.
 */
export type Address =
  | {
      readonly address: string;
      readonly port: number;
      readonly family?: 'IPv4' | 'IPv6';
      readonly flowinfo?: number;
      readonly scopeId?: number;
    }
  | { readonly path: string | Uint8Array };

/** The bytes of one name: its length and a sockaddr, which is the business of the addon (and of recent-addresses.ts). */
export const NAME_SIZE = native.nameSize();
/** As long as a Unix path may be: `sizeof sun_path`. */
const MOST_PATH_BYTES = process.platform === 'linux' ? 108 : 104;
/** What stands for no address where the addon takes one. */
export const NO_NAME = new Uint8Array(0);

/** Through here names pass on their way in and out; no call keeps it. */
export const scratch = new Uint8Array(NAME_SIZE);

// Addresses that came from the kernel are frozen and keep their bytes, so that answering a datagram parses nothing.
const names = new WeakMap<Address, Uint8Array>();

/** The family that an address belongs to. */
export function familyOf(address: Address): number {
  checkAddress(address);
  if ('path' in address) return AF_UNIX;
  if (typeof address.address !== 'string') throw invalidType('address', 'a string', address.address);
  return address.address.includes(':') ? AF_INET6 : AF_INET;
}

/**
 * The bytes of `address` for a socket of `family`, written to `into`, or where they stand already.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: no address, or of another family. RangeError
 * `ERR_OUT_OF_RANGE`: a port beyond 65535, a Unix path beyond what the OS takes (108 bytes on Linux).
 */
export function encode(address: Address, family: number, into: Uint8Array = scratch): Uint8Array {
  const known = names.get(address);
  if (known !== undefined && familyOf(address) === family) return known;
  checkAddress(address);
  if (family === AF_UNIX) encodeUnix(address, into);
  else if (family === AF_INET || family === AF_INET6) encodeInet(address, family, into);
  else throw new StateError('ERR_UNSUPPORTED', `addresses of family ${family} are not known here`);
  return into;
}

/** The address in slot `index` of `from`; `null` where there is none. */
export function decode(from: Uint8Array = scratch, index = 0): Address | null {
  const start = index * NAME_SIZE;
  const known = recall(from, start);
  if (known !== undefined) return known;
  const decoded = native.decodeName(from, index);
  if (decoded === null) return null;
  const address: Address = Object.freeze('path' in decoded ? { path: text(decoded.path) } : decoded);
  const name = from.slice(start, start + NAME_SIZE);
  names.set(address, name);
  // The path of a Unix socket may be a Buffer, which nothing freezes.
  if (!('path' in address)) remember(address, name);
  return address;
}

/** An address as the error of a system call carries it. */
export function detailsOf(address: Address): SystemErrorDetails {
  if (!('path' in address)) return { address: address.address, port: address.port };
  return { path: typeof address.path === 'string' ? address.path : Buffer.from(address.path).toString() };
}

function text(path: Buffer): string | Buffer {
  return isUtf8(path) ? path.toString() : path;
}

function checkAddress(address: Address): void {
  if (typeof address !== 'object' || address === null) {
    throw invalidType('address', 'an object with address and port, or with path', address);
  }
  if (!('path' in address || 'address' in address)) {
    const names = new Description(`one with ${Object.keys(address).join(', ') || 'nothing'}`);
    throw invalidType('address', 'an object with address and port, or with path', names);
  }
}

function encodeInet(address: Address, family: number, into: Uint8Array): void {
  if ('path' in address)
    throw invalidValue('address', 'an IP address for this socket', new Description('a Unix path'));
  const { port, flowinfo = 0 } = address;
  if (typeof address.address !== 'string') throw invalidType('address', 'a string', address.address);
  checkInteger(port, 'port', 0, 65_535);
  checkInteger(flowinfo, 'flowinfo', 0, 0xf_ffff);
  // Only IPv6 has zones; what stands in one is an interface's name, which may have any character but '/'.
  const percent = family === AF_INET6 ? address.address.indexOf('%') : -1;
  const host = percent < 0 ? address.address : address.address.slice(0, percent);
  const zone = percent < 0 ? undefined : address.address.slice(percent + 1);
  if (!(family === AF_INET ? isIPv4(host) : family === AF_INET6 && isIPv6(host))) {
    const wanted = family === AF_INET ? 'IPv4' : 'IPv6';
    const hint = family === AF_INET6 && isIPv4(host) ? ` (::ffff:${host} names it)` : '';
    throw invalidValue(
      'address',
      `a numeric ${wanted} address for this socket; names are for node:dns${hint}`,
      address.address,
    );
  }
  const scopeId = zone === undefined ? (address.scopeId ?? 0) : scopeOf(zone);
  checkInteger(scopeId, 'scopeId', 0, 0xffff_ffff);
  check(native.encodeInet(into, family, host, port, flowinfo, scopeId), 'inet_pton');
}

function scopeOf(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone);
  const index = native.interfaceIndex(zone);
  if (index < 0) throw invalidValue('address', 'in the zone of a network interface of this machine', zone);
  return index;
}

function encodeUnix(address: Address, into: Uint8Array): void {
  if (!('path' in address))
    throw invalidValue('address', 'a path for this socket', new Description('an IP address'));
  const { path } = address;
  if (typeof path !== 'string' && !(path instanceof Uint8Array)) {
    throw invalidType('path', 'a string or Uint8Array', path);
  }
  const bytes = typeof path === 'string' ? Buffer.from(path) : path;
  if (bytes.length === 0 && isDetached(bytes.buffer))
    throw invalidValue('path', 'over memory that was not moved away', new Description('a detached one'));
  if (bytes[0] === 0 && process.platform !== 'linux') {
    throw new StateError('ERR_UNSUPPORTED', `abstract names are Linux's; this is ${process.platform}`);
  }
  if (bytes.indexOf(0, 1) >= 0 && bytes[0] !== 0) throw invalidValue('path', 'without a NUL inside', path);
  if (native.encodeUnix(into, bytes) === -ENAMETOOLONG) {
    throw outOfRange('path', `at most ${MOST_PATH_BYTES} bytes`, new Description(`${bytes.length}`));
  }
}
