/** An answer as it is sent. */
import { STATUS_CODES } from 'node:http';

export interface AnswerOptions {
  /** Only its header is sent: the request was a HEAD. */
  readonly headOnly: boolean;
  /** What is said of the connection; HTTP/1.1 needs to say nothing to keep it. */
  readonly connection: 'close' | 'keep-alive' | null;
}

export function encodeAnswer(status: number, text: string, { headOnly, connection }: AnswerOptions): Buffer {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `date: ${new Date().toUTCString()}`,
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(text)}`,
    ...(connection === null ? [] : [`connection: ${connection}`]),
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${headOnly ? '' : text}`);
}

/** The text of an answer that says only its status. */
export function plainText(status: number): string {
  return `${status} ${STATUS_CODES[status]}\n`;
}
