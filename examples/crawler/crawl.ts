/** Follows links from page to page: no page twice, and so many at a time. */
import { CancelledError, type Future } from 'iomux';
import { Lock, Semaphore } from 'iomux/sync';
import { type Coroutine, createTask, TaskGroup, TimeoutError, value, waitFor } from 'iomux/tasks';
import { linksOf, resolve } from './links.js';
import { request } from './request.js';
import type { ResponseParser } from './response.js';

export const OUTCOMES = ['ok', 'redirected', 'not found', 'error', 'timeout', 'skipped'] as const;

/** What came of a page; `skipped`: it is another host's. */
export type Outcome = (typeof OUTCOMES)[number];

export interface CrawlOptions {
  /** Pages requested at a time. */
  readonly concurrency: number;
  /** Milliseconds that a page may take. */
  readonly timeout: number;
  readonly save: (page: URL, body: Buffer) => Future<void>;
  /** Called when a page was found, or something came of one. */
  readonly onProgress: (crawl: Crawl) => void;
}

export class Crawl {
  /** By page. */
  readonly outcomes = new Map<string, Outcome>();
  /** What went wrong, by page. */
  readonly errors = new Map<string, string>();
  readonly #start: URL;
  readonly #options: CrawlOptions;
  // By page. Many pages link to the same one: who comes while it is being fetched waits for what comes of it.
  readonly #locks = new Map<string, Lock>();
  readonly #places: Semaphore;
  readonly #visits = new TaskGroup();

  constructor(start: URL, options: CrawlOptions) {
    this.#start = start;
    this.#options = options;
    this.#places = new Semaphore(options.concurrency);
  }

  /** How many pages are known. */
  get found(): number {
    return this.#locks.size;
  }

  /** Visits the first page, and all that can be reached from it. */
  *run(): Coroutine<void> {
    this.#follow(this.#start);
    yield* value(this.#visits.join());
  }

  #follow(page: URL): void {
    if (!this.outcomes.has(page.href)) this.#visits.createTask(this.#visit(page), { name: page.href });
  }

  *#visit(page: URL): Coroutine<void> {
    using _lock = yield* value(this.#lockOf(page).acquire());
    if (this.outcomes.has(page.href)) return;
    const elsewhere = page.host !== this.#start.host;
    this.outcomes.set(page.href, elsewhere ? 'skipped' : yield* this.#fetch(page));
    this.#options.onProgress(this);
  }

  #lockOf({ href }: URL): Lock {
    const known = this.#locks.get(href);
    if (known !== undefined) return known;
    const lock = new Lock();
    this.#locks.set(href, lock);
    this.#options.onProgress(this);
    return lock;
  }

  *#fetch(page: URL): Coroutine<Outcome> {
    using _place = yield* value(this.#places.acquire());
    try {
      const fetching = createTask(request(page), { name: `GET ${page.href}` });
      return yield* this.#take(page, yield* value(waitFor(fetching, this.#options.timeout)));
    } catch (error) {
      if (error instanceof CancelledError) throw error;
      this.errors.set(page.href, (error as Error).message);
      return error instanceof TimeoutError ? 'timeout' : 'error';
    }
  }

  *#take(page: URL, { status, headers, body }: ResponseParser): Coroutine<Outcome> {
    if (status === 200) {
      yield* value(this.#options.save(page, body));
      if (/^text\/html\b/i.test(headers.get('content-type') ?? '')) {
        for (const link of linksOf(body.toString(), page)) this.#follow(link);
      }
      return 'ok';
    }
    const target = status >= 300 && status < 400 ? resolve(headers.get('location'), page) : null;
    if (target !== null) {
      this.#follow(target);
      return 'redirected';
    }
    if (status === 404 || status === 410) return 'not found';
    throw new Error(`the server answered with status ${status}`);
  }
}
