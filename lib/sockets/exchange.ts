/** Bytes to and from the peer: recv(2) and send(2), the calls that are made most. */
import { checkInt } from '../arguments.js';
import * as buffers from '../buffers.js';
import { SOCK_STREAM } from '../native/constants.js';
import { EAGAIN, invalidType, SystemError, type SystemErrorDetails } from '../native/errors.js';
import { native } from '../native/load.js';

/** Returned by `recv`, `send` and their kin where the call would have blocked (EAGAIN). */
export const WOULD_BLOCK = -1;

const { socketRecv, socketRecvAgain, socketSend, socketSendAgain } = native;
const { checkBuffer, checkSlice } = buffers;
// [fd, offset, length, flags, result]: where the calls find their numbers, and leave their result. That is cheaper than to
// convert each, 80 ns a message. Nothing can come between the stores and the call, after which the flags are 0 again:
// whoever has none need not say so.
const words = native.socketCall;
// The memory that the addon has from the last call, so that it need not look into it again, 25 ns a message. It is kept
// here, does not move, and has not been moved away: stage() found it to have bytes.
let received: ArrayBuffer | null = null;
let sent: ArrayBuffer | null = null;

/** EAGAIN as a result; any other errno as what it is. */
export function wouldBlock(
  errno: number,
  syscall: string,
  about: number | SystemErrorDetails,
): typeof WOULD_BLOCK {
  if (errno === -EAGAIN) return WOULD_BLOCK;
  throw new SystemError(errno, syscall, typeof about === 'number' ? { fd: about } : about);
}

/** recv(2), as staged. */
export function receive(memory: ArrayBuffer): void {
  if (memory === received) socketRecvAgain();
  else receiveElsewhere(memory);
}

function receiveElsewhere(memory: ArrayBuffer): void {
  received = kept(memory);
  socketRecv(memory);
}

/** send(2), as staged. */
export function transmit(memory: ArrayBuffer): void {
  if (memory === sent) socketSendAgain();
  else transmitElsewhere(memory);
}

function transmitElsewhere(memory: ArrayBuffer): void {
  sent = kept(memory);
  socketSend(memory);
}

function kept(memory: ArrayBuffer): ArrayBuffer | null {
  return memory.byteLength <= buffers.MOST_KEPT ? memory : null;
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
  let size = length ?? all; // beyond an offset that is too much, and examined
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
 * How much is asked for where that is seldom seen: an offset without a length, flags, an empty datagram, more than one call
 * can take. Says what else is wrong.
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
