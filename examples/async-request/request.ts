/** One request under way: connects, sends, receives, each as far as that goes without waiting. */
import { isIPv6 } from 'node:net';
import { AF_INET, AF_INET6, EVENT_READ, EVENT_WRITE, Socket, WOULD_BLOCK } from 'iomux';
import { type Answer, AnswerParser } from './answer.js';
import { type CheckedOptions, encode } from './message.js';

/** A request took longer than it may. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
  readonly code = 'ETIMEDOUT';
}

// One for all of them: what was received is parsed before the next is.
const buffer = Buffer.allocUnsafe(64 * 1024);

/** Has a `fileno()`, so it can be waited for as it is: by select(), by a selector. */
export class AsyncRequest {
  /** When it must have its answer, on the clock of `performance.now()`. */
  readonly deadline: number;
  readonly #options: CheckedOptions;
  readonly #parser: AnswerParser;
  readonly #onEnd: () => void;
  #unsent: Buffer;
  #socket: Socket | null = null;
  #state: 'connecting' | 'connected' | 'ended' = 'connecting';
  #failedSend: unknown = null;

  /** @param onEnd - told that it is over, before its callback is. */
  constructor(options: CheckedOptions, onEnd: () => void) {
    this.#options = options;
    this.#parser = new AnswerParser(options.method);
    this.#unsent = encode(options);
    this.#onEnd = onEnd;
    this.deadline = performance.now() + options.timeout;
  }

  fileno(): number {
    return this.#socket?.fileno() ?? -1;
  }

  /** What it waits for: to be connected, to send on, to receive; 0: nothing any more. */
  get events(): number {
    if (this.#state === 'ended') return 0;
    if (this.#state === 'connecting') return EVENT_WRITE;
    // A server may answer before it has all of a long body.
    return this.#unsent.length > 0 ? EVENT_READ | EVENT_WRITE : EVENT_READ;
  }

  /** Begins to connect. */
  start(): void {
    const { host, port } = this.#options;
    this.#attempt(() => {
      const socket = new Socket(isIPv6(host) ? AF_INET6 : AF_INET);
      this.#socket = socket;
      if (socket.connect({ address: host, port })) this.#state = 'connected';
      return null;
    });
  }

  /** Goes on: it is, or may be, ready for what it waits for. */
  advance(): void {
    const socket = this.#socket;
    if (this.#state === 'ended' || socket === null) return;
    this.#attempt(() => {
      if (this.#state === 'connecting') {
        if (!socket.finishConnect()) return null;
        this.#state = 'connected';
      }
      this.#send(socket);
      return this.#receive(socket);
    });
  }

  /** Its time is over. */
  expire(): void {
    const { host, port, url, timeout } = this.#options;
    const what = this.#state === 'connecting' ? 'connection' : 'complete answer';
    this.#end(new TimeoutError(`no ${what} within ${timeout} ms: http://${host}:${port}${url}`), null);
  }

  /** Gives it up: its callback is not called. */
  close(): void {
    this.#state = 'ended';
    this.#socket?.close();
  }

  #attempt(step: () => Answer | null): void {
    let answer: Answer | null;
    try {
      answer = step();
    } catch (error) {
      this.#end(error as Error, null);
      return;
    }
    if (answer !== null) this.#end(null, answer);
  }

  #send(socket: Socket): void {
    try {
      while (this.#unsent.length > 0) {
        const sent = socket.send(this.#unsent);
        if (sent === WOULD_BLOCK) return;
        this.#unsent = this.#unsent.subarray(sent);
      }
    } catch (error) {
      // The server takes no more. It may have said why: that is still to be received.
      this.#failedSend = error;
      this.#unsent = this.#unsent.subarray(this.#unsent.length);
    }
  }

  #receive(socket: Socket): Answer | null {
    const length = socket.recv(buffer);
    if (length === WOULD_BLOCK) return null;
    if (length > 0) {
      this.#parser.feed(buffer.subarray(0, length));
    } else {
      if (this.#failedSend !== null) throw this.#failedSend;
      this.#parser.finish();
    }
    return this.#parser.answer;
  }

  #end(error: Error | null, answer: Answer | null): void {
    this.close();
    this.#onEnd();
    this.#options.callback(error, answer);
  }
}
