/**
 * Downloads many URLs at once on one thread, with callbacks: first on select(), then, the same program, on a selector.
 *
 *   node dist/examples/async-request.js http://example.com/ http://nodejs.org/ http://localhost:1/
 *   node dist/examples/async-request.js --loop selector http://example.com/ http://nodejs.org/ http://localhost:1/
 *
 * A request is an object with a `fileno()`, and a loop waits for such objects. The two loops stand side by side in
 * async-request/select-loop.ts and async-request/selector-loop.ts; nothing else differs.
 */
import { lookup } from 'node:dns/promises';
import { parseArgs } from 'node:util';
import type { Answer } from './async-request/answer.js';
import type { RequestOptions } from './async-request/message.js';
import { Requests } from './async-request/requests.js';
import { runWithSelect } from './async-request/select-loop.js';
import { runWithSelector } from './async-request/selector-loop.js';

const USAGE = `usage: async-request [options] URL…

  --loop select|selector   what to wait with (select)
  --timeout MS             how long each may take (10000)
  --method METHOD          (GET, or POST with a body)
  --header 'NAME: VALUE'   more than one may be given
  --body TEXT
`;

const LOOPS = new Map([
  ['select', runWithSelect],
  ['selector', runWithSelector],
]);

interface Options {
  readonly urls: readonly string[];
  readonly run: (requests: Requests) => void;
  readonly request: Pick<RequestOptions, 'timeout' | 'method' | 'headers' | 'body'>;
}

function parseOptions(): Options {
  const { values, positionals: urls } = parseArgs({
    allowPositionals: true,
    options: {
      loop: { type: 'string', default: 'select' },
      timeout: { type: 'string', default: '10000' },
      method: { type: 'string' },
      header: { type: 'string', multiple: true, default: [] },
      body: { type: 'string' },
    },
  });
  const run = LOOPS.get(values.loop);
  if (run === undefined) throw new Error(`--loop must be select or selector, not '${values.loop}'`);
  if (urls.length === 0) throw new Error('no URL');
  const headers = values.header.map((line) => {
    const colon = line.indexOf(':');
    if (colon < 0) throw new Error(`--header must be 'NAME: VALUE', not '${line}'`);
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const { body = '', method = body === '' ? 'GET' : 'POST' } = values;
  const timeout = Number(values.timeout);
  return { urls, run, request: { method, body, timeout, headers: Object.fromEntries(headers) } };
}

/** Where a URL leads. The name's address is asked for here: a loop in select() could not wait for that. */
async function locate(text: string): Promise<Pick<RequestOptions, 'host' | 'port' | 'url' | 'headers'>> {
  const { protocol, hostname, host, port, pathname, search } = new URL(text);
  if (protocol !== 'http:') throw new Error('only http: URLs are understood');
  const { address } = await lookup(hostname.replace(/^\[(.*)\]$/, '$1'));
  return { host: address, port: Number(port || 80), url: pathname + search, headers: { host } };
}

function fail(url: string, error: Error): void {
  process.exitCode = 1;
  console.log(`${url}: ${error.message}`);
}

function succeed(url: string, { statusCode, statusMessage, body }: Answer): void {
  console.log(`${url}: ${statusCode} ${statusMessage}, ${body.length} bytes`);
}

async function main(): Promise<void> {
  const { urls, run, request } = parseOptions();
  const requests = new Requests();
  const add = async (url: string) => {
    const { headers, ...place } = await locate(url);
    requests.add({
      ...request,
      ...place,
      headers: { ...headers, ...request.headers },
      callback: (error, answer) => {
        if (answer !== null) succeed(url, answer);
        else if (error !== null) fail(url, error);
      },
    });
  };
  await Promise.all(urls.map((url) => add(url).catch((error) => fail(url, error))));
  run(requests);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`async-request: ${(error as Error).message}\n${USAGE}`);
  process.exitCode = 2;
}
