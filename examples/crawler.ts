/**
 * Follows the links of a site, and saves its pages, each in a file that is named after its path.
 *
 *   node dist/examples/crawler.js http://127.0.0.1:8080/ --concurrency 8 --out pages
 *
 * How many pages are asked for at a time is a Semaphore's business, that none is asked for twice a Lock's, and writing
 * files, which would block, that of threads.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ThreadPoolExecutor } from 'iomux/executors';
import { run } from 'iomux/tasks';
import { Crawl, OUTCOMES } from './crawler/crawl.js';

const USAGE = 'usage: crawler URL [--concurrency 8] [--out pages] [--timeout 10000]';

class UsageError extends Error {}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        concurrency: { type: 'string', default: '8' },
        out: { type: 'string', default: 'pages' },
        timeout: { type: 'string', default: '10000' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function integer(option: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new UsageError(`--${option} must be a whole number above 0, not '${text}'`);
}

function startOf(positionals: string[]): URL {
  const [text, ...more] = positionals;
  if (text === undefined || more.length > 0) throw new UsageError('one URL is wanted');
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError(`'${text}' is no URL of http or https`);
  url.hash = '';
  return url;
}

async function main(): Promise<void> {
  const { values, positionals } = parse(process.argv.slice(2));
  const start = startOf(positionals);
  const concurrency = integer('concurrency', values.concurrency);
  const timeout = integer('timeout', values.timeout);
  mkdirSync(values.out, { recursive: true });

  await using executor = new ThreadPoolExecutor({ maxWorkers: 2 });
  const saver = new URL('./crawler/save.js', import.meta.url);
  const crawl = new Crawl(start, {
    concurrency,
    timeout,
    save: ({ pathname, search }, body) =>
      executor.submit(saver, 'save', join(values.out, encodeURIComponent(pathname + search)), body),
    onProgress: ({ outcomes, found }) => process.stderr.write(`\r${outcomes.size} of ${found} pages`),
  });
  await run(() => crawl.run());
  process.stderr.write('\n');
  for (const [page, reason] of crawl.errors) process.stderr.write(`${page}: ${reason}\n`);
  const results = [...crawl.outcomes.values()];
  for (const outcome of OUTCOMES) {
    console.log(`${outcome.padEnd(10)} ${results.filter((result) => result === outcome).length}`);
  }
}

try {
  await main();
} catch (error) {
  const usage = error instanceof UsageError ? `\n${USAGE}` : '';
  process.stderr.write(`crawler: ${(error as Error).message}${usage}\n`);
  process.exitCode = 1;
}
