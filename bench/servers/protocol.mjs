/** An echo server on a transport and its protocol, in Node's loop. */
import { createServer } from '../../dist/lib/streams/index.js';

class Echo {
  /** @param {import('../../dist/lib/streams/index.js').Transport} transport */
  connectionMade(transport) {
    this.transport = transport;
  }

  /** @param {Buffer} data */
  dataReceived(data) {
    this.transport?.write(data);
  }

  pauseWriting() {
    this.transport?.pauseReading();
  }

  resumeWriting() {
    this.transport?.resumeReading();
  }
}

const server = await createServer(() => new Echo(), { address: '127.0.0.1', port: 0 }, { backlog: 4096 });
console.log(`listening ${/** @type {{ port: number }} */ (server.addresses[0]).port}`);
