/**
 * The echo server as a program.
 *
 * Its loop waits in the system call and holds its thread; on the main thread Node could then run no signal handler. So
 * the loop has a worker thread, and the main thread turns SIGINT and SIGTERM into a flag in shared memory and a wake.
 */
import { once } from 'node:events';
import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMainThread, type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads';
import { type Address, type SelectorStats, Waker, type WakerHandle } from 'iomux';
import { listen } from './echo/listen.js';
import { type EchoOptions, parseOptions, USAGE, UsageError } from './echo/options.js';
import { EchoServer, type Served } from './echo/server.js';

export { EchoServer, type EchoServerOptions, type Served } from './echo/server.js';

/** What the worker is started with. */
interface Orders {
  readonly program: string;
  readonly options: EchoOptions;
  /** Its first word is set to stop the server. */
  readonly stop: SharedArrayBuffer;
}

/** What the worker tells the main thread. */
type Message =
  | { readonly type: 'listening'; readonly address: Address; readonly waker: WakerHandle }
  | { readonly type: 'notice'; readonly text: string }
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'served'; readonly served: Served };

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

  const stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const stopped = new Int32Array(stop);
  let waker: Waker | undefined;
  const shutDown = () => {
    Atomics.store(stopped, 0, 1);
    waker?.wake();
  };
  process.on('SIGINT', shutDown).on('SIGTERM', shutDown);

  const { backend, mode } = options;
  const orders: Orders = { program: import.meta.url, options, stop };
  const worker = new Worker(new URL(import.meta.url), { workerData: orders });
  let exitCode = 1;
  worker.on('message', (message: Message) => {
    switch (message.type) {
      case 'listening':
        waker = Waker.from(message.waker);
        // A signal that came earlier found nobody to wake.
        if (Atomics.load(stopped, 0) === 1) waker.wake();
        stdout.write(`listening on ${shown(message.address)} (${backend}, ${mode})\n`);
        break;
      case 'notice':
      case 'failed':
        stderr.write(`${name}: ${message.type === 'notice' ? message.text : message.reason}\n`);
        break;
      case 'served':
        stdout.write(summary(message.served, backend));
        exitCode = 0;
        break;
    }
  });
  worker.on('error', (error) => {
    stderr.write(`${name}: ${error.stack ?? error.message}\n`);
    exitCode = 1;
  });
  try {
    await once(worker, 'exit');
  } finally {
    process.off('SIGINT', shutDown).off('SIGTERM', shutDown);
  }
  return exitCode;
}

/** The worker's side: listens, serves, and closes in order. */
function serve({ options, stop }: Orders, port: MessagePort): void {
  const { address, backend, mode, maxConnections } = options;
  const stopped = new Int32Array(stop);
  const tell = (message: Message) => port.postMessage(message);
  let listener: ReturnType<typeof listen>;
  try {
    listener = listen(address);
  } catch (error) {
    tell({ type: 'failed', reason: (error as Error).message });
    return;
  }
  try {
    // Not to the worker's own stderr: that is written by an event loop which stands still here.
    const report = (text: string) => tell({ type: 'notice', text });
    using server = new EchoServer(listener.socket, { backend, mode, maxConnections, report });
    tell({
      type: 'listening',
      address: listener.socket.localAddress,
      waker: server.selector.waker.handle,
    });
    server.run(() => Atomics.load(stopped, 0) === 1);
    server.close();
    tell({ type: 'served', served: server.served });
  } finally {
    listener.unlink();
  }
}

function shown(address: Address): string {
  if ('path' in address) return String(address.path);
  return address.address.includes(':')
    ? `[${address.address}]:${address.port}`
    : `${address.address}:${address.port}`;
}

function summary({ connections, peak, failed, messages, bytes, selector }: Served, backend: string): string {
  return (
    `served ${counted(connections, 'connection')} (peak ${peak}, failed ${failed}), ` +
    `${counted(messages, 'message')}, ${counted(bytes, 'byte')}\n` +
    `${backend}: ${figures(selector)}\n`
  );
}

function figures({ waits, emptyWaits, events, staleEvents, rebuilds }: SelectorStats): string {
  return `${counted(waits, 'wait')} (${emptyWaits} empty), ${counted(events, 'event')}, ${staleEvents} stale, ${counted(rebuilds, 'rebuild')}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Whether Node was started with this file. */
function isProgram(): boolean {
  const [, started] = process.argv;
  return (
    started !== undefined && existsSync(started) && realpathSync(started) === fileURLToPath(import.meta.url)
  );
}

// Somebody else's worker may import this file as well: only our own has orders.
if (isMainThread) {
  if (isProgram()) process.exitCode = await main(process.argv.slice(2));
} else if (parentPort !== null && (workerData as Orders | null)?.program === import.meta.url) {
  serve(workerData as Orders, parentPort);
}
