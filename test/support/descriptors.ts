/** What the operating system knows of this process's descriptors. */
import { readdirSync, readFileSync } from 'node:fs';
import { type FileLike, Socket } from 'iomux';

/** Whether descriptor flags can be read here: Linux's /proc. */
export const canReadFlags = process.platform === 'linux';

/** O_CLOEXEC among the flags of /proc, the same on every architecture Node runs on. */
const CLOSE_ON_EXEC = 0o2000000;
const NONBLOCKING = 0o4000;

function flagsOf(fd: number): number {
  const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
  return Number.parseInt(flags ?? '', 8);
}

export function isCloseOnExec(fd: number): boolean {
  return (flagsOf(fd) & CLOSE_ON_EXEC) !== 0;
}

export function isNonblocking(fd: number): boolean {
  return (flagsOf(fd) & NONBLOCKING) !== 0;
}

/** The descriptors open now, but the one that lists them. */
export function openDescriptors(): number[] {
  const folder = process.platform === 'linux' ? '/proc/self/fd' : '/dev/fd';
  const listed = readdirSync(folder).map(Number);
  // The listing's own descriptor is closed by now.
  return listed.filter((fd) => {
    try {
      return readFileSync(`/proc/self/fdinfo/${fd}`).length > 0;
    } catch {
      return process.platform !== 'linux';
    }
  });
}

/** Another number for the same open file, as dup(2) makes: the descriptor is sent to ourselves. */
export function duplicate(file: FileLike): number {
  const [here, there] = Socket.pair();
  try {
    here.sendMessage(Buffer.from('.'), { fds: [file] });
    const [fd] = there.recvMessage(Buffer.alloc(1), { maxFds: 1 })?.fds ?? [];
    if (fd === undefined) throw new Error('the descriptor did not arrive');
    return fd;
  } finally {
    here.close();
    there.close();
  }
}
