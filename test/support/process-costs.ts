/** What a process costs: its memory and its processor time, from Linux's /proc. */
import { readFileSync } from 'node:fs';

/** Whether costs can be read here, and mean something: AddressSanitizer keeps freed memory back. */
export const canReadCosts =
  process.platform === 'linux' && !(process.env['LD_PRELOAD'] ?? '').includes('asan');

/** Bytes of physical memory that a process holds now. */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return 1024 * Number(kilobytes);
}

/** Milliseconds of processor time that a process used so far, its threads together. */
export function processorTime(pid: number): number {
  // The fields after the name, which is in parentheses and may hold spaces: utime and stime are the 12th and 13th.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  // Ticks are hundredths of a second on every Linux.
  return 10 * (Number(fields[11]) + Number(fields[12]));
}
