/** The web server whose answers may come later: driven by curl and wrk, and by clients that do what they should not. */
import { writeFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Future, Reactor } from 'iomux';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Page, Request } from '../../examples/deferred-web/pages.js';
import { serveWeb } from '../../examples/deferred-web/server.js';
import { answersIn, get, WebServer } from '../support/example-web.js';
import { connected, takeAll } from '../support/net-client.js';
import { runProgram } from '../support/programs.js';
import { TemporaryFolder } from '../support/temporary.js';
import { hasTool } from '../support/tools.js';

const LAST = 'Connection: close';

/** One pipelined request a thousand times, and the answer to each is looked at. */
const PIPELINING = `
init = function()
  local requests = {}
  for index = 1, 16 do requests[index] = wrk.format('GET', '/fast') end
  pipelined = table.concat(requests)
end
request = function() return pipelined end
response = function(status, headers, body)
  if status ~= 200 or body ~= 'fast\\n' then print('wrong answer: ' .. status .. body) end
end
`;

describe.runIf(hasTool('curl') && hasTool('wrk'))('the three stages of the deferred-web example', () => {
  it('1: has everybody wait for who is slow', async () => {
    using server = await WebServer.start(['--stage', '1', '--delay', '1000', '--log']);
    const start = performance.now();
    const slow = server.curl('/slow');
    await server.program.until('stdout', /^GET \/slow$/m);
    expect(await server.curl('/fast')).toBe('fast\n');
    expect(performance.now() - start).toBeGreaterThanOrEqual(1000);
    expect(await slow).toBe('slow\n');
  });

  it('2: answers others meanwhile', async () => {
    using server = await WebServer.start(['--stage', '2', '--delay', '4000', '--log']);
    const start = performance.now();
    let slowIsDone = false;
    const slow = server.curl('/slow').finally(() => {
      slowIsDone = true;
    });
    await server.program.until('stdout', /^GET \/slow$/m);
    expect(await server.curl('/fast')).toBe('fast\n');
    expect(slowIsDone).toBe(false);
    expect(await slow).toBe('slow\n');
    expect(performance.now() - start).toBeGreaterThanOrEqual(4000);
  });

  it.each(['1', '2'])('%s: has nothing that waits for an event', async (stage) => {
    using server = await WebServer.start(['--stage', stage]);
    const args = ['--output', '/dev/null', '--write-out', '%{http_code}'];
    for (const path of ['/wait', '/release']) expect(await server.curl(path, ...args)).toBe('404');
  });

  it('3: keeps who waits until somebody releases them, and answers others meanwhile', async () => {
    using server = await WebServer.start(['--log']);
    expect(await server.curl('/release')).toBe('0 released\n');
    const waiting = ['/wait', '/wait?2', '/wait?3'].map((path) => server.curl(path));
    await server.program.until('stdout', /(?:GET \/wait\n){3}/);
    expect(await server.curl('/fast')).toBe('fast\n');
    const first = await Promise.race([...waiting, sleep(100, 'they wait')]);
    expect(first).toBe('they wait');
    expect(await server.curl('/release')).toBe('3 released\n');
    expect(await Promise.all(waiting)).toEqual(Array(3).fill('released\n'));
    expect(await server.curl('/release')).toBe('0 released\n');
  });
});

describe.runIf(hasTool('curl') && hasTool('wrk'))('the deferred-web example under load', () => {
  it('answers each request of many connections, while others wait', async () => {
    using server = await WebServer.start(['--log', '--patience', '60000']);
    const waiting = Array.from({ length: 30 }, () => server.say(get('/wait', LAST)));
    await server.program.until('stdout', /(?:GET \/wait\n){30}/);
    const report = await server.wrk('/fast', '--connections', '50', '--duration', '1s');
    expect(report).not.toMatch(/Socket errors|Non-2xx/);
    expect(Number(/(\d+) requests in/.exec(report)?.[1])).toBeGreaterThan(100);
    const [released] = answersIn(await server.say(get('/release', LAST)));
    expect(released).toBe('200 30 released');
    for (const text of await Promise.all(waiting)) expect(answersIn(text)).toEqual(['200 released']);
  });

  it('answers those that send many requests at once', async () => {
    using folder = new TemporaryFolder();
    const script = folder.join('pipelining.lua');
    writeFileSync(script, PIPELINING);
    using server = await WebServer.start();
    const report = await server.wrk('/', '--connections', '8', '--duration', '1s', '--script', script);
    expect(report).not.toMatch(/Socket errors|Non-2xx|wrong answer/);
    expect(Number(/(\d+) requests in/.exec(report)?.[1])).toBeGreaterThan(100);
  });
});

