/**
 * The echo server as a program.
 *
 * A loop that waits in the system call holds its thread; on the main thread Node could then run no signal handler. So
 * the server has worker threads, and the main thread lets go of them at SIGINT and SIGTERM.
 */
import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { Crew } from './echo/crew.js';
import { type Listener, listenTogether } from './echo/listen.js';
import { type EchoOptions, parseOptions, USAGE, UsageError } from './echo/options.js';
import { listening, summary } from './echo/summary.js';

export { EchoServer, type EchoServerOptions } from './echo/server.js';
export type { Served } from './echo/service.js';

/**
 * Runs the server until SIGINT or SIGTERM.
 *
 * @param name - what its errors begin with.
 * @returns the exit code: 0; 1: it could not listen, or failed; 2: bad arguments.
 */
export async function main(args: readonly string[], name = 'echo-server'): Promise<number> {
  const { stdout, stderr } = process;
  let options: EchoOptions | 'help';
  try {
    options = parseOptions(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    stderr.write(`${name}: ${error.message}\n`);
    return 2;
  }
  if (options === 'help') {
    stdout.write(USAGE);
    return 0;
  }
  let listeners: Listener[];
  try {
    listeners = listenTogether(options.address, options.workers);
  } catch (error) {
    stderr.write(`${name}: ${(error as Error).message}\n`);
    return 1;
  }
  try {
    return await serve(listeners, options, (text) => stderr.write(`${name}: ${text}\n`));
  } finally {
    for (const listener of listeners) listener.unlink();
  }
}

async function serve(
  listeners: readonly Listener[],
  options: EchoOptions,
  onNotice: (text: string) => void,
): Promise<number> {
  const address = listeners[0]?.socket.localAddress ?? options.address;
  const crew = new Crew({
    listeners: listeners.map(({ socket }) => socket),
    options,
    onServing: () => process.stdout.write(`listening on ${listening(address, options)}\n`),
    onNotice,
  });
  const shutDown = () => crew.stop();
  process.on('SIGINT', shutDown).on('SIGTERM', shutDown);
  try {
    const shares = await crew.ended;
    const served = shares.filter((share) => share !== null);
    if (served.length < shares.length) return 1;
    process.stdout.write(summary(served, options.backend));
    return 0;
  } finally {
    process.off('SIGINT', shutDown).off('SIGTERM', shutDown);
  }
}

/** Whether Node was started with this file. */
function isProgram(): boolean {
  const [, started] = process.argv;
  return (
    started !== undefined && existsSync(started) && realpathSync(started) === fileURLToPath(import.meta.url)
  );
}

if (isMainThread && isProgram()) process.exitCode = await main(process.argv.slice(2));
