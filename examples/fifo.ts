/**
 * Prints what is written into FIFOs, each line with the name of its FIFO, and ends when all writers have closed.
 *
 *   mkfifo /tmp/one /tmp/two
 *   node dist/examples/fifo.js /tmp/one /tmp/two
 *
 * Node's own streams read a FIFO in a thread of its pool, which waits there: with four of them no other file can be
 * read. Here one descriptor waits for all.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { basename } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { EVENT_READ, watch } from 'iomux';
import { readNow } from './foreign/read.js';

// One for all of them: it is never in use across two calls.
const buffer = Buffer.allocUnsafe(64 * 1024);

function follow(path: string): void {
  // Nonblocking, it opens though nobody writes yet.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const decoder = new StringDecoder();
  const print = (line: string) => console.log(`${basename(path)}: ${line}`);
  let unfinished = '';
  watch(fd, EVENT_READ, (_events, watcher) => {
    const length = readNow(fd, buffer);
    if (length === null) return;
    if (length === 0) {
      watcher.close();
      closeSync(fd);
      if (unfinished !== '') print(unfinished);
      return;
    }
    const lines = (unfinished + decoder.write(buffer.subarray(0, length))).split('\n');
    unfinished = lines.pop() ?? '';
    for (const line of lines) print(line);
  });
}

for (const path of process.argv.slice(2)) follow(path);
