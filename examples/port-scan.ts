/**
 * Finds the open TCP ports of a machine, a thousand connects at once on one thread.
 *
 *   node dist/examples/port-scan.js localhost 1-65535
 *
 * A connect costs a socket, and hardly more: it is begun, and heard of again when it has succeeded or failed. Ask your
 * own machines only.
 */
import { lookup } from 'node:dns/promises';
import { parseArgs } from 'node:util';
import { defaultReactor } from 'iomux';
import { parsePorts } from './port-scan/ports.js';
import { scan } from './port-scan/scan.js';

const USAGE = `usage: port-scan [options] HOST [PORTS]

PORTS are such as 22,80,8000-8999 (1-1024)

  --at-once NUMBER   connects that may be under way (1000)
  --timeout MS       how long a port may be silent (1000)
`;

function parseOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'at-once': { type: 'string', default: '1000' },
      timeout: { type: 'string', default: '1000' },
    },
  });
  const [host, ports = '1-1024', ...rest] = positionals;
  if (host === undefined || rest.length > 0) throw new Error('one HOST is needed, and PORTS in one word');
  const atOnce = Number(values['at-once']);
  if (!(Number.isInteger(atOnce) && atOnce > 0)) throw new Error('--at-once must be a whole number above 0');
  const timeout = Number(values.timeout);
  if (!(timeout > 0 && Number.isFinite(timeout))) throw new Error('--timeout must be milliseconds above 0');
  return { host, ports: parsePorts(ports), atOnce, timeout };
}

async function main(): Promise<void> {
  const { host, ...options } = parseOptions();
  const { address } = await lookup(host);
  const count = { open: 0, closed: 0, silent: 0 };
  const start = performance.now();
  await scan(defaultReactor(), {
    ...options,
    address,
    onFound: (port, finding) => {
      count[finding]++;
      if (finding === 'open') console.log(port);
    },
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  console.log(`${count.open} open, ${count.closed} closed, ${count.silent} silent; ${seconds} s`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`port-scan: ${(error as Error).message}\n${USAGE}`);
  process.exitCode = 1;
}
