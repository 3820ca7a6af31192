/** Makes requests of what a client sends. */
import { methods } from 'http-parser-js';
import {
  type Head,
  MalformedMessageError,
  MessageParser,
  MessageTooLargeError,
  valuesOf,
} from '../async-request/message-parser.js';
import type { Limits, Request } from './pages.js';

/** A request, and what its client thinks of the connection. */
export interface ReceivedRequest {
  readonly request: Request;
  readonly keepAlive: boolean;
  /** HTTP/1.0, where keeping the connection must be said. */
  readonly old: boolean;
}

export interface RequestListener {
  /** The client waits for a word before it sends its body. */
  bodyExpected(): void;
  requestReceived(received: ReceivedRequest): void;
}

export class RequestParser extends MessageParser {
  readonly #maxBody: number;
  readonly #listener: RequestListener;
  #head: Head | null = null;
  #body: Buffer[] = [];

  constructor(limits: Limits, listener: RequestListener) {
    super('REQUEST', limits);
    this.#maxBody = limits.maxBody;
    this.#listener = listener;
  }

  protected override onHead(head: Head): boolean {
    const { headers, versionMajor, versionMinor } = head;
    if (versionMajor !== 1) throw new MalformedMessageError('not HTTP/1');
    const lengths = valuesOf(headers, 'content-length');
    // Two servers could each believe another one of them, and the body be taken for a request.
    if (lengths.length > 0 && valuesOf(headers, 'transfer-encoding').length > 0) {
      throw new MalformedMessageError('both Content-Length and Transfer-Encoding');
    }
    if (versionMinor > 0 && valuesOf(headers, 'host').length !== 1) {
      throw new MalformedMessageError('there must be one Host');
    }
    if (lengths.some((length) => Number(length) > this.#maxBody)) throw new MessageTooLargeError('body');
    this.#head = head;
    if (valuesOf(headers, 'expect').some((value) => value.toLowerCase() === '100-continue')) {
      this.#listener.bodyExpected();
    }
    return true;
  }

  protected override onBody(bytes: Buffer): void {
    this.#body.push(Buffer.from(bytes));
  }

  protected override onEnd(): void {
    const head = this.#head;
    if (head === null) return;
    const body = Buffer.concat(this.#body);
    this.#head = null;
    this.#body = [];
    const { path, query } = partsOf(head.url);
    const request = { method: methods[head.method] ?? '', path, query, headers: mapOf(head.headers), body };
    this.#listener.requestReceived({
      request,
      keepAlive: head.shouldKeepAlive,
      old: head.versionMinor === 0,
    });
  }
}

/** The path of a URL, which a proxy's client writes in full. */
function partsOf(url: string): { path: string; query: string } {
  const [, path = '', query = ''] = /^(?:http:\/\/[^/?]*)?([^?]*)\??(.*)$/i.exec(url) ?? [];
  return { path, query };
}

function mapOf(headers: readonly string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = headers.slice(at, at + 2);
    const before = map.get(name.toLowerCase());
    map.set(name.toLowerCase(), before === undefined ? value : `${before}, ${value}`);
  }
  return map;
}
