/** Probes many ports, so many at once. */
import { type Reactor, SystemError } from 'iomux';
import { type Finding, probe } from './probe.js';

export interface ScanOptions {
  /** Numeric. */
  readonly address: string;
  readonly ports: Iterable<number>;
  /** How many connects may be under way; fewer are, where there are not so many descriptors. */
  readonly atOnce: number;
  /** How long a port may be silent, in milliseconds. */
  readonly timeout: number;
  /** Told of each port, in the order of the answers. */
  readonly onFound: (port: number, finding: Finding) => void;
}

/** @throws SystemError: the network or this machine, not a port, is why it cannot go on. */
export async function scan(reactor: Reactor, options: ScanOptions): Promise<void> {
  const { address, atOnce, timeout, onFound } = options;
  const ports = [...options.ports].reverse();
  let searching = Math.min(atOnce, ports.length);

  // Each of them takes the next port as soon as it is done with one: so there is never more under way than they are.
  async function search(): Promise<void> {
    for (let port = ports.pop(); port !== undefined; port = ports.pop()) {
      try {
        onFound(port, await probe(reactor, address, port, timeout));
      } catch (error) {
        // One less, then: the port is for the others.
        if (isOutOfDescriptors(error) && searching > 1) {
          ports.push(port);
          break;
        }
        ports.length = 0;
        throw error;
      }
    }
    searching--;
  }

  await Promise.all(Array.from({ length: searching }, search));
}

function isOutOfDescriptors(error: unknown): boolean {
  return error instanceof SystemError && (error.code === 'EMFILE' || error.code === 'ENFILE');
}
