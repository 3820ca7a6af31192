/** HTTP messages by http-parser-js, made to refuse what that passes over: nameless lines, lengths that are none, any size. */
import { HTTPParser } from 'http-parser-js';

/** The first line of a message, and its header. */
export interface Head {
  readonly versionMajor: number;
  readonly versionMinor: number;
  readonly method: number;
  readonly url: string;
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly shouldKeepAlive: boolean;
  /** Names and values, by turns. */
  readonly headers: readonly string[];
}

/** What came is no HTTP. */
export class MalformedMessageError extends Error {
  override readonly name = 'MalformedMessageError';
  readonly code = 'ERR_MALFORMED_MESSAGE';
}

/** More came than is taken. */
export class MessageTooLargeError extends Error {
  override readonly name = 'MessageTooLargeError';
  readonly code = 'ERR_MESSAGE_TOO_LARGE';

  constructor(readonly part: 'head' | 'body') {
    super(`the ${part} of the message is too large`);
  }
}

export interface SizeLimits {
  /** Bytes of the first line and the header. */
  readonly maxHead?: number;
  /** Bytes of the body as it is sent, with the sizes of its chunks. */
  readonly maxBody?: number;
}

/** A name of a header's field, or a method. */
export const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;

// It counts all bytes that come together with a header. What is counted here is the header.
HTTPParser.maxHeaderSize = Number.MAX_SAFE_INTEGER;

class LineParser extends HTTPParser {
  /** Where it is in what it was given. */
  declare readonly offset: number;
  /** What is left of the body or the chunk; NaN: the chunk's size was no number, and its data would be lost. */
  declare readonly body_bytes: number | null;

  override parseHeader(line: string, headers: string[]): void {
    if (!TOKEN.test(line.slice(0, Math.max(0, line.indexOf(':'))))) {
      throw new MalformedMessageError('a line of the header has no name');
    }
    super.parseHeader(line, headers);
  }
}

/** The messages of one connection, one after the other: bytes go in, a subclass is told what they are. */
export abstract class MessageParser {
  readonly #parser: LineParser;
  readonly #maxHead: number;
  readonly #maxBody: number;
  // Where the message, or its body, begins in what is being fed: negative where that was fed before.
  #begin = 0;
  #body: number | null = null;
  #partial = false;

  constructor(type: 'REQUEST' | 'RESPONSE', limits: SizeLimits = {}) {
    const { maxHead = 64 * 1024, maxBody = Number.POSITIVE_INFINITY } = limits;
    this.#maxHead = maxHead;
    this.#maxBody = maxBody;
    const parser = new LineParser(type);
    parser[HTTPParser.kOnHeadersComplete] = (head) => {
      this.#checkSize(parser.offset);
      this.#body = parser.offset;
      checkLengths(head.headers);
      // Otherwise it would leave to us what follows.
      head.upgrade = false;
      return this.onHead(head) ? 0 : 1;
    };
    parser[HTTPParser.kOnBody] = (bytes, offset, length) => {
      if (length < 0) throw new MalformedMessageError('the size of a chunk is negative');
      this.onBody(bytes.subarray(offset, offset + length));
    };
    parser[HTTPParser.kOnMessageComplete] = () => {
      if (Number.isNaN(parser.body_bytes))
        throw new MalformedMessageError('the size of a chunk is no number');
      this.#checkSize(parser.offset);
      this.#begin = parser.offset;
      this.#body = null;
      this.onEnd();
    };
    this.#parser = parser;
  }

  /** Whether a message has begun and is not complete. */
  get partial(): boolean {
    return this.#partial;
  }

  /** @throws MalformedMessageError, MessageTooLargeError; what a subclass throws. Nothing can be fed after that. */
  feed(bytes: Buffer): void {
    check(this.#parser.execute(bytes));
    this.#checkSize(bytes.length);
    this.#partial = this.#begin < bytes.length;
    this.#begin -= bytes.length;
    if (this.#body !== null) this.#body -= bytes.length;
  }

  /** The connection ended. @throws MalformedMessageError: in the middle of a message. */
  finish(): void {
    check(this.#parser.finish());
  }

  /** @returns `false`: no body follows, whatever the header says. */
  protected abstract onHead(head: Head): boolean;
  /** The bytes are a view of what was fed. */
  protected abstract onBody(bytes: Buffer): void;
  protected abstract onEnd(): void;

  #checkSize(offset: number): void {
    if (this.#body === null) {
      if (offset - this.#begin > this.#maxHead) throw new MessageTooLargeError('head');
    } else if (offset - this.#body > this.#maxBody) {
      throw new MessageTooLargeError('body');
    }
  }
}

function check(result: unknown): void {
  if (!(result instanceof Error)) return;
  if (result instanceof MalformedMessageError) throw result;
  throw new MalformedMessageError(`no HTTP: ${result.message}`, { cause: result });
}

function checkLengths(headers: readonly string[]): void {
  for (const value of valuesOf(headers, 'content-length')) {
    if (!/^\d+$/.test(value)) throw new MalformedMessageError(`no Content-Length: '${value}'`);
  }
  for (const value of valuesOf(headers, 'transfer-encoding')) {
    if (value.toLowerCase() !== 'chunked') {
      throw new MalformedMessageError(`cannot decode Transfer-Encoding '${value}'`);
    }
  }
}

/** What a header says of `name`, in lower case: nothing, once or several times. */
export function valuesOf(headers: readonly string[], name: string): string[] {
  return headers.filter((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === name);
}
