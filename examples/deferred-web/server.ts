/** The web server: the same for all stages. */
import type { Future } from 'iomux';
import { createServer, type Endpoint, type Protocol, type Server } from 'iomux/streams';
import { HttpConnection } from './connection.js';
import type { Limits, Pages } from './pages.js';

/** @throws (rejects) SystemError: the address cannot be had. */
export function serveWeb(pages: Pages, limits: Limits, endpoint: Endpoint): Future<Server> {
  const protocol = (): Protocol => ({
    connectionMade: (transport) => transport.setProtocol(new HttpConnection(transport, pages, limits)),
  });
  return createServer(protocol, endpoint);
}
