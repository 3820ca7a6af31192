/** Handing a connection over to Node's own modules. */
import type { Duplex } from 'node:stream';
import { checkObject } from '../arguments.js';
import { invalidType, StateError } from '../native/errors.js';
import { ConnectionStream } from './connection-stream.js';
import { StreamReader } from './reader.js';
import type { Connection } from './stream-protocol.js';
import type { Transport } from './transport.js';
import { StreamWriter } from './writer.js';

const HANDED_OVER = 'the connection was handed over to a stream, by toDuplex()';

const handedOver = new WeakSet<Transport>();

/**
 * Makes a `stream.Duplex` of a connection, for `node:http`, `node:tls` and pipelines. It begins with what the reader has
 * buffered. Reader and writer are not to be used any more: a read that waits, or comes later, and a `drain` that waits are
 * rejected with a StateError `ERR_INVALID_STATE`. After `writeEof` the stream has ended writing, too. `writer.close()` is
 * done when the connection is gone, whether or not the stream was read to its end.
 *
 * It has what `node:http` and `node:tls` use of a `net.Socket`: addresses, `setTimeout`, `setNoDelay`, `setKeepAlive`,
 * `ref`, `unref`, `destroySoon`. As any Duplex it stays open when the peer ends; set `allowHalfOpen` to `false` to have
 * it end with its peer, as a `net.Socket` does.
 *
 * @throws TypeError: no connection. StateError `ERR_CLOSED`: it is closed, or lost; `ERR_INVALID_STATE`: it was
 * handed over before.
 *
 * @example
 * ```ts
 * const http = createServer((request, response) => response.end('hello'));
 * await startServer((connection) => {
 *   http.emit('connection', toDuplex(connection));
 * }, { address: '127.0.0.1', port: 8000 });
 * ```
 */
export function toDuplex(connection: Connection): Duplex {
  checkObject(connection, 'connection');
  const { reader, writer } = connection;
  if (!(reader instanceof StreamReader)) throw invalidType('connection.reader', 'a StreamReader', reader);
  if (!(writer instanceof StreamWriter)) throw invalidType('connection.writer', 'a StreamWriter', writer);
  const { transport } = writer;
  if (transport.closing) {
    throw new StateError(
      'ERR_CLOSED',
      'the connection is closed: a stream of it could neither read nor write',
    );
  }
  if (handedOver.has(transport)) throw new StateError('ERR_INVALID_STATE', HANDED_OVER);
  handedOver.add(transport);
  const received = reader.peek();
  if (received.length > 0) reader.read();
  const ended = reader.atEnd;
  const error = new StateError('ERR_INVALID_STATE', HANDED_OVER);
  reader.end(error);
  writer.handOver(error);
  const stream = new ConnectionStream(transport, { received, ended, onLost: (loss) => writer.end(loss) });
  if (hasEndedWriting(transport)) stream.end();
  return stream;
}

/** Nothing is sent of an empty string, but it is refused. */
function hasEndedWriting(transport: Transport): boolean {
  try {
    transport.write('');
    return false;
  } catch {
    return true;
  }
}
