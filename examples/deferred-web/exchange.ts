/** A request and its answer, which may be there at once, later, or never. */
import type { Future } from 'iomux';
import { encodeAnswer, plainText } from './answer.js';
import type { Page } from './pages.js';
import type { ReceivedRequest } from './request-parser.js';

/** Something that a client has a right to be told, in its turn. */
export interface Turn {
  /** As it is sent; `null`: it is not known yet. */
  readonly answer: Buffer | null;
  /** Nobody waits for it any more. */
  cancel(): void;
}

/** The answer to what is no request that could be served. */
export function refusal(status: number): Turn {
  const answer = encodeAnswer(status, plainText(status), { headOnly: false, connection: 'close' });
  return { answer, cancel: () => {} };
}

export class Exchange implements Turn {
  answer: Buffer | null = null;
  readonly #received: ReceivedRequest;
  #deferred: Future<string> | null = null;
  #cancelled = false;

  constructor(received: ReceivedRequest) {
    this.#received = received;
  }

  /** Asks a page for the answer. @param onAnswer - told when there is one, unless there is when this returns. */
  ask(page: Page | undefined, onAnswer: () => void): void {
    if (page === undefined) {
      this.#set(404);
      return;
    }
    try {
      const answer = page(this.#received.request);
      if (typeof answer === 'string') {
        this.#set(200, answer);
        return;
      }
      answer.addDoneCallback(() => {
        if (this.#cancelled) return;
        this.#resolve(answer);
        onAnswer();
      });
      this.#deferred = answer;
    } catch (error) {
      this.#fail(error);
    }
  }

  cancel(): void {
    this.#cancelled = true;
    this.#deferred?.cancel('the client has gone');
  }

  #resolve(deferred: Future<string>): void {
    try {
      this.#set(200, deferred.result());
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    console.error(error);
    this.#set(500);
  }

  #set(status: number, text = plainText(status)): void {
    const { request, keepAlive, old } = this.#received;
    const headOnly = request.method === 'HEAD';
    const kept = old ? 'keep-alive' : null;
    this.answer = encodeAnswer(status, text, { headOnly, connection: keepAlive ? kept : 'close' });
  }
}
