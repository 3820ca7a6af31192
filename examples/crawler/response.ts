/** A response of HTTP/1.1, put together as it comes. */
import { HTTPParser } from 'http-parser-js';

/** Bytes of a body: what is larger is not worth the memory. */
const LARGEST = 16 << 20;
/** The parser counts all of what it was given when a message ended among the headers, of which it takes 80 KiB at most. */
const AT_ONCE = 16 << 10;

export class ResponseParser {
  status = 0;
  readonly headers = new Map<string, string>();
  /** Whether nothing more is to come. */
  complete = false;
  readonly #parser = new HTTPParser(HTTPParser.RESPONSE);
  readonly #body: Buffer[] = [];
  #length = 0;

  constructor() {
    this.#parser[HTTPParser.kOnHeadersComplete] = ({ statusCode, headers }) => {
      this.status = statusCode;
      for (let i = 0; i < headers.length; i += 2) {
        this.headers.set(String(headers[i]).toLowerCase(), String(headers[i + 1]));
      }
    };
    this.#parser[HTTPParser.kOnBody] = (chunk, offset, length) => {
      this.#body.push(chunk.subarray(offset, offset + length));
      this.#length += length;
    };
    this.#parser[HTTPParser.kOnMessageComplete] = () => {
      // What a server says before its answer (100 Continue, 103 Early Hints) is none.
      this.complete = this.status >= 200;
    };
  }

  get body(): Buffer {
    return Buffer.concat(this.#body);
  }

  /** @param chunk - what was received; `null` at the end of the stream. @throws Error: it is no response, or too large. */
  push(chunk: Buffer | null): void {
    if (chunk === null) {
      const result = this.#parser.finish();
      if (!this.complete) throw new Error('the connection ended in the middle of the page');
      if (result instanceof Error) throw result;
      return;
    }
    for (let start = 0; start < chunk.length; start += AT_ONCE) {
      const result = this.#parser.execute(chunk.subarray(start, start + AT_ONCE));
      if (result instanceof Error) throw result;
    }
    if (this.#length > LARGEST) throw new Error(`the page is larger than ${LARGEST} bytes`);
  }
}
