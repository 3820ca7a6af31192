/** read(2) of a nonblocking descriptor, where "nothing there now" is a result. */
import { readSync } from 'node:fs';

/** @returns the bytes read, 0 at the end; `null`: there are none now. */
export function readNow(fd: number, buffer: Buffer): number | null {
  try {
    return readSync(fd, buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return null;
    throw error;
  }
}
