/** An echo server on a reader and a writer, by `for await`, in Node's loop. */
import { startServer } from '../../dist/lib/streams/index.js';

/** @param {import('../../dist/lib/streams/index.js').Connection} connection */
async function echo({ reader, writer }) {
  try {
    for await (const data of reader) {
      if (!writer.write(data)) await writer.drain();
    }
  } catch {
    // The peer reset the connection.
  }
}

const server = await startServer(echo, { address: '127.0.0.1', port: 0 }, { backlog: 4096 });
console.log(`listening ${/** @type {{ port: number }} */ (server.addresses[0]).port}`);
