/** A worker process: serves the connections that come over its descriptor 3, until that and the last of them ends. */
import { defaultReactor, Socket, SystemError } from 'iomux';
import { takeOver } from './hand-over.js';

const [, , number] = process.argv;

/** Greets, and sends back what comes. */
async function serve(connection: Socket): Promise<void> {
  const reactor = defaultReactor();
  const buffer = Buffer.allocUnsafe(4096);
  await reactor.sockSendAll(connection, Buffer.from(`worker ${number}, process ${process.pid}\n`));
  for (;;) {
    const length = await reactor.sockRecv(connection, buffer);
    if (length === 0) return;
    await reactor.sockSendAll(connection, buffer.subarray(0, length));
  }
}

async function serveToItsEnd(connection: Socket): Promise<void> {
  using _ = connection;
  try {
    await serve(connection);
  } catch (error) {
    // A client that is gone is no matter of the others.
    if (!(error instanceof SystemError)) throw error;
  }
}

// Ctrl-C reaches the workers as well. They end when their parent has, which lets them finish.
process.on('SIGINT', () => {});

for await (const connection of takeOver(Socket.fromFd(3))) serveToItsEnd(connection);
