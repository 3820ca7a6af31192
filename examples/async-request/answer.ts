/** The answer to one request, put together from what the server sends. */
import { type Head, MalformedMessageError, MessageParser } from './message-parser.js';

export interface Answer {
  readonly statusCode: number;
  readonly statusMessage: string;
  /** By name in lower case; what came several times is joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export class AnswerParser extends MessageParser {
  /** The answer, once all of it is here. */
  answer: Answer | null = null;
  readonly #method: string;
  #head: Head | null = null;
  #body: Buffer[] = [];

  /** @param method - the request's: the answer to a HEAD has no body. */
  constructor(method: string) {
    super('RESPONSE');
    this.#method = method;
  }

  override feed(bytes: Buffer): void {
    try {
      super.feed(bytes);
    } catch (error) {
      // What follows the answer is not our business.
      if (this.answer === null) throw error;
    }
  }

  /** The server closed: where it did not say how long its answer is, that is its end. */
  override finish(): void {
    super.finish();
    if (this.answer === null) throw new MalformedMessageError('the server closed before it answered');
  }

  protected override onHead(head: Head): boolean {
    this.#head = head;
    return this.#method !== 'HEAD';
  }

  protected override onBody(bytes: Buffer): void {
    this.#body.push(Buffer.from(bytes));
  }

  protected override onEnd(): void {
    const head = this.#head;
    // "100 Continue" and its kin only announce the answer.
    if (head === null || this.answer !== null || isInterim(head.statusCode)) return;
    const headers = new Map<string, string>();
    for (let at = 0; at < head.headers.length; at += 2) {
      const [field = '', value = ''] = head.headers.slice(at, at + 2);
      const name = field.toLowerCase();
      const before = headers.get(name);
      headers.set(name, before === undefined ? value : `${before}, ${value}`);
    }
    const { statusCode, statusMessage } = head;
    this.answer = { statusCode, statusMessage, headers, body: Buffer.concat(this.#body) };
  }
}

function isInterim(statusCode: number): boolean {
  return statusCode >= 100 && statusCode < 200 && statusCode !== 101;
}
