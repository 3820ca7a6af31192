/**
 * Receives datagrams by node:dgram.
 *
 *   node bench/rivals/dgram.mjs
 *
 * Prints `listening PORT` once datagrams can come.
 */
import { createSocket } from 'node:dgram';
import { RECEIVE_BUFFER, Received } from '../support/datagrams-received.mjs';

const received = new Received();
const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER });
socket.on('message', (data, { port, address }) => {
  if (received.take(data, data.length)) socket.send(received.answer, port, address);
});
socket.bind(0, '127.0.0.1', () => console.log(`listening ${socket.address().port}`));
