/** Work that blocks, off the reactor's thread. */
export {};
