/**
 * A small web server whose pages may be answered later, in three stages: it blocks, it waits for a time, it waits for an
 * event.
 *
 *   node dist/examples/deferred-web.js --stage 3
 *   curl localhost:8008/slow & curl localhost:8008/fast
 *   curl localhost:8008/wait & curl localhost:8008/release
 *
 * In stage 1 `/fast` is as slow as `/slow`. The stages are the files deferred-web/stage-*.ts; the server is the same.
 */
import { parseArgs } from 'node:util';
import { defaultReactor } from 'iomux';
import type { Page, Pages } from './deferred-web/pages.js';
import { serveWeb } from './deferred-web/server.js';
import { blockingPages } from './deferred-web/stage-1-blocking.js';
import { timedPages } from './deferred-web/stage-2-timeout.js';
import { eventPages } from './deferred-web/stage-3-event.js';

const USAGE = `usage: deferred-web [options]

  --stage 1|2|3   /slow blocks; or is deferred; and there are /wait and /release (3)
  --port PORT     (8008)
  --delay MS      what /slow takes (2000)
  --patience MS   how long a client may keep the server waiting (10000)
  --log           prints each request
`;

const STAGES = new Map([
  ['1', blockingPages],
  ['2', timedPages],
  ['3', eventPages],
]);

function parseOptions() {
  const { values } = parseArgs({
    options: {
      stage: { type: 'string', default: '3' },
      port: { type: 'string', default: '8008' },
      delay: { type: 'string', default: '2000' },
      patience: { type: 'string', default: '10000' },
      log: { type: 'boolean', default: false },
    },
  });
  const stage = STAGES.get(values.stage);
  if (stage === undefined) throw new Error(`--stage must be 1, 2 or 3, not '${values.stage}'`);
  const milliseconds = (name: 'delay' | 'patience') => {
    const value = Number(values[name]);
    if (value > 0 && Number.isFinite(value)) return value;
    throw new Error(`--${name} must be milliseconds above 0, not '${values[name]}'`);
  };
  const pages = stage(milliseconds('delay'));
  const limits = { maxHead: 16 * 1024, maxBody: 1024 * 1024, patience: milliseconds('patience') };
  return { pages: values.log ? logged(pages) : pages, limits, port: Number(values.port) };
}

/** The same pages, which say that they are asked for. */
function logged(pages: Pages): Pages {
  const log = ([path, page]: [string, Page]): [string, Page] => [
    path,
    (request) => {
      console.log(`${request.method} ${path}`);
      return page(request);
    },
  ];
  return new Map([...pages].map(log));
}

async function main(): Promise<void> {
  const { pages, limits, port } = parseOptions();
  const server = await serveWeb(pages, limits, { address: '127.0.0.1', port });
  const [address] = server.addresses;
  if (address !== undefined && 'port' in address) {
    console.log(`http://127.0.0.1:${address.port}: ${[...pages.keys()].join(' ')}`);
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    defaultReactor().addSignalHandler(signal, () => {
      server.close();
      server.abortClients();
    });
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`deferred-web: ${(error as Error).message}\n${USAGE}`);
  process.exitCode = 1;
}
