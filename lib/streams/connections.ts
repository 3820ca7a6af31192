/** Connections with a reader and a writer: opened, and served. */
import { checkInteger, checkObject } from '../arguments.js';
import type { Future } from '../reactor/future.js';
import { type ConnectOptions, connect } from './connect.js';
import { type ConnectionHandler, checkHandler, handle } from './connection-handler.js';
import type { Endpoint } from './endpoint.js';
import { createServer, type Server, type ServerOptions } from './server.js';
import { type Connection, StreamProtocol, type StreamProtocolOptions } from './stream-protocol.js';

/**
 * Connects, as `createConnection` does, and gives the connection a reader and a writer.
 *
 * @param options.limit - bytes, 64 KiB where it is left out: how much may stand before a separator, and half of how much
 * is read ahead.
 * @returns cancelled, everything that was opened is closed.
 * @throws RangeError: the limit is below 1 or no whole number. As `createConnection`.
 *
 * @example
 * ```ts
 * const { reader, writer } = await openConnection({ host: 'localhost', port: 7 });
 * writer.write('hello\n');
 * console.log(await reader.readLine());
 * await writer.close();
 * ```
 */
export function openConnection(endpoint: Endpoint, options: ConnectOptions = {}): Future<Connection> {
  checkLimit(options);
  const protocol = new StreamProtocol({ limit: options.limit });
  return connect(protocol, endpoint, options, () => protocol.connection);
}

/**
 * Listens, as `createServer` does, and gives each connection a reader and a writer.
 *
 * @param onConnection - serves one connection; called before anything of it is read. An async function, or a generator
 * function (run as a task of the reactor), has the connection as long as it runs: when it has ended, the connection is
 * closed, after all that was written is sent. A plain function leaves it as it is, for whoever it gave it to. What any of
 * them throws goes to the reactor's `onError` (`source: 'server'`), and the connection is aborted. What only a peer can cause
 * need not be caught, and is not reported: that the connection was lost, or closed by the server; that it ended in the midst
 * of what was read ({@link IncompleteReadError}); that there was no separator within the limit ({@link LimitOverrunError}).
 * @param options.limit - as of {@link openConnection}.
 * @throws TypeError: `onConnection` is no function, or an async generator function. RangeError: the limit is below 1 or no
 * whole number. As `createServer`.
 *
 * @example
 * ```ts
 * const server = await startServer(
 *   async ({ reader, writer }) => {
 *     for await (const line of reader.lines()) {
 *       writer.write(`${line}\n`);
 *       await writer.drain();
 *     }
 *   },
 *   { address: '127.0.0.1', port: 7000 },
 * );
 * ```
 */
export function startServer(
  onConnection: ConnectionHandler,
  endpoint: Endpoint,
  options: ServerOptions = {},
): Future<Server> {
  checkHandler(onConnection);
  checkLimit(options);
  const made: StreamProtocolOptions = {
    limit: options.limit,
    onConnection: (connection) => handle(connection, onConnection),
  };
  return createServer(() => new StreamProtocol(made), endpoint, options);
}

function checkLimit(options: { readonly limit?: number }): void {
  checkObject(options, 'options');
  const { limit } = options;
  if (limit !== undefined) checkInteger(limit, 'options.limit', 1, Number.MAX_SAFE_INTEGER);
}
