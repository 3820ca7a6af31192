/**
 * A chat by lines of text, for any number of clients.
 *
 *   node dist/examples/chat.js
 *   nc localhost 8009
 *
 * The first line of a client is its name. What is said to it waits in a queue of its own: so nobody waits for one who reads
 * slowly, and one who does not read at all is dropped when the queue is full.
 */
import { parseArgs } from 'node:util';
import { defaultReactor } from 'iomux';
import { startServer } from 'iomux/streams';
import { Room } from './chat/room.js';
import { chat } from './chat/session.js';

const USAGE = 'usage: chat [--port PORT]\n';
/** Bytes of a line. */
const LONGEST_LINE = 1000;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '8009' } } });
  const room = new Room();
  const server = await startServer(
    (connection) => chat(room, connection),
    { address: '127.0.0.1', port: Number(values.port) },
    { limit: LONGEST_LINE },
  );
  const [address] = server.addresses;
  if (address !== undefined && 'port' in address) console.log(`chatting at 127.0.0.1 ${address.port}`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    defaultReactor().addSignalHandler(signal, () => {
      server[Symbol.asyncDispose]();
    });
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`chat: ${(error as Error).message}\n${USAGE}`);
  process.exitCode = 1;
}
