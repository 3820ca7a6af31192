/** Whether the kernel has epoll_pwait2, which waits to the nanosecond: Linux 5.11. */
import { release } from 'node:os';

export function hasPwait2(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 5 || (major === 5 && minor >= 11);
}
