/** A pool of sockets and pipes in which open files are told from the descriptors that refer to them. */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { AF_UNIX, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM, Socket, SystemError, WOULD_BLOCK } from 'iomux';
import { native } from '../../lib/native/load.js';

export type Kind = 'stream' | 'datagram' | 'seqpacket' | 'pipe';

const SOCKET_TYPES = { stream: SOCK_STREAM, datagram: SOCK_DGRAM, seqpacket: SOCK_SEQPACKET };
const block = Buffer.alloc(65_536);

/** One end of a pair. It lives as long as a descriptor refers to it. */
export class OpenFile {
  readonly descriptors = new Set<number>();
  peer: OpenFile | null = null;

  constructor(readonly kind: Kind) {}
}

/** What became of an open file by an operation, as far as those who watch it may hear of it. */
export interface Activity {
  /** Something may have changed. */
  readonly touched: readonly OpenFile[];
  /** Data arrived here. */
  readonly received?: OpenFile | null;
  /** The peer went, or ended its side. */
  readonly ended?: OpenFile | null;
  /** Nothing refers to it any more. */
  readonly gone?: OpenFile;
}

export class OpenFiles {
  readonly #fifos: string[];
  readonly #files = new Map<number, OpenFile>();
  // A duplicate of a socket is a socket, too: methods are called on whichever object holds the number.
  readonly #sockets = new Map<number, Socket>();
  // Kept open, so that a duplicate gets the lowest free number: the one that was closed last, often.
  readonly #carrier = Socket.pair();

  /** @param fifos - paths, each of which becomes a pipe once. */
  constructor(fifos: readonly string[]) {
    this.#fifos = [...fifos];
  }

  get descriptors(): number[] {
    return [...this.#files.keys()].sort((a, b) => a - b);
  }

  /** The open file a descriptor refers to; `undefined`: it is closed. */
  at(fd: number): OpenFile | undefined {
    return this.#files.get(fd);
  }

  open(kind: Kind): void {
    const [here, there] = [new OpenFile(kind), new OpenFile(kind)];
    here.peer = there;
    there.peer = here;
    if (kind === 'pipe') {
      const path = this.#fifos.pop();
      if (path === undefined) return;
      this.#add(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), here);
      this.#add(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK), there);
      return;
    }
    const sockets = Socket.pair(AF_UNIX, SOCKET_TYPES[kind]);
    for (const [socket, file] of [
      [sockets[0], here],
      [sockets[1], there],
    ] as const) {
      this.#sockets.set(socket.fileno(), socket);
      this.#add(socket.fileno(), file);
    }
  }

  duplicate(fd: number): number {
    const file = this.#file(fd);
    const second = this.#sendToMyself(fd);
    if (file.kind !== 'pipe') this.#sockets.set(second, Socket.fromFd(second));
    this.#add(second, file);
    return second;
  }

  /** @param selectorsFirst - as Socket.close() does; else behind everybody's back. */
  close(fd: number, selectorsFirst: boolean): Activity {
    const file = this.#file(fd);
    const socket = this.#sockets.get(fd);
    if (selectorsFirst && socket !== undefined) {
      socket.close();
    } else {
      closeSync(fd);
      // The addon would close it once more at the end, and with it whatever has the number by then.
      native.descriptorDisown(fd);
    }
    this.#sockets.delete(fd);
    this.#files.delete(fd);
    file.descriptors.delete(fd);
    if (file.descriptors.size > 0) return { touched: [] };
    const { peer } = file;
    if (peer !== null) peer.peer = null;
    return { touched: peer === null ? [] : [peer], ended: peer, gone: file };
  }

  /** Writes up to `length` bytes, or until it would block. */
  write(fd: number, length: number): Activity {
    const file = this.#file(fd);
    let written = 0;
    this.#attempt(() => {
      while (written < length) {
        const count = this.#write(
          fd,
          Math.min(length - written, file.kind === 'stream' ? block.length : 4096),
        );
        if (count === WOULD_BLOCK) return;
        written += count;
      }
    });
    return { touched: pairOf(file), received: written > 0 ? file.peer : null };
  }

  /** Reads up to `length` bytes, or until it would block. */
  read(fd: number, length: number): Activity {
    const file = this.#file(fd);
    this.#attempt(() => {
      for (let read = 0; read < length; ) {
        const count = this.#read(fd, Math.min(length - read, block.length));
        if (count <= 0) return;
        read += count;
      }
    });
    return { touched: pairOf(file) };
  }

  shutdown(fd: number, how: 'read' | 'write' | 'both'): Activity {
    const file = this.#file(fd);
    const socket = this.#sockets.get(fd);
    if (socket === undefined) return { touched: [] };
    this.#attempt(() => socket.shutdown(how));
    return { touched: pairOf(file), ended: how === 'read' || file.kind === 'datagram' ? null : file.peer };
  }

  closeAll(): void {
    for (const fd of this.descriptors) this.close(fd, true);
    for (const socket of this.#carrier) socket.close();
  }

  #sendToMyself(fd: number): number {
    const [from, to] = this.#carrier;
    from.sendMessage(Buffer.alloc(1), { fds: [fd] });
    const [second] = to.recvMessage(Buffer.alloc(1), { maxFds: 1 })?.fds ?? [];
    if (second === undefined) throw new Error('the duplicate did not arrive');
    return second;
  }

  #file(fd: number): OpenFile {
    const file = this.#files.get(fd);
    if (file === undefined) throw new Error(`${fd} is closed`);
    return file;
  }

  #add(fd: number, file: OpenFile): void {
    this.#files.set(fd, file);
    file.descriptors.add(fd);
  }

  #write(fd: number, length: number): number {
    return this.#sockets.get(fd)?.send(block, 0, length) ?? writeSync(fd, block, 0, length);
  }

  #read(fd: number, length: number): number {
    return this.#sockets.get(fd)?.recv(block, 0, length) ?? readSync(fd, block, 0, length, null);
  }

  /** The wrong end of a pipe, a peer that is gone: readiness goes with it, and that is what is looked at. */
  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof SystemError) && (error as NodeJS.ErrnoException).errno === undefined)
        throw error;
    }
  }
}

function pairOf(file: OpenFile): OpenFile[] {
  return file.peer === null ? [file] : [file, file.peer];
}
