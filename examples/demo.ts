/**
 * The demo: the echo server on each backend of this machine, under a thousand connections of real traffic from
 * `node:net`, every byte verified; one table at the end.
 */
import { parseArgs } from 'node:util';
import { type Backend, createSelector, selectorBackends, type TriggerMode } from 'iomux';
import { ServerProcess } from './demo/server-process.js';
import { table } from './demo/table.js';
import { drive } from './demo/traffic.js';

interface Row {
  readonly backend: Backend;
  readonly mode: TriggerMode;
}

const HEADINGS = ['backend', 'mode', 'connections', 'messages', 'messages/s', 'p50 ms', 'p99 ms'];
/** What Node and the server need beside the connections. */
const OTHER_DESCRIPTORS = 100;
/** How long each server runs before it is measured, ms. */
const WARM_UP = 400;
/** How often the progress is drawn, ms. */
const PROGRESS_INTERVAL = 100;

/** Each backend that works here, level-triggered, and edge-triggered where it can. */
function rows(): Row[] {
  return selectorBackends().flatMap((backend) => {
    using selector = createSelector(backend);
    return (['level', 'edge'] as const)
      .filter((mode) => selector.capabilities.modes.includes(mode))
      .map((mode) => ({ backend, mode }));
  });
}

/** As many of the wanted connections as the descriptor limit has room for, here and in the server. */
function affordable(wanted: number): number {
  const report = process.report?.getReport() as
    | { userLimits?: { open_files?: { soft: number | string } } }
    | undefined;
  const limit = Number(report?.userLimits?.open_files?.soft);
  if (!(limit < wanted + OTHER_DESCRIPTORS)) return wanted;
  const connections = Math.max(1, limit - OTHER_DESCRIPTORS);
  process.stderr.write(`${connections} connections instead of ${wanted}: ${limit} descriptors may be open\n`);
  return connections;
}

async function measure({ backend, mode }: Row, connections: number, duration: number) {
  const server = await ServerProcess.start(['--backend', backend, ...(mode === 'edge' ? ['--edge'] : [])]);
  const { isTTY } = process.stderr;
  const label = `${backend}, ${mode}`;
  let count = 0;
  const progress = setInterval(() => {
    if (isTTY) process.stderr.write(`\r\x1b[K${label}: ${count.toLocaleString('en')} messages verified`);
  }, PROGRESS_INTERVAL);
  try {
    const onMessage = () => {
      count++;
    };
    const traffic = { port: server.port, connections, onMessage };
    // Not measured: a short run for both sides to be compiled in.
    await drive({ ...traffic, duration: WARM_UP });
    const { messages, bytes, elapsed, latencies } = await drive({ ...traffic, duration });
    await server.stop();
    const megabytes = (bytes / 1e6).toFixed(0);
    if (!isTTY) process.stderr.write(`${label}: ${messages} messages, ${megabytes} MB verified\n`);
    const at = (share: number) => latencies[Math.floor(share * (latencies.length - 1))] ?? Number.NaN;
    return [
      backend,
      mode,
      connections,
      messages,
      Math.round((1000 * messages) / elapsed),
      at(0.5),
      at(0.99),
    ] as const;
  } catch (error) {
    throw new Error(`${label}: ${(error as Error).message}`, { cause: error });
  } finally {
    clearInterval(progress);
    if (isTTY) process.stderr.write('\r\x1b[K');
  }
}

function number(option: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new Error(`--${option} must be a number above 0, not '${text}'`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      connections: { type: 'string', default: '1000' },
      seconds: { type: 'string', default: '4' },
    },
  });
  const wanted = Math.ceil(number('connections', values.connections));
  const duration = 1000 * number('seconds', values.seconds);
  const connections = affordable(wanted);
  const results = [];
  for (const row of rows()) results.push(await measure(row, connections, duration));
  process.stdout.write(table(HEADINGS, results));
}

// A server that was started is killed by our exit, whatever its cause.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
try {
  await main();
} catch (error) {
  process.stderr.write(`demo: ${(error as Error).message}\n`);
  process.exit(1);
}
