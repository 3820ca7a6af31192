/** Messages with what comes beside their bytes: names, descriptors, credentials; sendmsg(2), recvmsg(2). */
import { checkInt, checkInteger } from '../arguments.js';
import { checkBuffer, checkSlice } from '../buffers.js';
import { descriptorOf, type FileLike } from '../files.js';
import { AF_UNIX, SOCK_STREAM } from '../native/constants.js';
import { check, Description, EAGAIN, invalidType, invalidValue } from '../native/errors.js';
import { native } from '../native/load.js';
import { type Address, decode, scratch } from './address.js';

/** What one {@link Socket.recvMessage} received. */
export interface ReceivedMessage {
  /** Bytes in the buffer. */
  readonly length: number;
  /** The sender; `null` where it has no name, or on a TCP stream. */
  readonly address: Address | null;
  /** MSG_TRUNC: the datagram was longer. MSG_CTRUNC: descriptors were lost, more came than `maxFds`. … */
  readonly flags: number;
  /** Descriptors that came with it (SCM_RIGHTS), close-on-exec already; they are the receiver's to close. */
  readonly fds: readonly number[];
  /** Who sent it, as the kernel says (SCM_CREDENTIALS); pid 0 where it did not remember. */
  readonly credentials?: { readonly pid: number; readonly uid: number; readonly gid: number };
}

/** As many descriptors as one message carries (SCM_MAX_FD). */
const MOST_DESCRIPTORS = 253;
/** Where messageRecv leaves what came beside the bytes, before the descriptors. */
const MESSAGE_HEADER = 6;

/** What a message is received into. */
export function checkIncoming(buffer: Uint8Array, flags: number, maxFds = 0): void {
  checkBuffer(buffer, 'buffer');
  checkSlice(buffer, 0, buffer.byteLength);
  checkInteger(maxFds, 'maxFds', 0, MOST_DESCRIPTORS);
  checkInt(flags, 'flags');
}

/** The bytes of a message to be sent: on a stream, none would mean nothing. */
export function checkOutgoing(buffer: Uint8Array, flags: number, type: number): void {
  checkBuffer(buffer, 'buffer');
  if (type === SOCK_STREAM) checkSlice(buffer, 0, buffer.byteLength);
  checkInt(flags, 'flags');
}

/** The chunks of one send, copied: so that what is checked is what is sent. */
export function chunksOf(buffers: readonly Uint8Array[], type: number): Uint8Array[] {
  if (!Array.isArray(buffers)) throw invalidType('buffers', 'an array of Buffers or Uint8Arrays', buffers);
  const chunks: Uint8Array[] = [...buffers];
  let length = 0;
  for (const buffer of chunks) {
    checkBuffer(buffer, 'buffer');
    length += buffer.byteLength;
  }
  if (length === 0 && type === SOCK_STREAM)
    throw invalidValue('buffers', 'at least one byte', new Description('none'));
  return chunks;
}

/** The descriptors that a message of a socket of `family` carries. */
export function cargoOf(files: readonly FileLike[], family: number): Int32Array {
  if (!Array.isArray(files)) throw invalidType('fds', 'an array of descriptors', files);
  checkInteger(files.length, 'fds.length', 0, MOST_DESCRIPTORS);
  if (files.length > 0 && family !== AF_UNIX) {
    throw invalidValue(
      'fds',
      'of a Unix socket: the kernel drops them on any other',
      new Description(`${files.length} descriptors`),
    );
  }
  return Int32Array.from(files, (file) => descriptorOf(file, 'fds'));
}

export function receiveMessage(
  fd: number,
  buffer: Uint8Array,
  flags: number,
  maxFds: number,
): ReceivedMessage | null {
  const into = new Int32Array(MESSAGE_HEADER + maxFds);
  const length = native.messageRecv(fd, buffer, flags, scratch, into);
  if (length === -EAGAIN) return null;
  check(length, 'recvmsg', { fd });
  const [received = 0, taken = 0, known = 0, pid = 0, uid = 0, gid = 0] = into;
  return {
    length,
    address: decode(),
    flags: received,
    fds: [...into.subarray(MESSAGE_HEADER, MESSAGE_HEADER + taken)],
    ...(known !== 0 && { credentials: { pid, uid: uid >>> 0, gid: gid >>> 0 } }),
  };
}
