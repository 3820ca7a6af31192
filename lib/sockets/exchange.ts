/** Bytes to and from the peer: recv(2) and send(2), the calls that are made most. */
import { checkInt } from '../arguments.js';
import { checkBuffer, checkSlice } from '../buffers.js';
import { EAGAIN, invalidType, SystemError, type SystemErrorDetails } from '../native/errors.js';
import { native } from '../native/load.js';

/** Returned by `recv`, `send` and their kin where the call would have blocked (EAGAIN). */
export const WOULD_BLOCK = -1;

const { socketCall: call, socketRecv, socketSend } = native;
// Where socketRecv and socketSend find their numbers, and leave their result: that is cheaper than to convert each, 80 ns
// a message. Nothing can come between the stores and the call.
const FD = 0;
const OFFSET = 1;
const LENGTH = 2;
const FLAGS = 3;
const RESULT = 4;

/** recv(2) into a part of `buffer`, to its end where `length` is left out. */
export function receive(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number | undefined,
  flags: number,
): number {
  socketRecv(stage(fd, buffer, offset, length, flags, false));
  return outcome('recv', fd);
}

/** send(2) of a part of `buffer`, to its end where `length` is left out. */
export function transmit(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number | undefined,
  flags: number,
  mayBeEmpty: boolean,
): number {
  socketSend(stage(fd, buffer, offset, length, flags, mayBeEmpty));
  return outcome('send', fd);
}

/** EAGAIN as a result; any other errno as what it is. */
export function wouldBlock(
  errno: number,
  syscall: string,
  about: number | SystemErrorDetails,
): typeof WOULD_BLOCK {
  if (errno === -EAGAIN) return WOULD_BLOCK;
  throw new SystemError(errno, syscall, typeof about === 'number' ? { fd: about } : about);
}

/** What the call that was just made left: bytes, or {@link WOULD_BLOCK}. */
function outcome(syscall: string, fd: number): number {
  const count = call[RESULT] as number;
  return count >= 0 ? count : wouldBlock(count, syscall, fd);
}

/** Checks the arguments of a recv or send, and puts their numbers where the addon finds them. The memory goes with it. */
function stage(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number | undefined,
  flags: number,
  mayBeEmpty: boolean,
): ArrayBuffer {
  const { memory, start } = checkBuffer(buffer, 'buffer');
  const size = length ?? rest(buffer, offset);
  if (!mayBeEmpty || size !== 0 || offset !== 0) checkSlice(buffer, offset, size);
  checkFlags(flags);
  call[FD] = fd;
  call[OFFSET] = start + offset;
  call[LENGTH] = size;
  call[FLAGS] = flags;
  return memory;
}

/** What a buffer has from `offset` on, and one call can take. */
function rest(buffer: Uint8Array, offset: number): number {
  if (typeof offset !== 'number') throw invalidType('offset', 'a number', offset);
  return Math.min(buffer.length - offset, 0x7fff_ffff);
}

/** `checkInt`, cheaper where it passes. */
function checkFlags(flags: number): void {
  if (typeof flags !== 'number' || (flags | 0) !== flags) checkInt(flags, 'flags');
}
