/** A request of HTTP/1.1, each over a connection of its own. */
import { openConnection } from 'iomux/streams';
import { type Coroutine, value } from 'iomux/tasks';
import { ResponseParser } from './response.js';

/** @throws SystemError: there is no connection, or it was lost. Error: what came is no response. */
export function* request(url: URL): Coroutine<ResponseParser> {
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const { reader, writer } = yield* value(openConnection({ host, port }, secure ? { tls: true } : {}));
  try {
    writer.write(
      `GET ${url.pathname}${url.search} HTTP/1.1\r\n` +
        `Host: ${url.host}\r\nUser-Agent: iomux-crawler\r\nConnection: close\r\n\r\n`,
    );
    const response = new ResponseParser();
    while (!response.complete) response.push(yield* value(reader.read()));
    return response;
  } finally {
    // Also where the task was cancelled, because the page took too long.
    writer.abort();
  }
}
