/** Buffered connections and servers: transports with protocols, readers with writers. */
export {};
