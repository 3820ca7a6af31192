/** The crawler, on a site with what sites have: circles, duplicates, redirections, pages that fail in each way. */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ResponseParser } from '../../examples/crawler/response.js';
import { runProgram } from '../support/programs.js';
import { TemporaryFolder } from '../support/temporary.js';

const PROGRAM = 'examples/crawler';

/** A site that counts what it is asked for. */
class Site implements AsyncDisposable {
  readonly requests: string[] = [];
  /** Requests that are being answered, and the most that ever were. */
  active = 0;
  most = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param ready - when it answers. */
  static async start(
    answers: Readonly<Record<string, (response: ServerResponse) => void>>,
    ready?: (site: Site) => Promise<unknown>,
  ): Promise<Site> {
    const listener: RequestListener = async ({ url = '' }, response) => {
      site.requests.push(url);
      site.active++;
      site.most = Math.max(site.most, site.active);
      await ready?.(site);
      site.active--;
      const answer = answers[url];
      if (answer === undefined) response.writeHead(404).end('no such page');
      else answer(response);
    };
    const server = createServer(listener);
    const site = new Site(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return site;
  }

  url(path: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function page(html: string) {
  return (response: ServerResponse) =>
    response.setHeader('Content-Type', 'text/html; charset=utf-8').end(html);
}

function redirection(location: string) {
  return (response: ServerResponse) => response.writeHead(302, { location }).end('moved');
}

function linksTo(...targets: string[]): string {
  return targets.map((target) => `<a href="${target}">${target}</a>`).join('\n');
}

/** The files in a folder, by the paths that they are named after. */
function filesIn(folder: string): Record<string, string> {
  const names = readdirSync(folder).sort();
  return Object.fromEntries(
    names.map((name) => [decodeURIComponent(name), readFileSync(`${folder}/${name}`, 'latin1')]),
  );
}

function tally(counts: Record<string, number>): string {
  const outcomes = ['ok', 'redirected', 'not found', 'error', 'timeout', 'skipped'];
  return outcomes.map((outcome) => `${outcome.padEnd(10)} ${counts[outcome] ?? 0}\n`).join('');
}

describe('the crawler example', () => {
  it('takes a page that comes in one piece, however large', () => {
    const body = Buffer.alloc(200_000, 'body');
    const parser = new ResponseParser();
    parser.push(
      Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`), body]),
    );
    expect(parser.complete).toBe(true);
    expect(parser.body.equals(body)).toBe(true);
  });

  it('visits each page once however often it is linked to, so many at a time, and saves them byte by byte', async () => {
    using folder = new TemporaryFolder();
    const paths = Array.from({ length: 30 }, (_, n) => `/page/${n}`);
    const all = linksTo('/', ...paths, ...paths.map((path) => `..${path}#fragment`));
    const texts = Object.fromEntries(['/', ...paths].map((path) => [path, `<p>${path} grün</p>${all}`]));
    const answers = Object.entries(texts).map(([path, text]) => [path, page(text)] as const);
    // Once it waits for four at a time, and for a fifth to show that there is none.
    const fourAtOnce = async (site: Site) => {
      if (site.requests.length === 1) return;
      while (site.most < 4) await sleep(1);
      await sleep(20);
    };
    await using site = await Site.start(Object.fromEntries(answers), fourAtOnce);
    const args = [site.url('/#top'), '--concurrency', '4', '--out', folder.join('pages')];
    const { code, stdout, stderr } = await runProgram(PROGRAM, args);
    expect({ code, stdout }).toEqual({ code: 0, stdout: tally({ ok: 31 }) });
    expect(site.requests.toSorted()).toEqual(Object.keys(texts).sort());
    expect(site.most).toBe(4);
    const saved = filesIn(folder.join('pages'));
    const sent = Object.entries(texts).map(([path, text]) => [path, Buffer.from(text).toString('latin1')]);
    expect(saved).toEqual(Object.fromEntries(sent));
    // The progress is drawn over itself.
    expect(stderr).toMatch(/^\r0 of 1 pages\r/);
    expect(stderr).toContain('\r30 of 31 pages\r31 of 31 pages\n');
    expect(stderr.split('\n')).toHaveLength(2);
  });

  it('counts what came of each page, and says what went wrong', async () => {
    using folder = new TemporaryFolder();
    const long = `/${'x'.repeat(300)}`;
    const binary = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i * 7));
    await using site = await Site.start({
      '/': page(
        linksTo(
          '/a',
          '/missing',
          '/gone',
          '/slow',
          '/broken',
          '/reset',
          '/nonsense',
          '/moved',
          '/circle',
          '/away',
        ) +
          linksTo(
            '/failing',
            '/early',
            long,
            'http://elsewhere.example/',
            'mailto:me@here',
            'http://[',
            '?query=1',
          ) +
          '<img src="/binary"><link href="/chunked"><script src="/empty"></script>',
      ),
      '/a': page(`<base href="/below/">${linksTo('page', '/a', '/')}`),
      '/below/page': page('not closed <a href="/missing">'),
      '/?query=1': page('another page'),
      '/binary': (response) => response.end(binary),
      '/chunked': (response) => {
        response.write('in ');
        response.write('several ');
        response.end('pieces');
      },
      '/empty': (response) => response.end(),
      '/early': (response) => {
        response.writeContinue();
        response.end('after 100 Continue');
      },
      '/gone': (response) => response.writeHead(410).end(),
      '/slow': () => {},
      '/broken': (response) => {
        response.setHeader('Content-Length', 100);
        response.write('the first half', () => response.socket?.destroy());
      },
      '/reset': (response) => response.socket?.resetAndDestroy(),
      '/nonsense': (response) => response.socket?.end('this is not HTTP\r\n\r\n'),
      '/failing': (response) => response.writeHead(500).end(),
      '/moved': redirection('/target'),
      '/target': (response) => response.end('the target'),
      '/circle': redirection('/circle'),
      '/away': redirection('http://elsewhere.example/other'),
      [long]: page('its name is too long for a file'),
    });
    const args = [site.url('/'), '--timeout', '2000', '--out', folder.join('pages')];
    const { code, stdout, stderr } = await runProgram(PROGRAM, args);
    const pages = [
      '/',
      '/a',
      '/below/page',
      '/?query=1',
      '/binary',
      '/chunked',
      '/empty',
      '/early',
      '/target',
    ];
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: tally({ ok: 9, redirected: 3, 'not found': 2, error: 5, timeout: 1, skipped: 2 }),
    });
    expect(new Set(site.requests).size).toBe(site.requests.length);
    expect(site.requests).toHaveLength(20);
    const saved = filesIn(folder.join('pages'));
    expect(Object.keys(saved).sort()).toEqual(pages.toSorted());
    expect(saved).toMatchObject({
      '/binary': binary.toString('latin1'),
      '/chunked': 'in several pieces',
      '/empty': '',
      '/early': 'after 100 Continue',
      '/target': 'the target',
    });
    const problems = Object.fromEntries(
      [...stderr.matchAll(/^http:\/\/127\.0\.0\.1:\d+(\S+): (.*)$/gm)].map(([, path, problem]) => [
        path,
        problem,
      ]),
    );
    expect(problems).toEqual({
      '/broken': 'the connection ended in the middle of the page',
      '/failing': 'the server answered with status 500',
      '/nonsense': 'Parse Error',
      '/reset': expect.stringContaining('ECONNRESET'),
      '/slow': expect.stringContaining('time'),
      [long]: expect.stringContaining('ENAMETOOLONG'),
    });
  });

  it('goes on with the other pages while one does not answer', async () => {
    using folder = new TemporaryFolder();
    let release = () => {};
    await using site = await Site.start({
      '/': page(linksTo('/held', '/1')),
      '/1': page(linksTo('/2')),
      '/2': page(linksTo('/3')),
      '/3': (response) => {
        response.end('the last');
        release();
      },
      '/held': (response) => {
        release = () => response.end('at last');
      },
    });
    const args = [site.url('/'), '--concurrency', '2', '--out', folder.path];
    expect(await runProgram(PROGRAM, args)).toMatchObject({ code: 0, stdout: tally({ ok: 5 }) });
    expect(filesIn(folder.path)).toMatchObject({ '/held': 'at last', '/3': 'the last' });
  });

  it('counts a site that cannot be reached as one error', async () => {
    using folder = new TemporaryFolder();
    const site = await Site.start({});
    const url = site.url('/');
    await site[Symbol.asyncDispose]();
    const { code, stdout, stderr } = await runProgram(PROGRAM, [url, '--out', folder.path]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: tally({ error: 1 }) });
    expect(stderr).toContain('ECONNREFUSED');
  });

  it('says how it is used where that was not understood, and ends with exit code 1', async () => {
    const wrong = [
      [],
      ['http://a/', 'http://b/'],
      ['no-url'],
      ['ftp://127.0.0.1/'],
      ['http://127.0.0.1/', '--concurrency', '0'],
      ['http://127.0.0.1/', '--timeout', '1.5'],
      ['http://127.0.0.1/', '--unknown'],
    ];
    for (const { code, stdout, stderr } of await Promise.all(
      wrong.map((args) => runProgram(PROGRAM, args)),
    )) {
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^crawler: .+\nusage: crawler URL/);
    }
  });
});
