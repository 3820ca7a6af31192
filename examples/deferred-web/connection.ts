/** One connection of the web server: requests as they come, answers in the same order, whenever they come. */
import type { Protocol, Transport } from 'iomux/streams';
import { MessageTooLargeError } from '../async-request/message-parser.js';
import { Exchange, refusal, type Turn } from './exchange.js';
import type { Limits, Pages } from './pages.js';
import { Patience } from './patience.js';
import { type ReceivedRequest, type RequestListener, RequestParser } from './request-parser.js';

/** Requests without an answer: with so many, no more are read. */
const MOST_OPEN = 64;

export class HttpConnection implements Protocol, RequestListener {
  readonly #transport: Transport;
  readonly #pages: Pages;
  readonly #parser: RequestParser;
  readonly #patience: Patience<'a request' | 'the next request' | 'room' | 'the end'>;
  /** What is not sent yet, in the order of the requests. */
  readonly #open: Turn[] = [];
  #count = 0;
  /** `last`: no further request is served; `ending`: all is answered; `lost`: nobody is there any more. */
  #state: 'serving' | 'last' | 'ending' | 'lost' = 'serving';
  #room = true;
  #peerEnded = false;

  constructor(transport: Transport, pages: Pages, limits: Limits) {
    this.#transport = transport;
    this.#pages = pages;
    this.#parser = new RequestParser(limits, this);
    this.#patience = new Patience(transport.reactor, limits.patience, (what) => this.#tooLate(what));
    this.#proceed();
  }

  dataReceived(data: Buffer): void {
    // What follows the last request is read, so that the kernel does not take it for a reason to reset, and dropped.
    if (this.#state !== 'serving') return;
    try {
      this.#parser.feed(data);
    } catch (error) {
      if (error instanceof MessageTooLargeError) this.#refuse(error.part === 'head' ? 431 : 413);
      else this.#refuse(400);
    }
    this.#proceed();
  }

  /** The client sends nothing more. It still gets what it has asked for. */
  eofReceived(): boolean {
    this.#peerEnded = true;
    if (this.#state === 'serving') this.#state = 'last';
    this.#proceed();
    return this.#state === 'last';
  }

  pauseWriting(): void {
    this.#room = false;
  }

  resumeWriting(): void {
    this.#room = true;
    this.#proceed();
  }

  connectionLost(): void {
    this.#state = 'lost';
    this.#patience.stop();
    for (const turn of this.#open) turn.cancel();
  }

  bodyExpected(): void {
    // Where it would stand among other answers the client goes on after a while by itself.
    if (this.#open.length === 0 && this.#state === 'serving') {
      this.#transport.write('HTTP/1.1 100 Continue\r\n\r\n');
    }
  }

  requestReceived(received: ReceivedRequest): void {
    if (this.#state !== 'serving') return;
    this.#count++;
    const exchange = new Exchange(received);
    this.#open.push(exchange);
    exchange.ask(this.#pages.get(received.request.path), () => this.#proceed());
    if (!received.keepAlive) this.#state = 'last';
  }

  /** Says why nothing more is served here. */
  #refuse(status: number): void {
    if (this.#state !== 'serving') return;
    this.#state = 'last';
    this.#open.push(refusal(status));
  }

  /** Sends what can be sent, reads on if it may, and waits for what is next. */
  #proceed(): void {
    if (this.#state === 'lost' || this.#transport.closing) return;
    this.#send();
    if (this.#state === 'last' && this.#open.length === 0) this.#end();
    if (this.#room && this.#open.length < MOST_OPEN) this.#transport.resumeReading();
    else this.#transport.pauseReading();
    this.#wait();
  }

  #send(): void {
    const answers: Buffer[] = [];
    for (let first = this.#open[0]; first !== undefined && first.answer !== null; first = this.#open[0]) {
      answers.push(first.answer);
      this.#open.shift();
    }
    if (answers.length > 0) this.#transport.writev(answers);
  }

  /** Closed at once, with something of the client's unread, the connection would be reset, and the answer be lost. */
  #end(): void {
    this.#state = 'ending';
    if (this.#peerEnded) this.#transport.close();
    else this.#transport.writeEof();
  }

  #wait(): void {
    const reading = this.#state === 'serving' && this.#open.length < MOST_OPEN;
    if (!this.#room) this.#patience.waitFor('room', this.#count);
    // Whoever has ended its side may be gone altogether.
    else if (this.#state === 'ending' || this.#peerEnded) this.#patience.waitFor('the end', this.#count);
    else if (reading && this.#parser.partial) this.#patience.waitFor('a request', this.#count);
    else if (this.#open.length === 0) this.#patience.waitFor('the next request', this.#count);
    else this.#patience.stop();
  }

  #tooLate(what: string): void {
    if (what === 'a request') this.#refuse(408);
    else if (what === 'the next request') this.#state = 'last';
    else this.#transport.abort();
    this.#proceed();
  }
}
