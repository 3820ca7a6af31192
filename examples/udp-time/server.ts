/** Tells the time to whoever sends an empty datagram. */
import type { Address, Future } from 'iomux';
import { createDatagramEndpoint, type DatagramTransport } from 'iomux/streams';
import { encodeTime } from './time-message.js';

/** @throws (rejects) SystemError: the address cannot be had. */
export function serveTime(local: Address): Future<DatagramTransport> {
  let transport: DatagramTransport;
  return createDatagramEndpoint(
    {
      connectionMade(made) {
        transport = made;
      },
      datagramReceived(data, address) {
        // No answer is empty: two servers, one of which was made to ask the other, would answer each other for ever.
        if (data.length === 0 && address !== null) transport.send(encodeTime(new Date()), address);
      },
    },
    { local },
  );
}
