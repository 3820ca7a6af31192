/**
 * Receives datagrams by a protocol of `iomux/streams`, hosted in Node's loop.
 *
 *   node bench/programs/datagrams-transport.mjs
 *
 * Prints `listening PORT` once datagrams can come.
 */
import { constants } from '../../dist/lib/index.js';
import { createDatagramEndpoint } from '../../dist/lib/streams/index.js';
import { RECEIVE_BUFFER, Received } from '../support/datagrams-received.mjs';

const { SOL_SOCKET = 0, SO_RCVBUF = 0 } = constants;
const received = new Received();

class Receiver {
  /** @type {import('../../dist/lib/streams/index.js').DatagramTransport | undefined} */
  transport;

  /** @param {import('../../dist/lib/streams/index.js').DatagramTransport} transport */
  connectionMade(transport) {
    this.transport = transport;
  }

  /** @type {(data: Buffer, address: import('../../dist/lib/index.js').Address | null) => void} */
  datagramReceived(data, address) {
    if (address !== null && received.take(data, data.length)) this.transport?.send(received.answer, address);
  }
}

const { socket } = await createDatagramEndpoint(new Receiver(), { local: { address: '127.0.0.1', port: 0 } });
socket.setOption(SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
console.log(`listening ${/** @type {{ port: number }} */ (socket.localAddress).port}`);
