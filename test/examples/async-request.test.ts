/** The callback downloader, on select() and on a selector: the same requests, the same answers. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../../examples/async-request/answer.js';
import type { RequestOptions } from '../../examples/async-request/message.js';
import { Requests } from '../../examples/async-request/requests.js';
import { runWithSelect } from '../../examples/async-request/select-loop.js';
import { runWithSelector } from '../../examples/async-request/selector-loop.js';
import { openDescriptors } from '../support/descriptors.js';
import { HttpServers, type RawAnswer, rawUrl } from '../support/example-http.js';
import { thrownBy } from '../support/expecting.js';
import { runProgram } from '../support/programs.js';

const PROGRAM = 'examples/async-request';
const HOST = '127.0.0.1';

let servers: HttpServers;
beforeAll(async () => {
  servers = await HttpServers.start();
});
afterAll(() => servers[Symbol.asyncDispose]());

type Outcome = { readonly error: Error | null; readonly answer: Answer | null };

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, HOST), 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

for (const [name, run] of [
  ['select()', runWithSelect],
  ['a selector', runWithSelector],
] as const) {
  /** Runs requests to their end: what each callback was called with, in the order of the requests. */
  const outcomes = (wanted: readonly Omit<RequestOptions, 'callback' | 'host'>[]): Outcome[] => {
    const requests = new Requests();
    const results = wanted.map((): Outcome[] => []);
    for (const [index, options] of wanted.entries()) {
      const callback = (error: Error | null, answer: Answer | null) =>
        results[index]?.push({ error, answer });
      requests.add({ host: HOST, port: servers.http, timeout: 60_000, ...options, callback });
    }
    run(requests);
    expect(requests.size).toBe(0);
    return results.map((calls) => {
      expect(calls).toHaveLength(1);
      return calls[0] as Outcome;
    });
  };
  const outcome = (options: Omit<RequestOptions, 'callback' | 'host'>) => outcomes([options])[0] as Outcome;
  const answerTo = (options: Omit<RequestOptions, 'callback' | 'host'>): Answer => {
    const { error, answer } = outcome(options);
    if (answer === null) throw error;
    expect(error).toBeNull();
    return answer;
  };
  const errorOf = (options: Omit<RequestOptions, 'callback' | 'host'>): Error | null => {
    const { error, answer } = outcome(options);
    expect(answer).toBeNull();
    return error;
  };
  const raw = (answer: RawAnswer) => ({ port: servers.raw, url: rawUrl(answer) });

  describe(`the callback downloader on ${name}`, () => {
    it('gets bodies of a known length, in chunks, until the connection closes, and none', () => {
      expect(`${answerTo({ url: '/text' }).body}`).toBe('some text');
      const chunked = answerTo({ url: '/chunked' });
      expect(`${chunked.body}`).toBe('one, two, three');
      expect(chunked.headers.get('transfer-encoding')).toBe('chunked');
      const pieces = ['HTTP/1.0 200 OK\r\n\r\n', 'until it ', 'closes'];
      expect(`${answerTo(raw({ pieces, ending: 'end' })).body}`).toBe('until it closes');
      expect(answerTo({ url: '/none' })).toMatchObject({ statusCode: 204, body: Buffer.alloc(0) });
    });

    it('puts an answer together that comes a byte at a time', () => {
      const text =
        'HTTP/1.1 200 Fine\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n';
      const answer = answerTo(raw({ pieces: [...text], ending: 'stay' }));
      expect(answer).toMatchObject({ statusCode: 200, statusMessage: 'Fine' });
      expect(answer.headers.get('x')).toBe('y');
      expect(`${answer.body}`).toBe('abc');
    });

    it('takes any status for an answer', () => {
      expect(answerTo({ url: '/nowhere' })).toMatchObject({ statusCode: 404, statusMessage: 'Not Found' });
    });

    it('sends method, url, headers and body', () => {
      const answer = answerTo({
        method: 'PUT',
        url: '/echo?x=y',
        headers: { 'X-Mine': 'one two', Host: 'a.name' },
        body: Buffer.from([0, 0xff, 10]),
      });
      expect(answer.headers.get('x-many')).toBe('1, 2');
      expect(JSON.parse(`${answer.body}`)).toMatchObject({
        method: 'PUT',
        url: '/echo?x=y',
        body: '\0\xff\n',
        headers: { 'x-mine': 'one two', host: 'a.name', 'content-length': '3', connection: 'close' },
      });
    });

    it('asks for a HEAD and waits for no body', () => {
      const answer = answerTo({ method: 'HEAD', url: '/text', headers: { connection: 'keep-alive' } });
      expect(answer).toMatchObject({ statusCode: 200, body: Buffer.alloc(0) });
      expect(answer.headers.get('content-length')).toBeUndefined();
      const pieces = ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'];
      expect(answerTo({ method: 'HEAD', ...raw({ pieces, ending: 'stay' }) }).body).toHaveLength(0);
    });

    it('passes over what only announces an answer', () => {
      const pieces = [
        'HTTP/1.1 103 Early Hints\r\nX: 1\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n',
        'HTTP/1.1 200 OK\r\n\r\nit',
      ];
      const answer = answerTo(raw({ pieces, ending: 'end' }));
      expect(answer).toMatchObject({ statusCode: 200, body: Buffer.from('it') });
      expect(answer.headers.size).toBe(0);
    });

    it('gets a huge body whole', () => {
      const { body } = answerTo({ url: '/huge' });
      expect(body.equals(Buffer.alloc(32 * 1024 * 1024, 'huge'))).toBe(true);
    });

    it('reads while it still sends', () => {
      const body = Buffer.alloc(8 * 1024 * 1024, 'there and back ');
      expect(answerTo({ method: 'POST', url: '/mirror', body }).body.equals(body)).toBe(true);
    });

    it('gets the answer of a server that takes no more than the beginning of a body', () => {
      const body = Buffer.alloc(16 * 1024 * 1024);
      const pieces = ['HTTP/1.1 413 Too Long\r\nContent-Length: 0\r\n\r\n'];
      expect(answerTo({ method: 'POST', body, ...raw({ pieces, ending: 'stay' }) }).statusCode).toBe(413);
    });

    it('has many under way at once, and ends with the last answer', () => {
      const wanted = Array.from({ length: 300 }, (_, index) => ({ url: `/echo?${index}` }));
      const urls = outcomes(wanted).map(({ answer }) => JSON.parse(`${answer?.body}`).url);
      expect(urls).toEqual(wanted.map(({ url }) => url));
    });

    it('does not let one wait for another, and says so to who waited too long', () => {
      const order: string[] = [];
      const requests = new Requests();
      const start = performance.now();
      for (const [url, timeout] of [
        ['/never?1', 500],
        ['/never?2', 250],
        ['/text', 60_000],
      ] as const) {
        const callback = (error: Error | null) => order.push(`${url} ${error?.message}`);
        requests.add({ host: HOST, port: servers.http, url, timeout, callback });
      }
      run(requests);
      expect(performance.now() - start).toBeGreaterThanOrEqual(500);
      const place = `http://${HOST}:${servers.http}`;
      expect(order).toEqual([
        '/text undefined',
        `/never?2 no complete answer within 250 ms: ${place}/never?2`,
        `/never?1 no complete answer within 500 ms: ${place}/never?1`,
      ]);
    });

    it('ends one that gets its answer too slowly, however much of it is there', () => {
      const pieces = ['HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n', 'a part'];
      const error = errorOf({ ...raw({ pieces, ending: 'stay' }), timeout: 80 });
      expect(error).toMatchObject({ name: 'TimeoutError', code: 'ETIMEDOUT' });
    });

    it('says that nobody listens', async () => {
      const port = await closedPort();
      expect(errorOf({ port })).toMatchObject({ code: 'ECONNREFUSED', address: HOST, port });
    });

    it('says that connecting fails, where that is known at once', () => {
      const requests = new Requests();
      const errors: unknown[] = [];
      // Nobody can be connected with all machines.
      requests.add({ host: '255.255.255.255', callback: (error) => errors.push(error) });
      run(requests);
      expect(errors).toMatchObject([{ syscall: 'connect', address: '255.255.255.255', port: 80 }]);
    });

    it('says that the connection was reset, before an answer and in its middle', () => {
      expect(errorOf(raw({ pieces: [], ending: 'reset' }))).toMatchObject({ code: 'ECONNRESET' });
      for (const header of ['Content-Length: 100', 'Transfer-Encoding: chunked', 'X: until it closes']) {
        const pieces = [`HTTP/1.1 200 OK\r\n${header}\r\n\r\n`, '5\r\nabcde\r\n'];
        expect(errorOf(raw({ pieces, ending: 'reset' }))).toMatchObject({ code: 'ECONNRESET' });
      }
      const body = Buffer.alloc(16 * 1024 * 1024);
      const error = errorOf({ method: 'POST', body, ...raw({ pieces: [], ending: 'reset' }) });
      // It is noticed by sending or by receiving.
      expect(['ECONNRESET', 'EPIPE']).toContain((error as NodeJS.ErrnoException).code);
    });

    it.each([
      ['before it answered', []],
      ['in the middle of the first line', ['HTTP/1.']],
      ['in the middle of the header', ['HTTP/1.1 200 OK\r\nX: ']],
      ['in the middle of the body', ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd']],
      ['before the last chunk', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n']],
      ['after an announcement', ['HTTP/1.1 100 Continue\r\n\r\n']],
    ])('does not take it for an answer that the server closed %s', (_, pieces) => {
      expect(errorOf(raw({ pieces, ending: 'end' }))).toMatchObject({ code: 'ERR_MALFORMED_MESSAGE' });
    });

    it.each([
      ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
      ['a line without a name', 'HTTP/1.1 200 OK\r\nnonsense\r\n\r\n'],
      ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabcdefgh'],
      ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef'],
      ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
      ['a chunk size that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n'],
      ['a negative chunk size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n-6\r\nmore'],
    ])('refuses %s', (_, text) => {
      const error = errorOf({ ...raw({ pieces: [text], ending: 'stay' }), timeout: 20_000 });
      expect(error).toMatchObject({ code: 'ERR_MALFORMED_MESSAGE' });
    });

    it('takes no endless header', () => {
      const pieces = [`HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(40_000)}`];
      expect(errorOf(raw({ pieces, ending: 'stay' }))).toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' });
    });

    it('starts what a callback asks for, and ends with that', () => {
      const requests = new Requests();
      const statuses: unknown[] = [];
      const ask = (left: number) =>
        requests.add({
          host: HOST,
          port: left === 2 ? servers.raw : servers.http,
          url: left === 2 ? rawUrl({ pieces: [], ending: 'end' }) : '/text',
          callback: (error, answer) => {
            statuses.push(answer?.statusCode ?? error?.name);
            if (left > 0) ask(left - 1);
          },
        });
      ask(3);
      run(requests);
      expect(statuses).toEqual([200, 'MalformedMessageError', 200, 200]);
    });

    it('has nothing to do without a request', () => {
      run(new Requests());
    });

    it('passes on what a callback throws, calls none after it, and keeps nothing open', () => {
      const before = openDescriptors();
      const requests = new Requests();
      const called: string[] = [];
      for (const url of ['/never', '/text']) {
        const callback = () => {
          called.push(url);
          throw new Error(`thrown for ${url}`);
        };
        requests.add({ host: HOST, port: servers.http, url, callback });
      }
      expect(() => run(requests)).toThrow('thrown for /text');
      expect({ called, size: requests.size }).toEqual({ called: ['/text'], size: 0 });
      expect(openDescriptors()).toEqual(before);
    });

    it('keeps nothing open at its end, however it went', async () => {
      const before = openDescriptors();
      outcomes([
        { url: '/text' },
        { url: '/never', timeout: 30 },
        { port: await closedPort() },
        raw({ pieces: ['x'], ending: 'end' }),
        raw({ pieces: ['x'], ending: 'reset' }),
      ]);
      expect(openDescriptors()).toEqual(before);
    });
  });
}

describe('a request of the callback downloader', () => {
  it.each([
    [
      'a host that is a name',
      { host: 'localhost' },
      TypeError,
      "host must be a numeric address, not 'localhost'",
    ],
    ['a port of 0', { port: 0 }, RangeError, 'port must be a whole number from 1 to 65535, not 0'],
    ['a method of two words', { method: 'GET /' }, TypeError, "method must be a word, not 'GET /'"],
    ['a url that ends its line', { url: '/\r\nX: y' }, TypeError, /^url must be printable ASCII/],
    [
      'a header that is a line more',
      { headers: { x: 'y\r\nz: 1' } },
      TypeError,
      'the header x must be one line',
    ],
    [
      'a header without a name',
      { headers: { '': 'y' } },
      TypeError,
      "headers must have words for names, not ''",
    ],
    ['no time', { timeout: 0 }, RangeError, 'timeout must be above 0, not 0'],
    ['a body of another kind', { body: 5 }, TypeError, 'body must be a string or a Uint8Array'],
    ['no callback', { callback: null }, TypeError, 'callback must be a function'],
  ])('is refused with %s', (_, wrong, kind, message) => {
    const requests = new Requests();
    const options = { host: HOST, callback: () => {}, ...wrong } as unknown as RequestOptions;
    const error = thrownBy(() => requests.add(options));
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toMatch(message);
    expect(requests.size).toBe(0);
  });
});

describe('the async-request example', () => {
  it('prints the same with either loop, and that a URL failed is its exit code', async () => {
    const refused = await closedPort();
    const urls = ['/text', '/chunked', '/nowhere'].map((path) => `http://localhost:${servers.http}${path}`);
    const args = [...urls, `http://${HOST}:${refused}/`, 'https://localhost/'];
    for (const loop of ['select', 'selector']) {
      const { code, stdout, stderr } = await runProgram(PROGRAM, ['--loop', loop, ...args]);
      expect({ code, stderr, lines: stdout.trimEnd().split('\n').sort() }).toEqual({
        code: 1,
        stderr: '',
        lines: [
          `${urls[0]}: 200 OK, 9 bytes`,
          `${urls[1]}: 200 OK, 15 bytes`,
          `${urls[2]}: 404 Not Found, 12 bytes`,
          `http://${HOST}:${refused}/: connect ECONNREFUSED ${HOST}:${refused}`,
          'https://localhost/: only http: URLs are understood',
        ].sort(),
      });
    }
  });

  it('takes method, headers, body and timeout from its arguments', async () => {
    const url = `http://${HOST}:${servers.http}/never`;
    const late = await runProgram(PROGRAM, ['--timeout', '50', url]);
    expect(late).toMatchObject({ code: 1, stdout: `${url}: no complete answer within 50 ms: ${url}\n` });
    const echo = `http://${HOST}:${servers.http}/echo`;
    const { code, stdout } = await runProgram(PROGRAM, ['--body', 'x', '--header', 'X-Mine: y', echo]);
    expect(code).toBe(0);
    const headers = {
      host: `${HOST}:${servers.http}`,
      connection: 'close',
      'content-length': '1',
      'x-mine': 'y',
    };
    const expected = JSON.stringify({ method: 'POST', url: '/echo', headers, body: 'x' });
    expect(stdout).toBe(`${echo}: 200 OK, ${expected.length} bytes\n`);
  });

  it('says so of URLs for which there is no descriptor left, and gets the others', async () => {
    const url = `http://${HOST}:${servers.http}/text`;
    const urls = Array.from({ length: 80 }, () => url);
    for (const loop of ['select', 'selector']) {
      const { code, stdout } = await runProgram(PROGRAM, ['--loop', loop, ...urls], {
        before: 'ulimit -n 60',
      });
      const lines = stdout.trimEnd().split('\n');
      const failed = lines.filter((line) => line === `${url}: socket EMFILE`).length;
      expect({ code, answered: lines.filter((line) => line === `${url}: 200 OK, 9 bytes`).length }).toEqual({
        code: 1,
        answered: 80 - failed,
      });
      expect(failed).toBeGreaterThan(19);
      expect(failed).toBeLessThan(80);
    }
  });

  it.each([
    [[], 'no URL'],
    [['--loop', 'epoll', 'http://localhost/'], "--loop must be select or selector, not 'epoll'"],
    [['--header', 'x', 'http://localhost/'], "--header must be 'NAME: VALUE', not 'x'"],
    [['--nonsense'], "Unknown option '--nonsense'"],
  ])('says what is wrong with %s, and exits 2', async (args, message) => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toContain('usage: async-request');
  });
});
