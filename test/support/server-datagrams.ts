/** A datagram protocol that notes what it is told. */
import type { Address, SystemError } from 'iomux';
import type { DatagramProtocol, DatagramTransport } from 'iomux/streams';

export interface DatagramHooks {
  connectionMade?(transport: DatagramTransport): void;
  datagramReceived?(text: string, address: Address | null, transport: DatagramTransport): void;
  errorReceived?(error: SystemError, transport: DatagramTransport): void;
  pauseWriting?(transport: DatagramTransport): void;
  resumeWriting?(transport: DatagramTransport): void;
  connectionLost?(error: Error | null): void;
}

export class DatagramRecorder implements DatagramProtocol {
  /** 'made', 'datagram', 'error', 'pause', 'resume', 'lost', as they came. */
  readonly events: string[] = [];
  readonly datagrams: string[] = [];
  readonly senders: (Address | null)[] = [];
  readonly errors: string[] = [];
  /** What `connectionLost` got. */
  readonly lost: (Error | null)[] = [];
  readonly #hooks: DatagramHooks;
  #transport: DatagramTransport | null = null;

  constructor(hooks: DatagramHooks = {}) {
    this.#hooks = hooks;
  }

  get transport(): DatagramTransport {
    if (this.#transport === null) throw new Error('no endpoint was made');
    return this.#transport;
  }

  connectionMade(transport: DatagramTransport): void {
    this.#transport = transport;
    this.events.push('made');
    this.#hooks.connectionMade?.(transport);
  }

  datagramReceived(data: Buffer, address: Address | null): void {
    const text = data.toString();
    this.events.push('datagram');
    this.datagrams.push(text);
    this.senders.push(address);
    this.#hooks.datagramReceived?.(text, address, this.transport);
  }

  errorReceived(error: SystemError): void {
    this.events.push('error');
    this.errors.push(error.code);
    this.#hooks.errorReceived?.(error, this.transport);
  }

  pauseWriting(): void {
    this.events.push('pause');
    this.#hooks.pauseWriting?.(this.transport);
  }

  resumeWriting(): void {
    this.events.push('resume');
    this.#hooks.resumeWriting?.(this.transport);
  }

  connectionLost(error: Error | null): void {
    this.events.push('lost');
    this.lost.push(error);
    this.#hooks.connectionLost?.(error);
  }
}
