/**
 * Runs tests with an instrumented addon: node scripts/test-sanitized.mjs [thread] [VITEST ARGUMENTS]
 *
 * All of them under AddressSanitizer and UndefinedBehaviorSanitizer; with `thread`, those of what crosses threads under
 * ThreadSanitizer. Node itself is not instrumented, so the sanitizer's run-time library is preloaded into it and into
 * every child.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, '.cache/sanitized');
const reports = join(cache, 'reports');
const compiler = process.env.CXX ?? 'g++';

const kinds = {
  memory: {
    sanitize: 'address,undefined',
    runtimes: ['libasan.so', 'libubsan.so'],
    options: {
      // Node frees little of what it has at its end; leaks of descriptors are tested for by name.
      ASAN_OPTIONS: 'detect_leaks=0',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
    tests: [],
  },
  thread: {
    sanitize: 'thread',
    runtimes: ['libtsan.so'],
    options: {
      TSAN_OPTIONS: [
        // What V8 and libuv do among themselves is not seen whole, and would be taken for races. Their locks still count.
        'ignore_noninstrumented_modules=1',
        // What a thread has of the addon's `thread_local`s is of malloc(3), and 1 in 256 of such lies 16 bytes behind
        // the start of a page: gcc's run-time library takes the 16 before it for glibc 2.19's size and start of it,
        // clears the shadow of whatever range they make, and ends the process where there is no such range.
        'intercept_tls_get_addr=0',
        // A test process that is ended by its runner tells nobody its exit code: what is written here is looked for.
        `log_path=${join(reports, 'thread')}`,
        'exitcode=66',
      ].join(' '),
    },
    tests: [
      'test/waker.test.ts',
      'test/threads/',
      'test/reactor/remote.test.ts',
      'test/reactor/signals.test.ts',
      'test/reactor/hosting.test.ts',
      'test/selectors/select-async.test.ts',
    ],
  },
};

const args = process.argv.slice(2);
const name = Object.hasOwn(kinds, args[0] ?? '') ? args.shift() : 'memory';
const { sanitize, runtimes, options, tests } = kinds[name];
const addon = join(cache, `${name}.node`);

function run(command, environment) {
  const { status } = spawnSync(process.execPath, command, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  });
  return status ?? 1;
}

/** Whether an argument chooses among the tests. */
function isTest(argument) {
  return argument.startsWith('test/');
}

/** What the sanitizer wrote of the library, to the log. @returns whether there was anything. */
function showReports() {
  const files = readdirSync(reports);
  for (const file of files) console.error(readFileSync(join(reports, file), 'utf8'));
  return files.length > 0;
}

rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });
let status = run(['scripts/build-native.mjs', addon], { IOMUX_SANITIZE: sanitize });
if (status === 0) {
  const libraries = runtimes.map((library) =>
    execFileSync(compiler, [`-print-file-name=${library}`], { encoding: 'utf8' }).trim(),
  );
  status = run(['node_modules/vitest/vitest.mjs', 'run', ...(args.some(isTest) ? [] : tests), ...args], {
    IOMUX_ADDON: addon,
    LD_PRELOAD: libraries.join(':'),
    ...options,
  });
  if (showReports() && status === 0) status = 1;
}
process.exitCode = status;
