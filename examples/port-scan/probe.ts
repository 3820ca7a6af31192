/** Asks one port whether somebody listens there. */
import { isIPv6 } from 'node:net';
import { AF_INET, AF_INET6, CancelledError, type Reactor, Socket, SystemError } from 'iomux';

/** `silent`: neither yes nor no, within the time or at all. */
export type Finding = 'open' | 'closed' | 'silent';

/** What a connect that found nobody fails with. */
const FINDINGS = new Map<string, Finding>([
  ['ECONNREFUSED', 'closed'],
  ['ECONNRESET', 'closed'],
  ['ETIMEDOUT', 'silent'],
  ['EHOSTUNREACH', 'silent'],
]);

/**
 * @param address - numeric.
 * @param timeout - milliseconds.
 * @throws SystemError `EMFILE`: there is no descriptor for it; `ENETUNREACH`, …
 */
export async function probe(
  reactor: Reactor,
  address: string,
  port: number,
  timeout: number,
): Promise<Finding> {
  using socket = new Socket(isIPv6(address) ? AF_INET6 : AF_INET);
  const connected = reactor.sockConnect(socket, { address, port });
  const timer = reactor.callLater(timeout, () => connected.cancel());
  try {
    await connected;
    return isConnectedToItself(socket) ? 'closed' : 'open';
  } catch (error) {
    if (error instanceof CancelledError) return 'silent';
    const finding = error instanceof SystemError ? FINDINGS.get(error.code) : undefined;
    if (finding === undefined) throw error;
    return finding;
  } finally {
    timer.cancel();
  }
}

/**
 * The kernel gives a socket any free port of this machine. Where that is the very port it connects to, it meets itself:
 * TCP allows two ends to begin at the same time.
 */
export function isConnectedToItself({ localAddress, remoteAddress }: Socket): boolean {
  if (remoteAddress === null || 'path' in remoteAddress || 'path' in localAddress) return false;
  return localAddress.port === remoteAddress.port && localAddress.address === remoteAddress.address;
}
