/** The memory that a reactor's connections receive into, one after the other. */
import { markAsUntransferable } from 'node:worker_threads';
import type { Reactor } from '../reactor/reactor.js';

/** As much as one recv takes: more is slower, because the processor's cache is left. */
const SIZE = 64 * 1024;

export class ReceiveBuffer {
  readonly memory: Buffer = Buffer.allocUnsafeSlow(SIZE);
  #first: Buffer = this.memory;

  constructor() {
    // Whoever posts a view to a worker, and moves its memory with it, would take that of all connections.
    markAsUntransferable(this.memory.buffer);
  }

  /**
   * A view of the first bytes, good until somebody receives again. Messages often are as long as the one before, and full
   * buffers are: there is a view of them already, and a new one is garbage worth a twentieth of all that a message costs.
   */
  first(length: number): Buffer {
    if (this.#first.length !== length) this.#first = this.memory.subarray(0, length);
    return this.#first;
  }
}

const buffers = new WeakMap<Reactor, ReceiveBuffer>();

/** The receive buffer of a reactor. Whoever receives hands the bytes on before he returns. */
export function receiveBufferOf(reactor: Reactor): ReceiveBuffer {
  let buffer = buffers.get(reactor);
  if (buffer === undefined) {
    buffer = new ReceiveBuffer();
    buffers.set(reactor, buffer);
  }
  return buffer;
}
