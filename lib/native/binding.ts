/**
 * The type of the addon: what each file in src-native exports. A function returns a count, a descriptor or 0, or the
 * negative errno of what failed; it throws only a TypeError for an argument of a wrong type.
 */
export interface Binding extends Partial<EpollBinding>, Partial<KqueueBinding> {
  readonly constants: Readonly<Record<string, number>>;

  // address.cc
  nameSize(): number;
  encodeInet(
    into: Uint8Array,
    family: number,
    host: string,
    port: number,
    flowinfo: number,
    scopeId: number,
  ): number;
  encodeUnix(into: Uint8Array, path: Uint8Array): number;
  decodeName(names: Uint8Array, index: number): DecodedName | null;
  interfaceIndex(name: string): number;

  // descriptor.cc
  descriptorClose(fd: number): number;
  descriptorCheck(fd: number): number;
  descriptorOwn(fd: number): number;
  descriptorDisown(fd: number): number;

  // socket.cc
  socketOpen(family: number, type: number, protocol: number): number;
  socketPair(family: number, type: number, protocol: number, into: Int32Array): number;
  socketAdopt(fd: number, into: Int32Array): number;
  socketBind(fd: number, name: Uint8Array): number;
  socketListen(fd: number, backlog: number): number;
  socketAccept(fd: number): number;
  socketConnect(fd: number, name: Uint8Array): number;
  socketFinishConnect(fd: number): number;
  socketName(fd: number, into: Uint8Array, remote: number): number;
  socketShutdown(fd: number, how: number): number;
  /** fd, offset, length and flags of the four below, and their result. */
  readonly socketCall: Int32Array;
  socketRecv(memory: ArrayBuffer): void;
  socketSend(memory: ArrayBuffer): void;
  /** The memory of the last of each, which whoever calls them keeps here, for the two below. */
  readonly socketMemory: { received: ArrayBuffer | null; sent: ArrayBuffer | null };
  /** With the memory of the last, which must be neither collected nor moved away. */
  socketRecvAgain(): void;
  socketSendAgain(): void;

  // options.cc
  optionSet(fd: number, level: number, name: number, value: number): number;
  optionSetBytes(fd: number, level: number, name: number, value: Uint8Array): number;
  optionGet(fd: number, level: number, name: number, into: Int32Array): number;
  optionGetBytes(fd: number, level: number, name: number, into: Uint8Array): number;

  // message.cc
  messageSendv(fd: number, chunks: readonly Uint8Array[]): number;
  messageRecvFrom(fd: number, buffer: Uint8Array, flags: number, name: Uint8Array): number;
  messageSendTo(fd: number, buffer: Uint8Array, name: Uint8Array, flags: number): number;
  messageRecv(fd: number, buffer: Uint8Array, flags: number, name: Uint8Array, into: Int32Array): number;
  messageSend(
    fd: number,
    buffer: Uint8Array,
    name: Uint8Array,
    descriptors: Int32Array,
    flags: number,
  ): number;
  messageRecvBatch(
    fd: number,
    slab: Uint8Array,
    maxLength: number,
    headers: Int32Array,
    names: Uint8Array,
  ): number;
  messageSendBatch(
    fd: number,
    slab: Uint8Array,
    maxLength: number,
    headers: Int32Array,
    names: Uint8Array,
    start: number,
    count: number,
  ): number;

  // select.cc, poll.cc
  selectWait(readers: Int32Array, writers: Int32Array, exceptional: Int32Array, milliseconds: number): number;
  selectOpen(shared: Int32Array): number;
  pollWait(interests: Int32Array, results: Int32Array, milliseconds: number): number;
  pollOpen(shared: Int32Array): number;

  // wait-set.cc
  /** The count of triples, and 0x4000_0000 where the wait has ended whatever was reported: by a wake, or at its time. */
  waitSetWait(id: number, results: ArrayBuffer, milliseconds: number): number;
  /** Goes on until the deadline of the last wait. */
  waitSetResume(id: number, results: ArrayBuffer): number;
  waitSetControl(
    id: number,
    fd: number,
    generation: number,
    events: number,
    edge: number,
    oneshot: number,
  ): number;
  waitSetRemove(id: number, fd: number): number;
  waitSetDump(id: number, into: Int32Array): number;
  waitSetWaker(id: number): number;
  waitSetOwns(id: number, fd: number): number;
  waitSetClose(id: number): number;
  interruptible(probe: () => void): number;

  // host.cc
  hostOpen(id: number, thread: number, turn: () => boolean): number;
  hostStart(id: number): number;
  hostStop(id: number): number;
  hostDeadline(id: number, milliseconds: number): number;
  hostReference(id: number, on: number): number;
  uncaught(error: unknown): void;

  // signals.cc
  signalListen(id: number, signal: number, count: Int32Array): number;
  signalIgnore(id: number, signal: number): number;

  // mailbox.cc
  mailboxOpen(id: number, into: Int32Array): number;
  mailboxPut(number: number, message: Uint8Array): number;
  mailboxTake(id: number): Buffer | null;

  // waker.cc
  wakerWake(handle: number, shared: Int32Array): number;
}

export type DecodedName =
  | {
      address: string;
      port: number;
      family: 'IPv4' | 'IPv6';
      flowinfo?: number;
      scopeId?: number;
    }
  | { path: Buffer };

/** epoll.cc: Linux. */
export interface EpollBinding {
  epollCreate(): number;
  epollControl(epfd: number, operation: number, fd: number, generation: number, events: number): number;
  epollWait(epfd: number, results: Int32Array, milliseconds: number): number;
  epollOpen(shared: Int32Array): number;
  epollDescriptor(id: number): number;
  epollRenew(id: number): number;
}

/** kqueue.cc: macOS, the BSDs, and Linux where the addon was built with libkqueue. */
export interface KqueueBinding {
  kqueueCreate(): number;
  kqueueControl(kq: number, changes: Float64Array, results: Float64Array, milliseconds: number): number;
  kqueueOpen(shared: Int32Array): number;
  kqueueDescriptor(id: number): number;
  kqueueCheck(id: number, fd: number, muted: number): number;
}
