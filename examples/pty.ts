/**
 * Runs a command on a terminal of its own: what it prints comes out here, what comes in here is typed there.
 *
 *   echo 'stty size; exit' | node dist/examples/pty.js sh
 *
 * Programs behave otherwise on a terminal, they prompt, colour and draw. Its master side is a descriptor that neither
 * fs nor net can wait for.
 */
import { writeSync } from 'node:fs';
import { EVENT_READ, EVENT_WRITE, ready, watch } from 'iomux';
import { openForeign } from './foreign/open.js';
import { readNow } from './foreign/read.js';

const SCRIPT = `
import pty

pid, master = pty.fork()
if pid == 0:
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    except OSError as error:
        sys.exit(f'{sys.argv[1]}: {error.strerror}')
os.set_blocking(master, False)
hand_over(master)
`;

/** What a terminal takes for the end of its input. */
const END_OF_INPUT = '\x04';

const { stdin, stdout } = process;
const command = process.argv.slice(2);
const master = await openForeign(SCRIPT, command.length > 0 ? command : ['sh']);
const buffer = Buffer.allocUnsafe(64 * 1024);

/** @returns the bytes read, 0 when the last program has left the terminal: on Linux that is an EIO. */
function readTerminal(): number | null {
  try {
    return readNow(master, buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EIO') return 0;
    throw error;
  }
}

watch(master, EVENT_READ, () => {
  const length = readTerminal();
  if (length === null) return;
  if (length === 0) process.exit();
  stdout.write(Buffer.from(buffer.subarray(0, length)));
});

// Keys go to the other terminal as they are; that one makes of them what they mean.
if (stdin.isTTY) stdin.setRawMode(true);
for await (const chunk of stdin) {
  for (let sent = 0; sent < chunk.length; ) {
    await ready(master, EVENT_WRITE);
    sent += writeSync(master, chunk, sent);
  }
}
writeSync(master, END_OF_INPUT);