describe.runIf(hasTool('curl') && hasTool('wrk'))('a connection of the deferred-web example', () => {
  let server: WebServer;
  beforeAll(async () => {
    server = await WebServer.start(['--delay', '150', '--patience', '60000']);
  });
  afterAll(() => server[Symbol.dispose]());

  it('says 404 of a path that is no page’s', async () => {
    expect(await server.curl('/nowhere', '--include')).toMatch(
      /^HTTP\/1\.1 404 Not Found\r\n[\s\S]*\r\n\r\n404 Not Found\n$/,
    );
    expect(answersIn(await server.say(get('/fast/', LAST)))).toEqual(['404 404 Not Found']);
  });

  it('finds a page whatever its query is, and where a proxy’s client names it in full', async () => {
    expect(await server.curl('/fast?slow=no')).toBe('fast\n');
    expect(answersIn(await server.say(get('http://there:80/fast?x', LAST)))).toEqual(['200 fast']);
  });

  it('is kept for the next request', async () => {
    const args = ['--write-out', '%{num_connects} ', server.url('/slow'), server.url('/nowhere')];
    expect(await server.curl('/fast', ...args)).toBe('slow\n1 404 Not Found\n0 fast\n0 ');
  });

  it('is closed after HTTP/1.0, unless that asks for more', async () => {
    expect(await server.curl('/fast', '--http1.0', '--include')).toMatch(/^connection: close\r$/m);
    const text = 'GET /fast HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /slow HTTP/1.0\r\n\r\n';
    const answers = await server.say(text);
    expect(answersIn(answers)).toEqual(['200 fast', '200 slow']);
    expect(answers.match(/^connection: .*(?=\r$)/gm)).toEqual([
      'connection: keep-alive',
      'connection: close',
    ]);
  });

  it('says of a HEAD what it would of a GET, without a body', async () => {
    const head = await server.curl('/fast', '--head');
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(head).toMatch(/^content-length: 5\r$/m);
    expect(head).toMatch(/\r\n\r\n$/);
  });

  it('gets its answers in the order of its requests, however long each takes', async () => {
    const text = ['/slow', '/fast', '/nowhere', '/slow', '/fast'].map((path) => get(path)).join('');
    const answers = ['200 slow', '200 fast', '404 404 Not Found', '200 slow', '200 fast'];
    const start = performance.now();
    expect(answersIn(await server.say(text + get('/fast', LAST)))).toEqual([...answers, '200 fast']);
    // The two that are slow were so at the same time, or it would still be right.
    expect(performance.now() - start).toBeGreaterThanOrEqual(150);
  });

  it('can release itself', async () => {
    const text = get('/wait') + get('/release', LAST);
    expect(answersIn(await server.say(text))).toEqual(['200 released', '200 1 released']);
  });

  it('gets an answer to each of very many requests at once', async () => {
    const answers = answersIn(await server.say(get('/slow').repeat(500) + get('/fast', LAST)));
    expect(answers).toEqual([...Array(500).fill('200 slow'), '200 fast']);
  });

  it('gets nothing after the request that it called its last', async () => {
    expect(answersIn(await server.say(get('/fast', LAST) + get('/slow')))).toEqual(['200 fast']);
  });

  it('gets its answers though its client has ended its side', async () => {
    const client = await connected({ host: '127.0.0.1', port: server.port });
    client.end(get('/slow') + get('/fast'));
    expect(answersIn((await takeAll(client)).toString())).toEqual(['200 slow', '200 fast']);
  });

  it('may come a byte at a time', async () => {
    const client = await connected({ host: '127.0.0.1', port: server.port });
    client.setNoDelay();
    for (const byte of get('/fast', LAST)) {
      client.write(byte);
      await sleep(1);
    }
    expect(answersIn((await takeAll(client)).toString())).toEqual(['200 fast']);
  });

  it('takes bodies of either kind, up to the limit, and asks for one that waits for that', async () => {
    using folder = new TemporaryFolder();
    const path = folder.join('body');
    writeFileSync(path, Buffer.alloc(1024 * 1024));
    expect(await server.curl('/fast', '--data-binary', `@${path}`)).toBe('fast\n');
    writeFileSync(path, Buffer.alloc(1000 * 1024));
    const chunked = ['--header', 'Transfer-Encoding: chunked', '--data-binary', `@${path}`];
    expect(await server.curl('/fast', ...chunked)).toBe('fast\n');
    // curl would wait for a minute.
    const expecting = [
      '--header',
      'Expect: 100-continue',
      '--expect100-timeout',
      '60',
      '--data',
      'x',
      '--include',
    ];
    expect(await server.curl('/fast', ...expecting)).toMatch(
      /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
    );
  });

  it('says 413 of a larger one, and is closed in order though the client sends on', async () => {
    using folder = new TemporaryFolder();
    const path = folder.join('body');
    writeFileSync(path, Buffer.alloc(8 * 1024 * 1024));
    const args = ['--output', '/dev/null', '--write-out', '%{http_code}', '--data-binary', `@${path}`];
    expect(await server.curl('/fast', ...args)).toBe('413');
    expect(await server.curl('/fast', ...args, '--header', 'Transfer-Encoding: chunked')).toBe('413');
    const [answer] = answersIn(await server.say(get('/fast', 'Content-Length: 1048577')));
    expect(answer).toBe(`413 413 ${STATUS_CODES[413]}`);
    const client = await connected({ host: '127.0.0.1', port: server.port });
    let told = '';
    client.on('data', (bytes) => {
      told += bytes;
    });
    const lost = new Promise((resolve) => client.on('error', resolve).on('close', resolve));
    client.write(get('/fast', 'Content-Length: 4000000'));
    for (let count = 0; count < 20; count++) {
      client.write('x'.repeat(50_000));
      await sleep(5);
    }
    client.end();
    // Closed, and not because of an error.
    expect(await lost).toBe(false);
    expect(answersIn(told)).toEqual([answer]);
    const text = get('/slow') + get('/fast', 'Content-Length: 99999999999999999999') + get('/fast');
    expect(answersIn(await server.say(text))).toEqual(['200 slow', `413 413 ${STATUS_CODES[413]}`]);
  });

  it('says 431 of a header above 16 KiB, and takes one of just that', async () => {
    const most = 16 * 1024 - get('/fast', LAST, 'X: ').length;
    const ofLength = (length: number) => get('/fast', LAST, `X: ${'x'.repeat(length)}`);
    expect(ofLength(most)).toHaveLength(16 * 1024);
    expect(answersIn(await server.say(ofLength(most)))).toEqual(['200 fast']);
    const [refused] = answersIn(await server.say(ofLength(most + 1)));
    expect(refused).toBe(`431 431 ${STATUS_CODES[431]}`);
    // Neither what was before it counts, nor is it waited for to be complete.
    expect(answersIn(await server.say(get('/fast').repeat(400) + ofLength(most)))).toHaveLength(401);
    const endless = `GET /fast HTTP/1.1\r\n${'X: y\r\n'.repeat(20_000)}`;
    expect(answersIn(await server.say(get('/slow') + endless))).toEqual(['200 slow', refused]);
    expect(answersIn(await server.say(`GET /${'x'.repeat(20_000)}`))).toEqual([refused]);
    expect(answersIn(await server.say('\r\n'.repeat(10_000)))).toEqual([refused]);
  });

  it.each([
    ['another protocol', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n'],
    ['no version', 'GET /fast\r\n\r\n'],
    ['a later version', 'GET /fast HTTP/2.0\r\nHost: here\r\n\r\n'],
    ['an unknown method', 'FETCH /fast HTTP/1.1\r\nHost: here\r\n\r\n'],
    ['no host', 'GET /fast HTTP/1.1\r\n\r\n'],
    ['two hosts', get('/fast', 'Host: there')],
    ['a line without a name', get('/fast', ': x')],
    ['a space before the colon', get('/fast', 'Transfer-Encoding : chunked')],
    ['a continued line', get('/fast', 'X: y', ' z')],
    ['a length that is none', get('/fast', 'Content-Length: +1')],
    ['two lengths', get('/fast', 'Content-Length: 1', 'Content-Length: 2')],
    ['a length and chunks', get('/fast', 'Content-Length: 5', 'Transfer-Encoding: chunked')],
    ['an unknown coding', get('/fast', 'Transfer-Encoding: gzip')],
    ['a chunk size that is none', `${get('/fast', 'Transfer-Encoding: chunked')}x\r\n\r\n`],
    [
      'a negative chunk size',
      `${get('/fast', 'Transfer-Encoding: chunked')}1\r\na\r\n-6\r\n${'more'.repeat(9)}`,
    ],
    ['a chunk that is longer than it says', `${get('/fast', 'Transfer-Encoding: chunked')}1\r\nab\r\n`],
  ])('says 400 of %s, after what was asked before, and is closed', async (_, text) => {
    expect(answersIn(await server.say(text))).toEqual(['400 400 Bad Request']);
    const answers = answersIn(await server.say(get('/slow') + text + get('/fast')));
    expect(answers).toEqual(['200 slow', '400 400 Bad Request']);
  });

  it('may ask for another protocol in vain', async () => {
    const text = get('/fast', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c') + get('/slow', LAST);
    expect(answersIn(await server.say(text))).toEqual(['200 fast', '200 slow']);
  });
});

describe.runIf(hasTool('curl') && hasTool('wrk'))('a slow client of the deferred-web example', () => {
  const PATIENCE = 300;
  let server: WebServer;
  beforeAll(async () => {
    server = await WebServer.start(['--patience', `${PATIENCE}`, '--delay', '900', '--log']);
  });
  afterAll(() => server[Symbol.dispose]());

  /** What a client gets that sends each of these, and something every now and then; and that it was not too early. */
  async function slowly(text: string, drop = ''): Promise<string[]> {
    // Before the server can know of it: that may have accepted a while ago when this goes on.
    const start = performance.now();
    const client = await connected({ host: '127.0.0.1', port: server.port });
    client.write(text);
    const dropping = setInterval(() => client.write(drop), 50);
    try {
      const answers = answersIn((await takeAll(client)).toString());
      expect(performance.now() - start).toBeGreaterThanOrEqual(PATIENCE);
      return answers;
    } finally {
      clearInterval(dropping);
      client.destroy();
    }
  }

  it('is told 408 when its request takes too long, though there is always a little more of it', async () => {
    const late = '408 408 Request Timeout';
    expect(await slowly('GET /fa')).toEqual([late]);
    expect(await slowly(`${get('/fast')}GET /fast HTTP/1.1\r\nX: `, 'x')).toEqual(['200 fast', late]);
    expect(await slowly(get('/fast', 'Content-Length: 1000'), 'x')).toEqual([late]);
    expect(await slowly(get('/fast', 'Transfer-Encoding: chunked'), '1\r\nx\r\n')).toEqual([late]);
  });

  it('is told so after the answer that it waits for itself', async () => {
    expect(await slowly(`${get('/slow')}GET`)).toEqual(['200 slow', '408 408 Request Timeout']);
  });

  it('has its connection closed, without a word, when it asks for nothing', async () => {
    expect(await slowly('')).toEqual([]);
    expect(await slowly(get('/fast'))).toEqual(['200 fast']);
  });

  it('may wait longer itself', async () => {
    expect(answersIn(await server.say(get('/slow') + get('/slow', LAST)))).toEqual(['200 slow', '200 slow']);
  });

  it('loses its connection when it does not take its answers, and others do not notice', async () => {
    const client = await connected({ host: '127.0.0.1', port: server.port });
    client.pause();
    const lost = new Promise((resolve) => client.on('close', resolve).on('error', () => {}));
    // Their answers are more than both kernels keep.
    const some = get('/fast').repeat(2000);
    for (let count = 0; count < 300; count++) client.write(some);
    await sleep(PATIENCE);
    expect(await server.curl('/fast')).toBe('fast\n');
    await lost;
  });

  it('is not waited for when it has gone', async () => {
    const before = await server.curl('/release');
    expect(before).toBe('0 released\n');
    const clients = await Promise.all([1, 2].map(() => connected({ host: '127.0.0.1', port: server.port })));
    for (const client of clients) client.write(get('/wait?gone'));
    await server.program.until('stdout', /(?:GET \/wait\n){2}/);
    // One says nothing more, the other that there is nobody any more.
    clients[0]?.end();
    clients[1]?.resetAndDestroy();
    await takeAll(clients[0] as (typeof clients)[0]).catch(() => {});
    expect(await server.curl('/release')).toBe('0 released\n');
  });
});

describe.runIf(hasTool('curl') && hasTool('wrk'))('the deferred-web example', () => {
  it('ends on Ctrl-C, whoever waits', async () => {
    using server = await WebServer.start(['--log']);
    const client = await connected({ host: '127.0.0.1', port: server.port });
    client.on('error', () => {});
    client.write(get('/wait') + get('/slow'));
    await server.program.until('stdout', /GET \/slow/);
    server.program.kill('SIGINT');
    expect(await server.program.outcome()).toMatchObject({ code: 0, signal: null, stderr: '' });
    client.destroy();
  });

  it.each([
    [['--stage', '4'], "--stage must be 1, 2 or 3, not '4'"],
    [['--delay', 'long'], "--delay must be milliseconds above 0, not 'long'"],
    [['--patience', '0'], "--patience must be milliseconds above 0, not '0'"],
    [['--port', '65536'], 'port must be'],
  ])('says what is wrong with %j, and exits 1', async (args, message) => {
    const { code, stdout, stderr } = await runProgram('examples/deferred-web', args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^deferred-web: /);
    expect(stderr).toContain(message);
  });
});

describe.runIf(hasTool('curl') && hasTool('wrk'))('a page', () => {
  const limits = { maxHead: 1000, maxBody: 1000, patience: 60_000 };

  /** Serves a page while the scene lasts. What the server says of it on the console is returned. */
  async function served(
    page: Page,
    scene: (port: number, reactor: Reactor) => Promise<void>,
  ): Promise<unknown[]> {
    const errors: unknown[] = [];
    const spy = vi.spyOn(console, 'error').mockImplementation((error) => void errors.push(error));
    onTestFinished(() => spy.mockRestore());
    using reactor = new Reactor();
    const running = reactor.run();
    const pages = new Map<string, Page>([
      ['/', page],
      ['/other', () => 'other'],
    ]);
    const server = await serveWeb(pages, limits, { address: '127.0.0.1', port: 0 });
    const [address] = server.addresses;
    if (address === undefined || !('port' in address)) throw new Error('no port');
    try {
      await scene(address.port, reactor);
    } finally {
      server.close();
      server.abortClients();
      await server.waitClosed();
      reactor.stop();
      await running;
    }
    return errors;
  }

  async function fetched(port: number, path = '/', init: RequestInit = {}): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    return `${response.status} ${await response.text()}`;
  }

  it('gets all of its request, and its text is sent as UTF-8', async () => {
    const requests: Request[] = [];
    const page: Page = (request) => {
      requests.push(request);
      return 'grün';
    };
    await served(page, async (port) => {
      const init = { method: 'POST', body: 'the body', headers: { 'X-Mine': 'yes' } };
      expect(await fetched(port, '/?a=b', init)).toBe('200 grün');
    });
    expect(requests).toHaveLength(1);
    const [request] = requests;
    expect(request).toMatchObject({ method: 'POST', path: '/', query: 'a=b' });
    expect(`${request?.body}`).toBe('the body');
    expect(request?.headers.get('x-mine')).toBe('yes');
  });

  it.each<[string, (reactor: Reactor) => Page]>([
    [
      'throws',
      () => () => {
        throw new Error('no answer');
      },
    ],
    [
      'has its Future fail',
      (reactor) => () => {
        const answer = reactor.createFuture<string>();
        reactor.callSoon(() => answer.setException(new Error('no answer')));
        return answer;
      },
    ],
    [
      'calls its Future off',
      (reactor) => () => {
        const answer = reactor.createFuture<string>();
        reactor.callSoon(() => answer.cancel('no answer'));
        return answer;
      },
    ],
  ])('that %s is answered with 500, and others as before', async (_, page) => {
    let make: Page | null = null;
    const errors = await served(
      (request) => (make as Page)(request),
      async (port, reactor) => {
        make = page(reactor);
        expect(await fetched(port)).toBe('500 500 Internal Server Error\n');
        expect(await fetched(port, '/other')).toBe('200 other');
      },
    );
    expect(errors).toMatchObject([{ message: 'no answer' }]);
  });

  it('that returns neither text nor a Future is answered with 500', async () => {
    const page = (() => 5) as unknown as Page;
    const errors = await served(page, async (port) => {
      expect(await fetched(port)).toBe('500 500 Internal Server Error\n');
    });
    expect(errors).toHaveLength(1);
  });

  it('may return a Future that is done', async () => {
    let reactor: Reactor | null = null;
    const page: Page = () => {
      const answer = (reactor as Reactor).createFuture<string>();
      answer.setResult('at once');
      return answer;
    };
    const errors = await served(page, async (port, current) => {
      reactor = current;
      expect(await fetched(port)).toBe('200 at once');
    });
    expect(errors).toEqual([]);
  });

  it('has its Future cancelled when the client is gone, and nobody is told', async () => {
    const answers: Future<string>[] = [];
    let onAsked = () => {};
    const asked = new Promise<void>((resolve) => {
      onAsked = resolve;
    });
    let reactor: Reactor | null = null;
    const page: Page = () => {
      const answer = (reactor as Reactor).createFuture<string>();
      answers.push(answer);
      onAsked();
      return answer;
    };
    const errors = await served(page, async (port, current) => {
      reactor = current;
      const client = await connected({ host: '127.0.0.1', port });
      client.write(get('/'));
      await asked;
      const [answer] = answers;
      const done = new Promise<void>((resolve) => answer?.addDoneCallback(() => resolve()));
      client.resetAndDestroy();
      await done;
      expect(answer?.cancelled()).toBe(true);
    });
    expect(answers).toHaveLength(1);
    expect(errors).toEqual([]);
  });
});
