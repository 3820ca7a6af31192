/** The file of a Unix socket: made by bind, and in the way of the next bind until somebody removes it. */
import { lstatSync, type Stats, unlinkSync } from 'node:fs';
import { AF_UNIX } from '../native/constants.js';
import { SystemError } from '../native/errors.js';
import type { Address } from '../sockets/address.js';
import { Socket } from '../sockets/socket.js';

/** A socket that is bound, and what remains to be done at its end. */
export interface BoundSocket {
  readonly socket: Socket;
  /** Removes the Unix path, if what is there is still this socket's. */
  removeFile(): void;
}

/** Closes a socket, and removes its file: first, while nobody else can have bound to the path. */
export function closeBound({ socket, removeFile }: BoundSocket): void {
  removeFile();
  socket.close();
}

/**
 * Binds to an address, in place of a file that a process left which is gone. That is one whose socket nobody has open,
 * and only asking tells: a connect that is refused. A file that is no socket stays.
 *
 * @param type - of the socket: SOCK_*.
 * @throws what `bind` throws.
 */
export function bindAt<T>(address: Address, type: number, bind: () => T): T {
  try {
    return bind();
  } catch (error) {
    const path = pathOf(address);
    const inUse = error instanceof SystemError && error.code === 'EADDRINUSE';
    if (!inUse || path === null || !removeStale(path, type)) throw error;
    return bind();
  }
}

/** What removes the file that is at an address now, unless another has taken its place by then. */
export function removerOf(address: Address): () => void {
  const path = pathOf(address);
  if (path === null) return () => {};
  const bound = lookAt(path);
  return () => {
    const found = lookAt(path);
    if (found === undefined || found.ino !== bound?.ino || found.dev !== bound.dev) return;
    remove(path);
  };
}

/** @returns whether there was one, and it is gone. */
function removeStale(path: string | Buffer, type: number): boolean {
  if (lookAt(path)?.isSocket() !== true) return false;
  using socket = new Socket(AF_UNIX, type);
  try {
    socket.connect({ path });
    return false;
  } catch (error) {
    return error instanceof SystemError && error.code === 'ECONNREFUSED' && remove(path);
  }
}

function remove(path: string | Buffer): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch {
    // Somebody was faster, or the folder is not ours to change.
    return false;
  }
}

function lookAt(path: string | Buffer): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** The file that an address names; an abstract name, or none, has no file. */
function pathOf(address: Address): string | Buffer | null {
  if (!('path' in address)) return null;
  const { path } = address;
  if (path.length === 0) return null;
  if (typeof path === 'string') return path.startsWith('\0') ? null : path;
  return path[0] === 0 ? null : Buffer.from(path);
}
