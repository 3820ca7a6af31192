/** Nonblocking sockets: socket(2), bind(2), listen(2), accept(2), connect(2), send(2), recv(2) and their kin. */

import { Adopted } from '../adopted.js';
import { checkBoolean, checkInt, checkInteger, checkObject } from '../arguments.js';
import { descriptorOf, type FileLike } from '../files.js';
import { leaveHolders } from '../holders.js';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  constant,
  constants,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from '../native/constants.js';
import {
  check,
  EAGAIN,
  EINPROGRESS,
  ENOTCONN,
  invalidType,
  invalidValue,
  StateError,
  SystemError,
  type SystemErrorDetails,
} from '../native/errors.js';
import { native } from '../native/load.js';
import { type Address, decode, detailsOf, encode, familyOf, NO_NAME, scratch } from './address.js';
import { DatagramBatch } from './datagram-batch.js';
import * as exchange from './exchange.js';
import {
  cargoOf,
  checkIncoming,
  checkOutgoing,
  chunksOf,
  type ReceivedMessage,
  receiveMessage,
} from './message.js';
import {
  bytesOption,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  intOption,
  passCredentials,
  SO_ERROR,
  SO_REUSEADDR,
  SOL_SOCKET,
  setKeepAlive,
  setOption,
  setReusePort,
  TCP_NODELAY,
} from './options.js';

// A module's own constants are part of the code that V8 makes of it; an import is looked up, and compared, at each use.
const { closed, incoming, outgoing, receive, stage, transmit, wouldBlock } = exchange;
const SOMAXCONN = constant('SOMAXCONN');
/** The flags that may stand in a type: each socket has them, so none shows them. */
const TYPE_FLAGS = (constants['SOCK_NONBLOCK'] ?? 0) | (constants['SOCK_CLOEXEC'] ?? 0);
const DIRECTIONS = new Map([
  ['read', constant('SHUT_RD')],
  ['write', constant('SHUT_WR')],
  ['both', constant('SHUT_RDWR')],
]);

/**
 * A socket that never blocks: created nonblocking and close-on-exec, never raises SIGPIPE, retries EINTR.
 *
 * What would block is a result, {@link WOULD_BLOCK} or `null`, never an exception; a readiness report is a hint, and
 * such a result after one is legal. Every other failure throws a {@link SystemError} with the errno's name as `code`.
 * After `close()` every method throws a {@link StateError} `ERR_CLOSED`; `fileno()` is -1 and `close()` does nothing.
 *
 * `close()` first leaves every selector that holds it, then closes. A socket that is never closed stays open until its
 * thread ends: nothing is left to the garbage collector.
 */
export class Socket implements Disposable {
  #fd: number;
  /** AF_*. */
  readonly family: number;
  /** SOCK_*, without flags. */
  readonly type: number;
  // Where connect() went: what its late error is about.
  #destination: SystemErrorDetails | undefined;

  /**
   * Opens a socket, IPv4 and TCP where nothing else is asked for.
   *
   * @throws SystemError `EAFNOSUPPORT`, `EPROTONOSUPPORT`, `ESOCKTNOSUPPORT`: no such thing here; `EPERM`, `EACCES`:
   * needs a privilege; `EMFILE`, `ENFILE`: out of descriptors; see socket(2).
   */
  constructor(family?: number, type?: number, protocol?: number);
  /** @internal */
  constructor(adopted: Adopted);
  constructor(family: number | Adopted = AF_INET, type: number = SOCK_STREAM, protocol = 0) {
    if (family instanceof Adopted) {
      this.#fd = family.fd;
      this.family = family.family;
      this.type = family.type;
      return;
    }
    checkInt(family, 'family');
    checkInt(type, 'type');
    checkInt(protocol, 'protocol');
    this.family = family;
    this.type = type & ~TYPE_FLAGS;
    this.#fd = check(native.socketOpen(family, this.type, protocol), 'socket');
  }

