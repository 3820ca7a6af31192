/** Finds the addon, loads it, and says what to do where there is none. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { Binding } from './binding.js';
import { check } from './errors.js';

const require = createRequire(import.meta.url);
const { path: find } = require('node-gyp-build') as { path(folder: string): string };

/** The folder of the package: of its sources and of dist/ alike. */
const root = dirname(require.resolve('iomux/package.json'));

/** Where the addon is: IOMUX_ADDON, else a build of this checkout, else the prebuilt one of this platform. */
function locate(): string {
  const named = process.env['IOMUX_ADDON'];
  return named !== undefined && named !== '' ? named : find(root);
}

function load(): { path: string; binding: Binding } {
  try {
    const path = locate();
    return { path, binding: require(path) as Binding };
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}, Node.js ${process.versions.node}`;
    throw new Error(
      `iomux has no addon that loads on ${platform}: ${(cause as Error).message}\n` +
        (process.platform === 'win32'
          ? 'iomux needs select, poll, epoll or kqueue of a Unix.'
          : 'Build it from source with `npx iomux build` (a C++17 compiler, make and Python 3 are needed), ' +
            'or name a built one in the environment variable IOMUX_ADDON.'),
      { cause },
    );
  }
}

const loaded = load();

// A worker must be able to end while it waits (worker.terminate). Bun's libuv is a stub that aborts when it is called.
if (!isMainThread && process.versions['bun'] === undefined) {
  const hint = 'without a descriptor of its own a worker that waits could not be terminated';
  check(
    loaded.binding.interruptible(() => {}),
    'epoll_create1',
    { hint },
  );
}

/** Where the addon was loaded from. */
export const addonPath = loaded.path;
export const native = loaded.binding;
