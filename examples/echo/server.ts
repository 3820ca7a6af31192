/** The echo service with a loop of its own, which whoever has the thread turns. */
import { type Backend, createSelector, type Selector, type Socket } from 'iomux';
import { SelectorLoop } from './selector-loop.js';
import { EchoService, type EchoServiceOptions, type Served } from './service.js';

export interface EchoServerOptions extends EchoServiceOptions {
  /** The best that works here, or what IOMUX_SELECTOR names, where it is left out. */
  readonly backend?: Backend | undefined;
}

export class EchoServer implements Disposable {
  readonly #loop: SelectorLoop;
  readonly #service: EchoService;

  /** @param listener - becomes the server's, to close with it. */
  constructor(listener: Socket, options: EchoServerOptions = {}) {
    this.#loop = new SelectorLoop(createSelector(options.backend));
    this.#service = new EchoService(listener, this.#loop, options);
  }

  get selector(): Selector {
    return this.#loop.selector;
  }

  get served(): Served {
    return this.#service.served;
  }

  /** Waits once and serves whoever is ready. */
  turn(): void {
    this.#loop.turn();
  }

  /** Accepts no more, then closes every connection, whatever it is owed. */
  close(): void {
    this.#service.close();
    this.#loop.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