  /** Two sockets connected to each other; Unix streams where nothing else is asked for; socketpair(2). */
  static pair(family = AF_UNIX, type = SOCK_STREAM, protocol = 0): [Socket, Socket] {
    checkInt(family, 'family');
    checkInt(type, 'type');
    checkInt(protocol, 'protocol');
    const fds = new Int32Array(2);
    const plain = type & ~TYPE_FLAGS;
    check(native.socketPair(family, plain, protocol, fds), 'socketpair');
    const [one = -1, other = -1] = fds;
    return [new Socket(new Adopted(one, family, plain)), new Socket(new Adopted(other, family, plain))];
  }

  /**
   * Takes ownership of `fd`, which becomes nonblocking and close-on-exec; family and type are read from the kernel.
   *
   * @throws SystemError `EBADF`: closed. `ENOTSOCK`: no socket. The descriptor is then still the caller's.
   */
  static fromFd(fd: number): Socket {
    if (typeof fd !== 'number') throw invalidType('fd', 'a number', fd);
    const kind = new Int32Array(2);
    check(native.socketAdopt(descriptorOf(fd, 'fd'), kind), 'getsockopt', { fd });
    const [family, type] = kind;
    return new Socket(new Adopted(fd, family, type));
  }

  /**
   * Socket, SO_REUSEADDR, bind and listen in one step. The family is that of the address.
   *
   * @param options - `backlog`: connections that may wait for `accept()`, the OS's limit by default; `reusePort`:
   * SO_REUSEPORT, several listeners share the port; `ipv6Only`: an IPv6 listener takes no IPv4 connections, true by
   * default, as on every OS; `type`: SOCK_STREAM or SOCK_SEQPACKET.
   * @throws SystemError with the address: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, …; nothing stays open then. The file of
   * a Unix socket is yours to unlink: while it exists, the path is in use.
   */
  static listen(
    address: Address,
    options: { backlog?: number; reusePort?: boolean; ipv6Only?: boolean; type?: number } = {},
  ): Socket {
    const family = familyOf(address);
    checkObject(options, 'options');
    const { backlog = SOMAXCONN, reusePort = false, ipv6Only = true, type = SOCK_STREAM } = options;
    checkInt(backlog, 'backlog');
    checkBoolean(reusePort, 'reusePort');
    checkBoolean(ipv6Only, 'ipv6Only');
    if (type !== SOCK_STREAM && type !== SOCK_SEQPACKET) {
      throw invalidValue('type', 'SOCK_STREAM or SOCK_SEQPACKET', type);
    }
    const socket = new Socket(family, type);
    try {
      if (family !== AF_UNIX) socket.setReuseAddress();
      if (reusePort) socket.setReusePort();
      if (family === AF_INET6) socket.setOption(IPPROTO_IPV6, IPV6_V6ONLY, ipv6Only);
      socket.bind(address);
      socket.listen(backlog);
      return socket;
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /** The descriptor; -1 once closed. */
  fileno(): number {
    return this.#fd;
  }

  get closed(): boolean {
    return this.#fd < 0;
  }

  /** Where it is bound; port 0 or path `''` while it is not; getsockname(2). */
  get localAddress(): Address {
    const fd = this.#open();
    check(native.socketName(fd, scratch, 0), 'getsockname', { fd });
    return known(decode(), this.family);
  }

  /** The peer; `null` while there is none; getpeername(2). */
  get remoteAddress(): Address | null {
    const fd = this.#open();
    const status = native.socketName(fd, scratch, 1);
    if (status === -ENOTCONN) return null;
    check(status, 'getpeername', { fd });
    return known(decode(), this.family);
  }

  /** @throws SystemError with the address: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `EINVAL` (bound already), … */
  bind(address: Address): void {
    this.#open();
    const name = encode(address, this.family);
    check(native.socketBind(this.#open(), name), 'bind', detailsOf(address));
  }

  /** @param backlog - connections that may wait for `accept()`; the OS's limit where it is left out. */
  listen(backlog: number = SOMAXCONN): void {
    const fd = this.#open();
    checkInt(backlog, 'backlog');
    check(native.socketListen(fd, backlog), 'listen', { fd });
  }

  /**
   * The next connection; `null`: nobody is waiting. Connections that failed while they waited (ECONNABORTED) are
   * skipped over.
   *
   * @throws SystemError `EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`: no descriptor or memory for it. The connection waits
   * on, and the listener stays readable: watching it in level mode is then a busy loop until something is freed.
   */
  accept(): Socket | null {
    const fd = this.#open();
    const accepted = native.socketAccept(fd);
    if (accepted >= 0) return new Socket(new Adopted(accepted, this.family, this.type));
    if (accepted === -EAGAIN) return null;
    throw new SystemError(accepted, 'accept', { fd });
  }

  /**
   * Begins to connect.
   *
   * @returns `true`: connected at once. `false`: under way; wait until writable, then {@link Socket.finishConnect}.
   * @throws SystemError with the address: `ECONNREFUSED`, `ENETUNREACH`, …; on a Unix stream `EAGAIN`: the listener's
   * queue is full, which no readiness will report, so try again later.
   */
  connect(address: Address): boolean {
    this.#open();
    const name = encode(address, this.family);
    const status = native.socketConnect(this.#open(), name);
    // Not before: a getter of the address could have put another name where this one is.
    const details = detailsOf(address);
    if (status === -EINPROGRESS || status === 0) this.#destination = details;
    if (status === -EINPROGRESS) return false;
    check(status, 'connect', details);
    return true;
  }

  /**
   * How the connect ended.
   *
   * @returns `true`: connected. `false`: still under way.
   * @throws SystemError, the connect's own, with the address (`ECONNREFUSED`, `ETIMEDOUT`, …). The kernel says it once:
   * asked again, the answer is `ENOTCONN`, as it is where no connect was begun.
   */
  finishConnect(): boolean {
    const fd = this.#open();
    const status = native.socketFinishConnect(fd);
    if (status === -EINPROGRESS) return false;
    check(status, 'connect', this.#destination ?? { fd });
    return true;
  }

  /** Reads and clears SO_ERROR: what went wrong since it was last asked, or `null`. */
  takeError(): SystemError | null {
    const error = this.getOption(SOL_SOCKET, SO_ERROR);
    return error === 0 ? null : new SystemError(-error, 'socket', { fd: this.#fd });
  }

  /**
   * Receives into `buffer`.
   *
   * @param offset - where in the buffer, at its beginning where it is left out; @param length - at most so many bytes, to
   * the buffer's end where it is left out; @param flags - MSG_* bits.
   * @returns bytes read, 0 at the end of the stream (or an empty datagram), or {@link WOULD_BLOCK}.
   * @throws SystemError `ECONNRESET`, `ENOTCONN`, … RangeError `ERR_OUT_OF_RANGE`: no such part of the buffer.
   */
  recv(buffer: Uint8Array, offset?: number, length?: number, flags?: number): number {
    if (this.#fd < 0) throw closed();
    const memory = stage(incoming(buffer), offset, length, flags);
    return receive(this.#fd, memory);
  }

  /**
   * Sends a part of `buffer`; parameters as {@link Socket.recv}'s.
   *
   * @returns bytes accepted by the kernel, which may be fewer than asked, or {@link WOULD_BLOCK}. Of a datagram socket an
   * empty buffer is an empty datagram; on a stream it would mean nothing, and is refused.
   * @throws SystemError `EPIPE`, `ECONNRESET`: the peer is gone; `EMSGSIZE`: a datagram too long; `ENOTCONN`, …
   */
  send(buffer: Uint8Array, offset?: number, length?: number, flags?: number): number {
    if (this.#fd < 0) throw closed();
    const memory = stage(outgoing(buffer), offset, length, flags, this.type);
    return transmit(this.#fd, memory);
  }

  /**
   * Sends several chunks in one system call, without joining them.
   *
   * @returns bytes accepted, over all chunks, or {@link WOULD_BLOCK}. Of more than IOV_MAX (1024) chunks, only the
   * first so many are sent.
   */
  sendv(buffers: readonly Uint8Array[]): number {
    this.#open();
    const chunks = chunksOf(buffers, this.type);
    const fd = this.#open();
    const count = native.messageSendv(fd, chunks);
    return count >= 0 ? count : wouldBlock(count, 'sendmsg', fd);
  }

  /** Receives one datagram and its sender; `null`: none is waiting. */
  recvFrom(buffer: Uint8Array, flags = 0): { length: number; address: Address | null } | null {
    const fd = this.#open();
    checkIncoming(buffer, flags);
    const length = native.messageRecvFrom(fd, buffer, flags, scratch);
    if (length === -EAGAIN) return null;
    check(length, 'recvfrom', { fd });
    return { length, address: decode() };
  }

  /** Sends one datagram, which may be empty. @returns its bytes, or {@link WOULD_BLOCK}. */
  sendTo(buffer: Uint8Array, address: Address, flags = 0): number {
    this.#open();
    checkOutgoing(buffer, flags, this.type);
    const name = encode(address, this.family);
    const count = native.messageSendTo(this.#open(), buffer, name, flags);
    return count >= 0 ? count : wouldBlock(count, 'sendto', detailsOf(address));
  }

  /**
   * Receives a message with what came beside it; `null`: none is waiting; recvmsg(2).
   *
   * @param options - `maxFds`: take up to so many descriptors (Unix sockets), 0 by default; others are closed, and
   * MSG_CTRUNC says so. `credentials`: have the kernel name each sender (Linux). Of messages that were sent before this
   * was first asked for it may not know, and says pid 0; to have all, set SO_PASSCRED before the peer can send. `flags`: MSG_* bits.
   */
  recvMessage(
    buffer: Uint8Array,
    options: { maxFds?: number; credentials?: boolean; flags?: number } = {},
  ): ReceivedMessage | null {
    this.#open();
    checkObject(options, 'options');
    const { maxFds = 0, credentials = false, flags = 0 } = options;
    checkBoolean(credentials, 'credentials');
    checkIncoming(buffer, flags, maxFds);
    if (credentials) passCredentials(this.#open());
    return receiveMessage(this.#open(), buffer, flags, maxFds);
  }

  /**
   * Sends a message, to the connected peer or to `address`, with descriptors that the receiver gets duplicates of
   * (Unix sockets); sendmsg(2). They stay open here.
   *
   * @returns bytes accepted, or {@link WOULD_BLOCK}. On a stream the descriptors go with the first byte, so a partial
   * send has sent them.
   */
  sendMessage(
    buffer: Uint8Array,
    options: { address?: Address; fds?: readonly FileLike[]; flags?: number } = {},
  ): number {
    this.#open();
    checkObject(options, 'options');
    const { address, fds = [], flags = 0 } = options;
    checkOutgoing(buffer, flags, this.type);
    const descriptors = cargoOf(fds, this.family);
    const name = address === undefined ? NO_NAME : encode(address, this.family);
    // What is in the options may have done anything, closed this too: the number is asked for last, here and elsewhere.
    const fd = this.#open();
    const count = native.messageSend(fd, buffer, name, descriptors, flags);
    return count >= 0 ? count : wouldBlock(count, 'sendmsg', address === undefined ? fd : detailsOf(address));
  }

  /**
   * Up to `batch.capacity` datagrams in one system call (recvmmsg where the OS has it).
   *
   * @returns how many came; 0: none is waiting.
   */
  recvBatch(batch: DatagramBatch): number {
    const fd = this.#open();
    checkBatch(batch);
    const count = batch.receive(fd);
    return count === -EAGAIN ? 0 : check(count, 'recvmmsg', { fd });
  }

  /**
   * Sends datagrams `start` to `start + count` of the batch in one system call (sendmmsg where the OS has it).
   *
   * @returns how many went; fewer than `count`: the rest would block, or the next one fails and says so when it comes
   * first. 0: would block.
   */
  sendBatch(batch: DatagramBatch, count: number, start = 0): number {
    const fd = this.#open();
    checkBatch(batch);
    checkInteger(start, 'start', 0, batch.capacity);
    checkInteger(count, 'count', 0, batch.capacity - start);
    if (count === 0) return 0;
    const sent = batch.send(fd, start, count);
    return sent === -EAGAIN ? 0 : check(sent, 'sendmmsg', { fd });
  }

  /** Ends one direction, or both, whoever else holds the descriptor; shutdown(2). @throws SystemError `ENOTCONN`. */
  shutdown(how: 'read' | 'write' | 'both'): void {
    const fd = this.#open();
    const direction = DIRECTIONS.get(how);
    if (direction === undefined) throw invalidValue('how', "'read', 'write' or 'both'", how);
    check(native.socketShutdown(fd, direction), 'shutdown', { fd });
  }

  /**
   * setsockopt(2), any option by its level and name.
   *
   * @param value - an int, a flag, or the bytes of the option's struct.
   * @throws SystemError `ENOPROTOOPT`: no such option; `EINVAL`, `EPERM`, …
   */
  setOption(level: number, name: number, value: number | boolean | Uint8Array): void {
    setOption(this.#open(), level, name, value);
  }

  /** An option that is an int; getsockopt(2). @throws SystemError `ENOPROTOOPT`: no such option. */
  getOption(level: number, name: number): number;
  /** An option that is a struct, of at most `length` bytes. @throws SystemError `ENOPROTOOPT`. */
  getOption(level: number, name: number, length: number): Buffer;
  getOption(level: number, name: number, length?: number): number | Buffer {
    const fd = this.#open();
    return length === undefined ? intOption(fd, level, name) : bytesOption(fd, level, name, length);
  }

  /** TCP_NODELAY: send small segments at once. */
  setNoDelay(enable = true): this {
    checkBoolean(enable, 'enable');
    this.setOption(IPPROTO_TCP, TCP_NODELAY, enable);
    return this;
  }

  /** SO_KEEPALIVE; `initialDelay`, in ms, rounded up to seconds, is how long it is idle before the first probe. */
  setKeepAlive(enable = true, initialDelay?: number): this {
    checkBoolean(enable, 'enable');
    setKeepAlive(this.#open(), enable, initialDelay);
    return this;
  }

  /** SO_REUSEADDR: bind although old connections of the address linger. */
  setReuseAddress(enable = true): this {
    checkBoolean(enable, 'enable');
    this.setOption(SOL_SOCKET, SO_REUSEADDR, enable);
    return this;
  }

  /** SO_REUSEPORT: several sockets bind to one port; Linux spreads connections and datagrams over them. */
  setReusePort(enable = true): this {
    checkBoolean(enable, 'enable');
    setReusePort(this.#open(), enable);
    return this;
  }

  /** Gives the descriptor away: every selector lets go of it, the object is closed, the descriptor is not. */
  detach(): number {
    const fd = this.#open();
    this.#leave(fd);
    native.descriptorDisown(fd);
    return fd;
  }

  /** @throws SystemError `EBADF`: somebody else closed the descriptor. The object is closed all the same. */
  close(): void {
    const fd = this.#fd;
    if (fd < 0) return;
    this.#leave(fd);
    check(native.descriptorClose(fd), 'close', { fd });
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): number {
    const fd = this.#fd;
    if (fd < 0) throw closed();
    return fd;
  }

  #leave(fd: number): void {
    // First, so that whoever is told and closes it as well finds it closed.
    this.#fd = -1;
    leaveHolders(fd);
  }
}

/** An address, of a family whose addresses are known here. */
function known(address: Address | null, family: number): Address {
  if (address !== null) return address;
  throw new StateError('ERR_UNSUPPORTED', `addresses of family ${family} are not known here`);
}

function checkBatch(batch: DatagramBatch): void {
  if (!(batch instanceof DatagramBatch)) throw invalidType('batch', 'a DatagramBatch', batch);
}
