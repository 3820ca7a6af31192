/** Bytes to and from the peer: recv(2) and send(2), the calls that are made most. */
import { checkInt } from '../arguments.js';
import * as buffers from '../buffers.js';
import { SOCK_STREAM } from '../native/constants.js';
import { EAGAIN, invalidType, SystemError, type SystemErrorDetails } from '../native/errors.js';
import { native } from '../native/load.js';

/** Returned by `recv`, `send` and their kin where the call would have blocked (EAGAIN). */
export const WOULD_BLOCK = -1;

const { socketRecv, socketRecvAgain, socketSend, socketSendAgain, socketMemory } = native;
const { checkBuffer, checkSlice, getterOf, MOST_KEPT } = buffers;
// [fd, offset, length, flags, result]: where the calls find their numbers, and leave their result. That is cheaper than to
// convert each, 80 ns a message. Nothing can come between the stores and the call, after which the flags are 0 again:
// whoever has none need not say so.
const words = native.socketCall;
// What the memory itself says: a buffer's own length may be what a class of the caller makes of it. 0: it was moved away.
const sizeOf = getterOf<ArrayBuffer, number>(ArrayBuffer.prototype, 'byteLength');

/** EAGAIN as a result; any other errno as what it is. */
export function wouldBlock(
  errno: number,
  syscall: string,
  about: number | SystemErrorDetails,
): typeof WOULD_BLOCK {
  if (errno === -EAGAIN) return WOULD_BLOCK;
  throw new SystemError(errno, syscall, typeof about === 'number' ? { fd: about } : about);
}

/**
 * recv(2), as staged. With the memory of the call before, the addon need not look into it again, 25 ns a message: it is
 * kept, does not move, and has not been moved away.
 */
export function receive(memory: ArrayBuffer): void {
  if (memory === socketMemory.received && sizeOf.call(memory) > 0) socketRecvAgain();
  else receiveElsewhere(memory);
}

function receiveElsewhere(memory: ArrayBuffer): void {
  socketMemory.received = null;
  socketRecv(memory);
  socketMemory.received = kept(memory);
}

/** send(2), as staged; as for {@link receive}. */
export function transmit(memory: ArrayBuffer): void {
  if (memory === socketMemory.sent && sizeOf.call(memory) > 0) socketSendAgain();
  else transmitElsewhere(memory);
}

function transmitElsewhere(memory: ArrayBuffer): void {
  socketMemory.sent = null;
  socketSend(memory);
  socketMemory.sent = kept(memory);
}

function kept(memory: ArrayBuffer): ArrayBuffer | null {
  return sizeOf.call(memory) <= MOST_KEPT ? memory : null;
}

/** What the call that was just made left: bytes, or {@link WOULD_BLOCK}. */
export function outcome(syscall: string): number {
  const count = words[4] as number;
  return count >= 0 ? count : failed(count, syscall);
}

function failed(errno: number, syscall: string): typeof WOULD_BLOCK {
  return wouldBlock(errno, syscall, words[0] as number);
}

/**
 * Checks the arguments of a recv or send, and puts their numbers where the addon finds them. The memory goes with it.
 *
 * What is nearly always met is one condition, in place of a check for each argument, and this is short: V8 then has room
 * to put the whole of a `recv` and a `send` into the loop that calls them, which it counts in bytecodes.
 *
 * @param type - of a socket that sends: SOCK_STREAM, or nothing is a message, too.
 */
export function stage(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number | undefined,
  flags: number | undefined,
  type?: number,
): ArrayBuffer {
  const { memory, start } = checkBuffer(buffer, 'buffer');
  const all = buffer.length;
  let size = length ?? all;
  if (
    flags !== undefined ||
    typeof offset !== 'number' ||
    typeof size !== 'number' ||
    size <= 0 ||
    offset + size > all ||
    offset >>> 0 !== offset ||
    size >>> 0 !== size
  ) {
    size = examine(buffer, offset, length, flags, type);
  }
  const call = words;
  call[0] = fd;
  call[1] = start + offset;
  call[2] = size;
  return memory;
}

/**
 * How much is asked for where that is seldom seen: an offset without a length (all, from there, would be too much), flags,
 * an empty datagram, more than one call can take. Says what else is wrong.
 */
function examine(
  buffer: Uint8Array,
  offset: number,
  length: number | undefined,
  flags: number | undefined,
  type = SOCK_STREAM,
): number {
  const size = length ?? rest(buffer, offset);
  if (type === SOCK_STREAM || size !== 0 || offset !== 0) checkSlice(buffer, offset, size);
  if (flags !== undefined) {
    checkInt(flags, 'flags');
    words[3] = flags;
  }
  return size;
}

/** What a buffer has from `offset` on, and one call can take. */
function rest(buffer: Uint8Array, offset: number): number {
  if (typeof offset !== 'number') throw invalidType('offset', 'a number', offset);
  return Math.min(buffer.length - offset, 0x7fff_ffff);
}
