/** What a datagram endpoint tells its user. */
import { checkFunction, checkObject } from '../arguments.js';
import type { SystemError } from '../native/errors.js';
import type { Address } from '../sockets/address.js';
import type { DatagramTransport } from './datagram-transport.js';

/**
 * The callbacks of a datagram endpoint, each of which may be left out. What one throws goes to the reactor's `onError`, and
 * the endpoint goes on; thrown by `connectionMade`, it ends it.
 */
export interface DatagramProtocol {
  /** Once, first. */
  connectionMade?(transport: DatagramTransport): void;
  /**
   * @param data - a view into the reactor's receive buffer: valid during the call, copy what must last. It may be empty.
   * @param address - of the sender; `null`: a Unix socket that is not bound.
   */
  datagramReceived?(data: Buffer, address: Address | null): void;
  /**
   * A datagram could not be sent (`ECONNREFUSED`: nobody receives there), or received. The endpoint stays open.
   * `ETIMEDOUT`: it was closed, and what still waited after 5 s is dropped.
   */
  errorReceived?(error: SystemError): void;
  /** More waits to be sent than the high-water mark, 64 KiB. */
  pauseWriting?(): void;
  /** No more than the low-water mark waits, 16 KiB. */
  resumeWriting?(): void;
  /** Once, last. `null`: it was closed in order; otherwise why it ended. */
  connectionLost?(error: Error | null): void;
}

const CALLBACKS = [
  'connectionMade',
  'datagramReceived',
  'errorReceived',
  'pauseWriting',
  'resumeWriting',
  'connectionLost',
] as const;

/** @throws TypeError: it is no object, or a callback no function. */
export function checkDatagramProtocol(protocol: DatagramProtocol): void {
  checkObject(protocol, 'protocol');
  for (const callback of CALLBACKS) {
    const value = protocol[callback];
    if (value !== undefined) checkFunction(value, `protocol.${callback}`);
  }
}
