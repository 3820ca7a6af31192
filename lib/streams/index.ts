/** Buffered connections and servers: transports with protocols, readers with writers. */

export { type ConnectOptions, createConnection } from './connect.js';
export type { ConnectionHandler } from './connection-handler.js';
export { openConnection, startServer } from './connections.js';
export { createDatagramEndpoint, type DatagramOptions } from './datagram-endpoint.js';
export { type DatagramProtocol, DatagramTransport } from './datagram-transport.js';
export { DuplexTransport } from './duplex-transport.js';
export type { Endpoint } from './endpoint.js';
export { IncompleteReadError, LimitOverrunError } from './errors.js';
export type { Protocol } from './protocol.js';
export { StreamReader } from './reader.js';
export type { Separator } from './separators.js';
export { createServer, Server, type ServerOptions } from './server.js';
export type { Connection } from './stream-protocol.js';
export {
  createSubprocess,
  type ExitStatus,
  type Subprocess,
  type SubprocessOptions,
  type SubprocessOutput,
} from './subprocess.js';
export { toDuplex } from './to-duplex.js';
export { Transport } from './transport.js';
export { StreamWriter } from './writer.js';
