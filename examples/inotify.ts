/**
 * Prints the files of a folder whenever one has been written to its end, or was moved into it; inotify(7), Linux.
 *
 *   node dist/examples/inotify.js FOLDER
 *
 * `fs.watch` tells that a file changes, many times while it is written; only inotify itself can tell when it is complete.
 * It ends with the folder, or by Ctrl-C.
 */
import { closeSync } from 'node:fs';
import { EVENT_READ, watch } from 'iomux';
import { openForeign } from './foreign/open.js';
import { readNow } from './foreign/read.js';

const IN_CLOSE_WRITE = 0x8;
const IN_MOVED_TO = 0x80;
/** The folder is gone, and there is nothing to wait for any more. */
const IN_IGNORED = 0x8000;

const SCRIPT = `
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
folder, events = sys.argv[1], int(sys.argv[2])
fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
if fd < 0 or libc.inotify_add_watch(fd, os.fsencode(folder), events) < 0:
    sys.exit(f'{folder}: {os.strerror(ctypes.get_errno())}')
hand_over(fd)
`;

/** struct inotify_event: descriptor, mask, cookie and length of the name, as words; the name, filled up with NULs. */
const WORDS = 4;
const NAME = WORDS * Uint32Array.BYTES_PER_ELEMENT;

const [folder = '.'] = process.argv.slice(2);
const inotify = await openForeign(SCRIPT, [folder, `${IN_CLOSE_WRITE | IN_MOVED_TO}`]);
const buffer = Buffer.allocUnsafeSlow(64 * 1024);

watch(inotify, EVENT_READ, (_events, watcher) => {
  const length = readNow(inotify, buffer) ?? 0;
  for (let at = 0; at < length; ) {
    const [, mask = 0, , nameLength = 0] = new Uint32Array(buffer.buffer, at, WORDS);
    const end = at + NAME + nameLength;
    if ((mask & IN_IGNORED) !== 0) {
      watcher.close();
      closeSync(inotify);
      return;
    }
    console.log(buffer.toString('utf8', at + NAME, end).replace(/\0+$/, ''));
    at = end;
  }
});
console.log(`watching ${folder}`);
