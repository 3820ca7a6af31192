/**
 * Runs the tests with an addon under AddressSanitizer and UndefinedBehaviorSanitizer:
 * node scripts/test-sanitized.mjs [VITEST ARGUMENTS]
 *
 * Node itself is not instrumented, so the sanitizer's run-time library is preloaded into it and into every child.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const addon = fileURLToPath(new URL('../.cache/sanitized/iomux.node', import.meta.url));
const compiler = process.env.CXX ?? 'g++';

function run(args, environment) {
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  });
  if (status !== 0) process.exit(status ?? 1);
}

const runtimes = ['libasan.so', 'libubsan.so'].map((library) =>
  execFileSync(compiler, [`-print-file-name=${library}`], { encoding: 'utf8' }).trim(),
);
run(['scripts/build-native.mjs', addon], { IOMUX_SANITIZE: 'address,undefined' });
run(['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)], {
  IOMUX_ADDON: addon,
  LD_PRELOAD: runtimes.join(':'),
  // Node frees little of what it has at its end; leaks of descriptors are tested for by name.
  ASAN_OPTIONS: 'detect_leaks=0',
  UBSAN_OPTIONS: 'print_stacktrace=1',
});
