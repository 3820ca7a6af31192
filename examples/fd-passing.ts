/**
 * A server that accepts connections and hands each to the next of its worker processes, which serves it.
 *
 *   node dist/examples/fd-passing.js --workers 3 --port 8007
 *   nc localhost 8007
 *
 * A descriptor can travel beside the bytes of a message on a Unix socket; the process that receives it has the same
 * connection then, under a number of its own. The parent could be a balancer, the keeper of a privileged port, or a
 * server that is replaced while its connections live on.
 */
import { parseArgs } from 'node:util';
import { defaultReactor, Socket } from 'iomux';
import { Crew } from './fd-passing/crew.js';

const USAGE = 'usage: fd-passing [--workers NUMBER] [--port PORT]\n';

function parseOptions() {
  const { values } = parseArgs({
    options: { workers: { type: 'string', default: '2' }, port: { type: 'string', default: '8007' } },
  });
  const [workers, port] = [Number(values.workers), Number(values.port)];
  if (!(Number.isInteger(workers) && workers > 0)) {
    throw new Error(`--workers must be a whole number above 0, not '${values.workers}'`);
  }
  return { workers, address: { address: '127.0.0.1', port } };
}

/** The next connection; `null`: the listener was closed. */
async function accept(listener: Socket): Promise<Socket | null> {
  if (listener.closed) return null;
  try {
    return await defaultReactor().sockAccept(listener);
  } catch (error) {
    if (listener.closed) return null;
    throw error;
  }
}

async function serve(listener: Socket, crew: Crew): Promise<void> {
  let count = 0;
  for (let connection = await accept(listener); connection !== null; connection = await accept(listener)) {
    if (await crew.give(connection)) count++;
  }
  // Nobody can come any more. What was handed over is served to its end.
  crew.close();
  await crew.ended;
  console.log(`handed over ${count} connections`);
}

async function main(): Promise<void> {
  const { workers, address } = parseOptions();
  const listener = Socket.listen(address);
  const crew = new Crew(workers);
  let stopping = false;
  const stop = () => {
    // Told twice, it does not wait for the clients.
    if (stopping) crew.kill();
    stopping = true;
    listener.close();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  crew.ended.then(() => listener.close());
  const { localAddress } = listener;
  if ('port' in localAddress) console.log(`listening on 127.0.0.1:${localAddress.port} (${workers} workers)`);
  await serve(listener, crew);
  if (!stopping) throw new Error('no worker is left');
}

try {
  await main();
} catch (error) {
  process.stderr.write(`fd-passing: ${(error as Error).message}\n${USAGE}`);
  process.exitCode = 1;
}
