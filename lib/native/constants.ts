/** The numeric constants of this OS. */
import { native } from './load.js';

/** Every numeric constant of this OS that the calls take, by its C name, all as unsigned numbers but kqueue's filters. */
export const constants: Readonly<Record<string, number>> = Object.freeze({ ...native.constants });

/** A constant that every supported OS has. */
export function constant(name: string): number {
  const value = constants[name];
  if (value === undefined) throw new Error(`the addon lacks ${name}`);
  return value;
}

/** IPv4, ip(7). */
export const AF_INET = constant('AF_INET');
/** IPv6, ipv6(7). */
export const AF_INET6 = constant('AF_INET6');
/** Local sockets, unix(7). */
export const AF_UNIX = constant('AF_UNIX');
/** A byte stream: TCP, or a Unix stream. */
export const SOCK_STREAM = constant('SOCK_STREAM');
/** Datagrams: UDP, or Unix datagrams. */
export const SOCK_DGRAM = constant('SOCK_DGRAM');
/** A connection that keeps message boundaries: Unix. */
export const SOCK_SEQPACKET = constant('SOCK_SEQPACKET');
/** The network protocol itself; needs a privilege. */
export const SOCK_RAW = constant('SOCK_RAW');
