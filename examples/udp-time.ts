/**
 * The time over UDP, a server and a client in one program. Without arguments it is both, and asks itself.
 *
 *   node dist/examples/udp-time.js
 *   node dist/examples/udp-time.js serve 127.0.0.1 3737 &
 *   node dist/examples/udp-time.js ask 127.0.0.1 3737
 *
 * An endpoint for datagrams has one socket for all its peers, and its protocol is told who sent each. The four bytes of an
 * answer are those of RFC 868.
 */
import { type Address, defaultReactor } from 'iomux';
import type { DatagramTransport } from 'iomux/streams';
import { type AskOptions, askTime } from './udp-time/client.js';
import { serveTime } from './udp-time/server.js';

const USAGE = 'usage: udp-time [serve ADDRESS PORT | ask ADDRESS PORT]\n';
const PATIENCE: AskOptions = { attempts: 4, timeout: 500 };

function placeOf({ socket: { localAddress } }: DatagramTransport): string {
  return 'port' in localAddress ? `${localAddress.address} ${localAddress.port}` : '';
}

async function serve(local: Address): Promise<void> {
  const server = await serveTime(local);
  console.log(`telling the time at ${placeOf(server)}`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    defaultReactor().addSignalHandler(signal, () => server.close());
  }
}

async function ask(remote: Address): Promise<void> {
  const time = await askTime(remote, PATIENCE);
  console.log(time.toISOString());
}

async function askOurselves(): Promise<void> {
  const server = await serveTime({ address: '127.0.0.1', port: 0 });
  console.log(`asking ${placeOf(server)}`);
  await ask(server.socket.localAddress);
  server.close();
}

async function main(): Promise<void> {
  const [command, address, port, ...rest] = process.argv.slice(2);
  if (command === undefined) return await askOurselves();
  if (address === undefined || port === undefined || rest.length > 0)
    throw new Error('ADDRESS and PORT are needed');
  const where = { address, port: Number(port) };
  if (command === 'serve') return await serve(where);
  if (command === 'ask') return await ask(where);
  throw new Error(`no such command: ${command}`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`udp-time: ${(error as Error).message}\n${USAGE}`);
  process.exitCode = 1;
}
