/** Buffered connections and servers: transports with protocols, readers with writers. */
export type { Protocol } from './protocol.js';
export { Transport } from './transport.js';
