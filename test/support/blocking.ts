/** Making a descriptor blocking, which neither Node nor the library does. */
import { spawnSync } from 'node:child_process';

/** The flag belongs to the open file, and Node clears it on what a child gets as its standard input. */
export function makeBlocking(fd: number): void {
  spawnSync('true', { stdio: [fd, 'ignore', 'ignore'] });
}
