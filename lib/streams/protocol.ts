/** What a connection tells its user. */
import { checkFunction, checkObject } from '../arguments.js';
import { invalidType, type SystemError } from '../native/errors.js';
import type { Transport } from './transport.js';

/**
 * The callbacks of a connection, each of which may be left out. They come in this order: `connectionMade`, then data, then
 * at most once `eofReceived`, and last `connectionLost`.
 *
 * What one of them throws goes to the reactor's `onError`; thrown by those that make or read the connection, it also
 * ends it, as `transport.abort(error)` does.
 */
export interface Protocol {
  /** Once, first. */
  connectionMade?(transport: Transport): void;
  /** The bytes are a view into the reactor's receive buffer: valid during the call, copy what must last. */
  dataReceived?(data: Buffer): void;
  /**
   * Lends a buffer that is received into, in place of the reactor's: `bufferUpdated` tells how much.
   *
   * @param sizeHint - a good size, in bytes. Any but none will do.
   */
  getBuffer?(sizeHint: number): Uint8Array;
  /** So many bytes stand at the beginning of the buffer that `getBuffer` lent last. */
  bufferUpdated?(length: number): void;
  /** The peer sends nothing more. Return true to go on writing; otherwise the connection is closed, once flushed. */
  // biome-ignore lint/suspicious/noConfusingVoidType: most return nothing.
  eofReceived?(): boolean | void;
  /** More is buffered than the high-water mark. */
  pauseWriting?(): void;
  /** No more than the low-water mark is buffered. */
  resumeWriting?(): void;
  /** @internal Whether it takes what is left when a connection fails, also while it pauses. */
  readonly takesRest?: boolean;
  /** Once, last. `null`: it was closed in order; otherwise why it ended. */
  connectionLost?(error: SystemError | Error | null): void;
}

const CALLBACKS = [
  'connectionMade',
  'dataReceived',
  'getBuffer',
  'bufferUpdated',
  'eofReceived',
  'pauseWriting',
  'resumeWriting',
  'connectionLost',
] as const;

/** @throws TypeError: it is no object, or a callback no function. */
export function checkProtocol(protocol: Protocol, name = 'protocol'): void {
  checkObject(protocol, name);
  for (const callback of CALLBACKS) {
    const value = protocol[callback];
    if (value !== undefined) checkFunction(value, `${name}.${callback}`);
  }
  if (protocol.getBuffer !== undefined && protocol.bufferUpdated === undefined) {
    throw invalidType(`${name}.bufferUpdated`, 'a function, where there is a getBuffer', undefined);
  }
}
