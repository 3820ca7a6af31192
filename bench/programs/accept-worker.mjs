/**
 * A worker of accept-storm.mjs: waits for the listener that it inherited, and serves one connection each time.
 *
 *   node bench/programs/accept-worker.mjs NUMBER [exclusive]
 *
 * Descriptor 3 is the listener, and 4 a Unix socket to the parent, who asks by a byte for what this has counted since
 * it began, and gets it as a line of JSON. When the parent closes its end, or has ended, this ends.
 */
import { DefaultSelector, EVENT_READ, Socket } from '../../dist/lib/index.js';

const [number, how] = process.argv.slice(2);
const listener = Socket.fromFd(3);
const parent = Socket.fromFd(4);
/** Each client learns who served it. */
const greeting = Buffer.from([Number(number)]);
const question = Buffer.alloc(1);
const counts = { wakeUps: 0, refusals: 0, accepted: 0 };

// One for each report, as servers do that share their listener: the others have more of a burst then.
function acceptOne() {
  counts.wakeUps++;
  const connection = listener.accept();
  if (connection === null) {
    counts.refusals++;
    return;
  }
  counts.accepted++;
  if (connection.send(greeting) !== greeting.length) throw new Error('a new connection takes no byte');
  connection.close();
}

function answer() {
  if (parent.recv(question) === 0) process.exit();
  const { userCPUTime, systemCPUTime, voluntaryContextSwitches: switches } = process.resourceUsage();
  const cpuMicroseconds = userCPUTime + systemCPUTime;
  parent.send(Buffer.from(`${JSON.stringify({ ...counts, switches, cpuMicroseconds })}\n`));
}

/** The data of a key is what serves it. @type {DefaultSelector<() => void>} */
const selector = new DefaultSelector();
selector.register(listener, EVENT_READ, acceptOne, { exclusive: how === 'exclusive' });
selector.register(parent, EVENT_READ, answer);
try {
  for (;;) selector.dispatch(null, ({ data: serve }) => serve());
} catch (error) {
  // Whom it answers or serves has ended, and in all of this that is the parent.
  if (!['EPIPE', 'ECONNRESET'].includes(/** @type {NodeJS.ErrnoException} */ (error).code ?? '')) throw error;
}
