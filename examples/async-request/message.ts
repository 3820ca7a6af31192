/** What is asked of a server, and the bytes that ask for it. */
import { isIP, isIPv6 } from 'node:net';
import type { Answer } from './answer.js';
import { TOKEN } from './message-parser.js';

export interface RequestOptions {
  /** A numeric address: whoever waits in select() cannot wait for a name server. */
  readonly host: string;
  readonly port?: number;
  readonly method?: string;
  /** The path, with its query. */
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** How long all of it may take, in milliseconds; no limit where it is left out. */
  readonly timeout?: number;
  /** Called once: with an error, or with the answer, whatever its status. */
  readonly callback: (error: Error | null, answer: Answer | null) => void;
}

/** The same, complete. */
export type CheckedOptions = Required<RequestOptions>;

/** @throws TypeError, RangeError: an option that cannot be, or would be another request than it seems. */
export function checkOptions(options: RequestOptions): CheckedOptions {
  const { host, port = 80, method = 'GET', url = '/', headers = {}, body = '', callback } = options;
  const { timeout = Number.POSITIVE_INFINITY } = options;
  if (isIP(host) === 0) throw new TypeError(`host must be a numeric address, not '${host}'`);
  if (!(Number.isInteger(port) && port > 0 && port < 65_536)) {
    throw new RangeError(`port must be a whole number from 1 to 65535, not ${port}`);
  }
  if (!TOKEN.test(method)) throw new TypeError(`method must be a word, not '${method}'`);
  if (!/^[\x21-\x7e]+$/.test(url)) throw new TypeError(`url must be printable ASCII, not '${url}'`);
  for (const [name, value] of Object.entries(headers)) {
    if (!TOKEN.test(name)) throw new TypeError(`headers must have words for names, not '${name}'`);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) throw new TypeError(`the header ${name} must be one line`);
  }
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    throw new TypeError('body must be a string or a Uint8Array');
  }
  if (!(timeout > 0)) throw new RangeError(`timeout must be above 0, not ${timeout}`);
  if (typeof callback !== 'function') throw new TypeError('callback must be a function');
  return { host, port, method, url, headers, body, timeout, callback };
}

/** The request as it is sent. One is all that a connection carries: it asks the server to close. */
export function encode({ host, port, method, url, headers, body }: CheckedOptions): Buffer {
  const bytes = Buffer.from(body);
  const fields = new Map([
    ['host', isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`],
    ['connection', 'close'],
  ]);
  if (bytes.length > 0 || method !== 'GET') fields.set('content-length', `${bytes.length}`);
  for (const [name, value] of Object.entries(headers)) fields.set(name.toLowerCase(), value);
  const lines = [...fields].map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${url} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'), bytes]);
}
