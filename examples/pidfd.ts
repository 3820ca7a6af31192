/**
 * Waits until processes end, whosever children they are; pidfd_open(2), Linux.
 *
 *   sleep 10 & node dist/examples/pidfd.js $!
 *
 * A number may be another process by the time it is looked at again; a pidfd is the process itself. It becomes readable
 * when that ends.
 */
import { closeSync } from 'node:fs';
import { EVENT_READ, ready } from 'iomux';
import { openForeign } from './foreign/open.js';

const SCRIPT = `
try:
    hand_over(os.pidfd_open(int(sys.argv[1])))
except OSError as error:
    sys.exit(f'{sys.argv[1]}: {error.strerror}')
`;

async function waitFor(pid: string): Promise<void> {
  const pidfd = await openForeign(SCRIPT, [pid]);
  console.log(`waiting for ${pid}`);
  await ready(pidfd, EVENT_READ);
  closeSync(pidfd);
  console.log(`${pid} has ended`);
}

await Promise.all(process.argv.slice(2).map(waitFor));
