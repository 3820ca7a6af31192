/** Bytes to and from the peer: recv(2) and send(2), the calls that are made most. */
import { checkInt } from '../arguments.js';
import * as buffers from '../buffers.js';
import { SOCK_STREAM } from '../native/constants.js';
import { EAGAIN, invalidType, StateError, SystemError, type SystemErrorDetails } from '../native/errors.js';
import { native } from '../native/load.js';

/** Returned by `recv`, `send` and their kin where the call would have blocked (EAGAIN). */
export const WOULD_BLOCK = -1;

const { socketRecv, socketRecvAgain, socketSend, socketSendAgain, socketMemory } = native;
const { checkBuffer, checkSlice, getterOf, lengthOf, MOST_KEPT, noBuffer, onceChecked } = buffers;
type CheckedBuffer = buffers.CheckedBuffer;
// [fd, offset, length, flags, result]: where the calls find their numbers, and leave their result. That is cheaper than to
// convert each, 80 ns a message. Nothing can come between the stores and the call, after which the flags are 0 again:
// whoever has none need not say so.
const words = native.socketCall;
// What was received into last: mostly one buffer, and often what is sent next.
const last = noBuffer();
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
 * kept, and does not move.
 *
 * @returns bytes, or {@link WOULD_BLOCK}.
 */
export function receive(fd: number, memory: ArrayBuffer): number {
  const call = words;
  call[0] = fd;
  if (memory === socketMemory.received) socketRecvAgain();
  else receiveElsewhere(memory);
  const count = call[4] as number;
  if (count < 0) return failed('recv');
  return count;
}

function receiveElsewhere(memory: ArrayBuffer): void {
  socketMemory.received = null;
  socketRecv(memory);
  socketMemory.received = kept(memory);
}

/** send(2), as staged; as for {@link receive}. */
export function transmit(fd: number, memory: ArrayBuffer): number {
  const call = words;
  call[0] = fd;
  if (memory === socketMemory.sent) socketSendAgain();
  else transmitElsewhere(memory);
  const count = call[4] as number;
  if (count < 0) return failed('send');
  return count;
}

function transmitElsewhere(memory: ArrayBuffer): void {
  socketMemory.sent = null;
  socketSend(memory);
  socketMemory.sent = kept(memory);
}

/** {@link receive} into a part of memory that is known to be good: nothing is left to be checked. */
export function receiveInto(fd: number, memory: ArrayBuffer, start: number, length: number): number {
  const call = words;
  call[1] = start;
  call[2] = length;
  return receive(fd, memory);
}

/** {@link transmit} of a buffer that was just checked, and has so many bytes. */
export function transmitChecked(fd: number, { memory, start }: CheckedBuffer, length: number): number {
  const call = words;
  call[1] = start;
  call[2] = length;
  return transmit(fd, memory);
}

function kept(memory: ArrayBuffer): ArrayBuffer | null {
  return sizeOf.call(memory) <= MOST_KEPT ? memory : null;
}

/** A socket that was closed by a buffer's own `length` has no descriptor, of which the kernel says EBADF. */
function failed(syscall: string): typeof WOULD_BLOCK {
  const fd = words[0] as number;
  if (fd < 0) throw closed();
  return wouldBlock(words[4] as number, syscall, fd);
}

export function closed(): StateError {
  return new StateError('ERR_CLOSED', 'the socket is closed');
}

/**
 * Checks the arguments of a recv or send, and puts their numbers where the addon finds them. The memory, and the descriptor
 * as it is after this, which may call what is the caller's, go with the call. Whoever stages makes it: flags of a
 * call that is not made would be the next one's.
 *
 * What is nearly always met is one condition, in place of a check for each argument, and this is short: V8 then has room
 * to put the whole of a `recv` and a `send` into the handler that calls them, which it counts in bytecodes. That is one
 * function less to return from, and no return that follows a system call is predicted: see return-stack.h.
 *
 * @param type - of a socket that sends: SOCK_STREAM, or nothing is a message, too.
 */
export function stage(
  { buffer, memory, start }: CheckedBuffer,
  offset: number | undefined,
  length: number | undefined,
  flags: number | undefined,
  type?: number,
): ArrayBuffer {
  const all = buffer.length;
  let from = offset;
  if (from === undefined) from = 0;
  let size = length ?? all;
  if (
    flags !== undefined ||
    typeof from !== 'number' ||
    typeof size !== 'number' ||
    !size ||
    from + size > all ||
    from >>> 0 !== from ||
    size >>> 0 !== size ||
    lengthOf.call(buffer) !== all
  ) {
    size = examine(buffer, from, length, flags, type);
  }
  const call = words;
  call[1] = start + from;
  call[2] = size;
  return memory;
}

/** What a buffer to receive into stands on; as for {@link onceChecked}. */
export function incoming(buffer: Uint8Array): CheckedBuffer {
  if (buffer !== last.buffer) return another(buffer);
  return last;
}

/** What a buffer to send from stands on: often that which was just received into, else as others are checked. */
export function outgoing(buffer: Uint8Array): CheckedBuffer {
  if (buffer !== last.buffer) return onceChecked(buffer, 'buffer');
  return last;
}

function another(buffer: Uint8Array): CheckedBuffer {
  const checked = checkBuffer(buffer, 'buffer');
  const { memory, start } = checked;
  if (sizeOf.call(memory) > MOST_KEPT) return checked;
  last.buffer = buffer;
  last.memory = memory;
  last.start = start;
  return last;
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
  // It may have been moved away since it was found good, and a class of the caller's may say that it has bytes all the same.
  checkBuffer(buffer, 'buffer');
  if (buffer.length > 0) checkSlice(buffer, 0, 1);
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
  return Math.min(lengthOf.call(buffer) - offset, 0x7fff_ffff);
}
