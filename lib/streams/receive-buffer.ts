/** The memory that a reactor's connections receive into, one after the other. */
import type { Reactor } from '../reactor/reactor.js';

/** As much as one recv takes: more is slower, because the processor's cache is left. */
const SIZE = 64 * 1024;

const buffers = new WeakMap<Reactor, Buffer>();

/** The receive buffer of a reactor. Whoever receives hands the bytes on before he returns. */
export function receiveBufferOf(reactor: Reactor): Buffer {
  let buffer = buffers.get(reactor);
  if (buffer === undefined) {
    buffer = Buffer.allocUnsafeSlow(SIZE);
    buffers.set(reactor, buffer);
  }
  return buffer;
}
